// What of `perf script` text was seen before, recognised by the bytes: threads by the start of a
// header, call paths by the bytes of their chain, frames by the bytes of their line.
//
// A recording says the same few thousand things over and over. Looking up a whole chain costs one
// cache miss, where parsing and interning its lines costs some ten each. The memory is bounded.
#ifndef FLICKER_PROTO_PERF_KNOWN_H
#define FLICKER_PROTO_PERF_KNOWN_H

#include "proto/dict.h"
#include "proto/memo.h"
#include "proto/perf_line.h"
#include "proto/perf_scan.h"
#include "proto/sample.h"

enum { PERF_STACK_MAX = 4096 }; // frames; perf's own limit is 127 unless raised

// A call path and what a report counts of it.
struct perf_path {
    uint32_t node;
    uint16_t frames, unresolved;
};

struct perf_known {
    struct dict *dict;
    uint64_t generation; // of the dictionary when the memories were filled
    struct memo heads;   // start of a header -> thread, CPU
    struct memo chains;  // comm and chain -> perf_path
    struct memo callers; // the same without the leaf's line
    struct memo lines;   // one line -> frame
    char event[256];     // the last one: its name, and whether it had a period
    size_t event_len;
    bool event_has_period;
    uint32_t event_id;
    uint32_t frames[PERF_STACK_MAX]; // of the chain at hand, leaf first
};

void perf_known_init(struct perf_known *known, struct dict *dict);
void perf_known_dispose(struct perf_known *known);
// Call before a run of tokens: forgets all when the dictionary was renumbered.
void perf_known_check(struct perf_known *known);

// Asks for the memory that this token will need.
static inline void perf_known_prefetch(const struct perf_known *known,
                                       const struct perf_token *token)
{
    memo_prefetch(&known->heads, token->head);
    memo_prefetch(&known->chains, hash128_join(token->leaf, token->callers));
    memo_prefetch(&known->callers, token->callers);
    memo_prefetch(&known->lines, token->leaf);
}

enum perf_known_result {
    PERF_KNOWN,      // *sample and *path are filled
    PERF_ODD_CHAIN,  // *sample but for its node: the chain has lines that depend on each other
    PERF_ODD_HEADER, // to be read line by line
};

// The sample of a usual token, whose bytes are text. What is new is parsed and remembered.
enum perf_known_result perf_known_sample(struct perf_known *known, struct sample *sample,
                                         struct perf_path *path, const char *text,
                                         const struct perf_token *token);
// Remembers the path of an odd chain that was read line by line.
void perf_known_learn(struct perf_known *known, const struct perf_token *token, uint32_t thread,
                      const struct perf_path *path);

// Interns an event by its name. Its period is in ns for the clocks of CPU time.
uint32_t perf_event_id(struct dict *dict, struct span name, bool has_period);
// Interns a frame whose line stands for itself. False: it does not ("->" of a JIT, inlined).
bool perf_frame_intern(struct dict *dict, struct frame *out, const struct perf_frame *parsed);

#endif
