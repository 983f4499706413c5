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

enum { STACK_SLOTS = 1 << 15, FRAME_SLOTS = 1 << 16 };

struct stack_slot {
    uint64_t check[2]; // two hashes of all that makes the stack; 0: empty
    uint32_t node;
};

struct frame_slot {
    uint64_t space, address; // space 0: the kernel
    uint32_t frame;
    bool used;
};

struct stacks {
    struct dict *dict;
    struct symbols *symbols;
    struct kernel_symbols *kernel;
    uint64_t seed[2];
    struct stack_slot *stacks;
    struct frame_slot *frames;
};

struct stacks *stacks_new(struct dict *dict, struct symbols *symbols, struct kernel_symbols *kernel)
{
    struct stacks *stacks = xcalloc(1, sizeof *stacks);
    *stacks = (struct stacks){dict, symbols, kernel, {hash_seed(), hash_seed()}, NULL, NULL};
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
    free(stacks);
}

void stacks_clear(struct stacks *stacks)
{
    memset(stacks->stacks, 0, STACK_SLOTS * sizeof *stacks->stacks);
    memset(stacks->frames, 0, FRAME_SLOTS * sizeof *stacks->frames);
}

static uint32_t resolve(struct stacks *stacks, bool kernel, int32_t pid, uint64_t address)
{
    struct frame frame = {.kind = FRAME_KERNEL};
    if (!kernel) {
        symbols_resolve(stacks->symbols, stacks->dict, pid, address, &frame);
        return dict_frame(stacks->dict, &frame);
    }
    size_t name_len = 0, module_len = 0;
    const char *module = NULL;
    const char *name =
        kernel_symbols_name(stacks->kernel, address, &name_len, &module, &module_len);
    if (name) {
        frame.name = dict_string(stacks->dict, name, name_len);
        frame.module = dict_string(stacks->dict, module, module_len);
    } else {
        frame.module = dict_string_z(stacks->dict, "[kernel]");
        frame.address = address;
    }
    return dict_frame(stacks->dict, &frame);
}

static uint32_t frame_of(struct stacks *stacks, uint64_t space, int32_t pid, uint64_t address)
{
    uint64_t hash = hash_pair(stacks->seed[0], space, address);
    struct frame_slot *slot = &stacks->frames[hash & (FRAME_SLOTS - 1)];
    if (slot->used && slot->space == space && slot->address == address)
        return slot->frame;
    uint32_t frame = resolve(stacks, !space, pid, address);
    // Resolving may have looked at the process again and found it changed: remembered next time.
    if (!space || symbols_space(stacks->symbols, pid) == space)
        *slot = (struct frame_slot){space, address, frame, true};
    return frame;
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
    for (size_t i = user; i-- > 0;)
        node = dict_node(stacks->dict, node, frame_of(stacks, space, pid, all[i]));
    for (size_t i = kernel; i-- > 0;)
        node = dict_node(stacks->dict, node, frame_of(stacks, 0, pid, frames[i]));
    if (!user || symbols_space(stacks->symbols, pid) == space)
        *slot = (struct stack_slot){{check[0], check[1]}, node};
    return node;
}
