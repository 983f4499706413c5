// From the addresses of an event to a node of the dictionary, mostly by memory of earlier events.
#ifndef FLICKER_COLLECTORS_NATIVE_STACKS_H
#define FLICKER_COLLECTORS_NATIVE_STACKS_H

#include "collectors/native/events.h"
#include "collectors/native/kernel_symbols.h"
#include "collectors/symbols.h"

struct stacks;

// All borrowed.
struct stacks *stacks_new(struct dict *dict, struct symbols *symbols,
                          struct kernel_symbols *kernel);
void stacks_free(struct stacks *stacks);
// Forgets everything: the dictionary's numbers have changed.
void stacks_clear(struct stacks *stacks);
// The node of the event's stack below this node: the comm of its thread, or whom it woke.
uint32_t stacks_node(struct stacks *stacks, const struct native_event *event,
                     const uint64_t *frames, uint32_t below);
// Whether a node since the last call of this would be another one later: source lines and inlined
// functions are asked for that are not known yet.
bool stacks_waited(struct stacks *stacks);

#endif
