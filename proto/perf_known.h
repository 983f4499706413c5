// What of `perf script` text was seen before, recognised by the bytes: threads by the start of a
// header, call paths by the bytes of their chain, frames by the bytes of their line.
//
// A recording says the same few thousand things over and over. Looking up a whole chain costs one
// cache miss, where parsing and interning its lines costs some ten each. Of a chain that is new,
// the part above the functions that are new, toward the root, is mostly known, too. The memory is
// bounded.
#ifndef FLICKER_PROTO_PERF_KNOWN_H
#define FLICKER_PROTO_PERF_KNOWN_H

#include "proto/dict.h"
#include "proto/memo.h"
#include "proto/perf_ahead.h"
#include "proto/sample.h"

enum { PERF_STACK_MAX = 4096 }; // frames; perf's own limit is 127 unless raised

// What the start of a header says.
struct perf_head {
    uint32_t thread; // IDSET_NONE: it was not seen before
    uint32_t root;   // the node of its comm
    uint16_t cpu;
};

struct perf_known {
    struct dict *dict;
    struct text_hash hash; // as the scan's
    uint64_t generation;   // of the dictionary when the memories were filled
    struct memo heads;     // start of a header -> index of head_table
    struct memo chains;    // chain under a comm -> node
    struct memo callers;   // the same without the leaf's line
    struct memo paths;     // the lowest lines of a chain under a comm -> node
    struct memo lines;     // one line -> frame
    struct perf_head *head_table;
    size_t head_count, head_capacity;
    char event[256]; // the last one: its name, and whether it had a period
    size_t event_len;
    bool event_has_period;
    uint32_t event_id;
    // The leaf's caller first; PERF_STACK_MAX.
    struct perf_caller *looked_at; // of the chains that perf_known_look found to be new
    size_t looked_at_count;
    struct perf_caller *at_hand; // of the chain at hand, when they were not hashed before
    uint32_t *frames;
};

void perf_known_init(struct perf_known *known, struct dict *dict);
void perf_known_dispose(struct perf_known *known);
// Call before a run of tokens: forgets all when the dictionary was renumbered.
void perf_known_check(struct perf_known *known);

// What is known of a token.
struct perf_seen {
    struct perf_head head;
    uint32_t node;                     // MEMO_EMPTY: not known
    struct hash128 chain;              // when the head is known: what the chain is known by
    const struct perf_caller *callers; // NULL: not hashed so far
};

// As many as are worth being looked up at once: what the first ones teach is not seen by the
// others.
enum { PERF_LOOK = 32 };

// Looks up some tokens of a text at once, so that the waits for memory overlap. What they see is
// valid until the next look.
void perf_known_look(struct perf_known *known, struct perf_seen *seen,
                     const struct perf_token *tokens, size_t count, const char *text,
                     const char *notes);

enum perf_known_result {
    PERF_KNOWN,      // *sample is filled
    PERF_ODD_CHAIN,  // *sample but for its node: the chain has lines that depend on each other
    PERF_ODD_HEADER, // to be read line by line
};

// The sample of a usual token, whose bytes are text and of which this much was known some tokens
// ago. What is new is parsed and remembered. Of what was read ahead, notes tell (may be NULL).
enum perf_known_result perf_known_sample(struct perf_known *known, struct sample *sample,
                                         const char *text, const struct perf_token *token,
                                         const struct perf_seen *seen, const char *notes);
// Remembers the node of an odd chain that was read line by line.
void perf_known_learn(struct perf_known *known, const struct perf_token *token, uint32_t node);

// Interns an event by its name. Its period is in ns for the clocks of CPU time.
uint32_t perf_event_id(struct dict *dict, struct span name, bool has_period);
// Interns a frame whose line stands for itself. False: it does not ("->" of a JIT, inlined).
bool perf_frame_intern(struct dict *dict, struct frame *out, const struct perf_frame *parsed);

#endif
