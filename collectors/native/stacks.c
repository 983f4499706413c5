// From the addresses of an event to a node of the dictionary.
//
// Two memories, both direct-mapped: whole stacks (most samples repeat one), and single addresses (a
// new stack is mostly made of known ones). An entry names the address space that it holds for, so
// that a changed mapping needs no clearing.
#include "collectors/native/stacks.h"

#include "proto/alloc.h"
#include "proto/hash.h"

#include <stdlib.h>
#include <string.h>

enum { STACK_SLOTS = 1 << 15, FRAME_SLOTS = 1 << 16, CHAINS_MAX = 1 << 20 };

struct stack_slot {
    uint64_t check[2]; // two hashes of all that makes the stack; 0: empty
    uint32_t node;
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

// An address on its way to a node.
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

static struct frame_slot *slot_of(struct stacks *stacks, const struct step *step)
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
    *slot_of(stacks, step) = (struct frame_slot){step->space, step->address, at, (uint16_t)count};
}

// The node of the functions at an address, below this node.
static uint32_t step_node(struct stacks *stacks, uint32_t node, struct step *step)
{
    struct dict *dict = stacks->dict;
    const struct frame_slot *slot = slot_of(stacks, step);
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

uint32_t stacks_node(struct stacks *stacks, const struct native_event *event,
                     const uint64_t *frames, uint32_t below)
{
    uint64_t all[NATIVE_STACK_MAX + 2], check[2];
    const size_t kernel = event->kernel_frames, user = user_frames(all, event, frames);
    const int32_t pid = (int32_t)event->pid;
    uint64_t space = user ? symbols_space(stacks->symbols, pid) : 0;
    for (int i = 0; i < 2; i++) {
        check[i] = hash_bytes(stacks->seed[i], frames, kernel * sizeof *frames);
        check[i] = hash_pair(check[i], hash_bytes(stacks->seed[i], all, user * sizeof *all), space);
        check[i] = hash_pair(check[i], below, kernel << 16 | user) | 1;
    }
    struct stack_slot *slot = &stacks->stacks[(check[0] >> 20) & (STACK_SLOTS - 1)];
    if (slot->check[0] == check[0] && slot->check[1] == check[1])
        return slot->node;
    uint32_t node = below;
    struct step step = {.space = space, .pid = pid};
    // All but the innermost are where a call returns to: the call is the instruction before.
    bool exact = event->function || !event->caller;
    for (size_t i = user; i-- > 0;) {
        step.address = all[i] - (i || !exact);
        node = step_node(stacks, node, &step);
    }
    step.space = 0;
    for (size_t i = kernel; i-- > 0;) {
        step.address = frames[i];
        node = step_node(stacks, node, &step);
    }
    stacks->waited |= step.waiting;
    if (!step.waiting && (!user || symbols_space(stacks->symbols, pid) == space))
        *slot = (struct stack_slot){{check[0], check[1]}, node};
    return node;
}

bool stacks_waited(struct stacks *stacks)
{
    bool waited = stacks->waited;
    stacks->waited = false;
    return waited;
}
