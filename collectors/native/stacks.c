// From the addresses of an event to a node of the dictionary.
//
// Two memories, both direct-mapped: stacks, whole and from their root up to any frame (a new stack
// mostly differs from a known one in its last frames only), and single addresses. An entry names
// the address space that it holds for, so that a changed mapping needs no clearing.
#include "collectors/native/stacks.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
    STACK_SLOTS = 1 << 16,
    FRAME_SLOTS = 1 << 16,
    CHAINS_MAX = 1 << 20,
    MAX_LEVELS = 2 * NATIVE_STACK_MAX + 2,
};

// The addresses of a stack, the root's first, as they are looked up: the user's, then the kernel's.
struct levels {
    uint64_t addresses[MAX_LEVELS];
    size_t user, count;
};

// All that makes a stack from its root up to a level, hashed twice.
struct key {
    uint64_t place;
    uint32_t check; // 0: empty
};

struct stack_slot {
    uint64_t place;
    uint32_t check, node;
};

// What an address is: a function, or a chain of those that were inlined in one another.
struct frame_slot {
    uint64_t space, address; // space 0: the kernel
    uint32_t frame;          // of a chain: its place among the chains
    uint16_t count;          // 0: the slot is empty
};

struct stacks {
    struct dict *dict;
    struct symbols *symbols;
    struct kernel_symbols *kernel;
    uint64_t seed[2];
    struct stack_slot *stacks;
    struct frame_slot *frames;
    uint32_t *chains; // frames, callers first
    size_t chain_count, chain_capacity;
    bool waited;
};

// An address on its way to a node; waiting is kept from one to the next.
struct step {
    uint64_t space, address;
    int32_t pid;
    bool waiting; // what it was found to be is not all that there is
};

struct stacks *stacks_new(struct dict *dict, struct symbols *symbols, struct kernel_symbols *kernel)
{
    struct stacks *stacks = xcalloc(1, sizeof *stacks);
    *stacks = (struct stacks){
        .dict = dict, .symbols = symbols, .kernel = kernel, .seed = {hash_seed(), hash_seed()}};
    stacks->stacks = xcalloc(STACK_SLOTS, sizeof *stacks->stacks);
    stacks->frames = xcalloc(FRAME_SLOTS, sizeof *stacks->frames);
    return stacks;
}

void stacks_free(struct stacks *stacks)
{
    if (!stacks)
        return;
    free(stacks->stacks);
    free(stacks->frames);
    free(stacks->chains);
    free(stacks);
}

void stacks_clear(struct stacks *stacks)
{
    memset(stacks->stacks, 0, STACK_SLOTS * sizeof *stacks->stacks);
    memset(stacks->frames, 0, FRAME_SLOTS * sizeof *stacks->frames);
    stacks->chain_count = 0;
}

static size_t resolve_kernel(struct stacks *stacks, uint64_t address, struct frame *frame)
{
    *frame = (struct frame){.kind = FRAME_KERNEL};
    size_t name_len = 0, module_len = 0;
    const char *module = NULL;
    const char *name =
        kernel_symbols_name(stacks->kernel, address, &name_len, &module, &module_len);
    if (name) {
        frame->name = dict_string(stacks->dict, name, name_len);
        frame->module = dict_string(stacks->dict, module, module_len);
    } else {
        frame->module = dict_string_z(stacks->dict, "[kernel]");
        frame->address = address;
    }
    return 1;
}

static struct frame_slot *frame_slot_of(struct stacks *stacks, const struct step *step)
{
    uint64_t hash = hash_pair(stacks->seed[0], step->space, step->address);
    return &stacks->frames[hash & (FRAME_SLOTS - 1)];
}

// Chains are given up with all that speaks of them.
static void remember(struct stacks *stacks, const struct step *step, const uint32_t *ids,
                     size_t count)
{
    if (stacks->chain_count + count > CHAINS_MAX)
        stacks_clear(stacks);
    uint32_t at = ids[0];
    if (count > 1) {
        at = (uint32_t)stacks->chain_count;
        array_reserve(&stacks->chains, &stacks->chain_capacity, stacks->chain_count + count);
        memcpy(stacks->chains + at, ids, count * sizeof *ids);
        stacks->chain_count += count;
    }
    *frame_slot_of(stacks, step) =
        (struct frame_slot){step->space, step->address, at, (uint16_t)count};
}

// The node of the functions at an address, below this node.
static uint32_t step_node(struct stacks *stacks, uint32_t node, struct step *step)
{
    struct dict *dict = stacks->dict;
    const struct frame_slot *slot = frame_slot_of(stacks, step);
    if (slot->count && slot->space == step->space && slot->address == step->address) {
        const uint32_t *ids = slot->count == 1 ? &slot->frame : stacks->chains + slot->frame;
        for (size_t i = 0; i < slot->count; i++)
            node = dict_node(dict, node, ids[i]);
        return node;
    }
    struct frame frames[DEBUG_INFO_MAX_FRAMES];
    uint32_t ids[DEBUG_INFO_MAX_FRAMES];
    bool waiting = false;
    size_t count = step->space ? symbols_resolve_inlined(stacks->symbols, dict, step->pid,
                                                         step->address, frames, &waiting)
                               : resolve_kernel(stacks, step->address, frames);
    for (size_t i = 0; i < count; i++) {
        ids[i] = dict_frame(dict, &frames[i]);
        node = dict_node(dict, node, ids[i]);
    }
    step->waiting |= waiting;
    // Resolving may have looked at the process again and found it changed: remembered next time.
    if (!waiting && (!step->space || symbols_space(stacks->symbols, step->pid) == step->space))
        remember(stacks, step, ids, count);
    return node;
}

// The user's side, the leaf first: what was added at a probe, then the chain. The kernel may know
// the caller at a function's entry too: then it is there twice.
static size_t user_frames(uint64_t out[NATIVE_STACK_MAX + 2], const struct native_event *event,
                          const uint64_t *frames)
{
    size_t count = 0, from = event->kernel_frames, to = from + event->user_frames;
    if (event->function)
        out[count++] = event->function;
    if (event->caller)
        out[count++] = event->caller;
    if (from < to && event->caller && frames[from] == event->caller)
        from++;
    while (from < to && count < NATIVE_STACK_MAX + 2)
        out[count++] = frames[from++];
    return count;
}

static void make_levels(struct levels *levels, const struct native_event *event,
                        const uint64_t *frames)
{
    uint64_t user[NATIVE_STACK_MAX + 2];
    size_t kernel =
        event->kernel_frames < NATIVE_STACK_MAX ? event->kernel_frames : NATIVE_STACK_MAX;
    levels->count = levels->user = user_frames(user, event, frames);
    // All but the innermost are where a call returns to: the call is the instruction before.
    bool exact = event->function || !event->caller;
    for (size_t i = 0; i < levels->user; i++)
        levels->addresses[levels->user - 1 - i] = user[i] - (i || !exact);
    while (kernel)
        levels->addresses[levels->count++] = frames[--kernel];
}

// The key of each level; where the kernel's frames begin is part of it.
static void make_keys(const struct stacks *stacks, struct key *keys, struct key at,
                      const struct levels *levels)
{
    for (size_t i = 0; i < levels->count; i++) {
        if (i == levels->user)
            at.place ^= stacks->seed[1];
        at.place = hash_mix(at.place ^ stacks->seed[0], levels->addresses[i]);
        at.check = (uint32_t)hash_mix(at.check ^ stacks->seed[1], levels->addresses[i]) | 1;
        keys[i] = at;
    }
}

static struct stack_slot *stack_slot_of(const struct stacks *stacks, const struct key *key)
{
    return &stacks->stacks[(key->place >> 20) & (STACK_SLOTS - 1)];
}

// How many levels, from the root, are known; *node is that of the last of them.
static size_t known_levels(const struct stacks *stacks, const struct key *keys, size_t count,
                           uint32_t *node)
{
    for (; count; count--) {
        const struct key *key = &keys[count - 1];
        const struct stack_slot *slot = stack_slot_of(stacks, key);
        if (slot->place != key->place || slot->check != key->check)
            continue;
        *node = slot->node;
        break;
    }
    return count;
}

uint32_t stacks_node(struct stacks *stacks, const struct native_event *event,
                     const uint64_t *frames, uint32_t below)
{
    struct levels levels;
    struct key keys[MAX_LEVELS];
    uint32_t nodes[MAX_LEVELS];
    make_levels(&levels, event, frames);
    const int32_t pid = (int32_t)event->pid;
    const uint64_t space = levels.user ? symbols_space(stacks->symbols, pid) : 0;
    make_keys(stacks, keys, (struct key){hash_pair(stacks->seed[0], space, below), below}, &levels);
    uint32_t node = below;
    const size_t known = known_levels(stacks, keys, levels.count, &node);
    size_t sure = known; // up to where nothing is waited for
    struct step step = {.pid = pid};
    for (size_t i = known; i < levels.count; i++) {
        step.space = i < levels.user ? space : 0;
        step.address = levels.addresses[i];
        node = nodes[i] = step_node(stacks, node, &step);
        if (!step.waiting)
            sure = i + 1;
    }
    stacks->waited |= step.waiting;
    // Resolving may have looked at the process again and found it changed.
    if (levels.user && known < sure && symbols_space(stacks->symbols, pid) != space)
        return node;
    for (size_t i = known; i < sure; i++)
        *stack_slot_of(stacks, &keys[i]) =
            (struct stack_slot){keys[i].place, keys[i].check, nodes[i]};
    return node;
}

bool stacks_waited(struct stacks *stacks)
{
    bool waited = stacks->waited;
    stacks->waited = false;
    return waited;
}
