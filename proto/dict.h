// The dictionary: strings, frames, nodes, threads and events, each interned once and numbered.
//
// A sample speaks of its names by these numbers. A decoder interns into the dictionary of its sink;
// an encoder reads them back from the dictionary that it was made with. Numbers are dense, start at
// 0 and never leave the process. Entries are numbered in order of first appearance, so that two
// dictionaries filled in the same order are equal; a node's number is higher than its parent's.
//
// Numbers stay valid while `generation` is unchanged: compaction renumbers, and happens only
// between two pushes into a decoder. Who caches numbers compares the generation first.
#ifndef FLICKER_PROTO_DICT_H
#define FLICKER_PROTO_DICT_H

#include "proto/tagset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DICT_EMPTY = 0,                  // string 0 is ""
    DICT_ROOT = 0,                   // node 0 is the root: no frame, its own parent
    DICT_STRING_MAX_BYTES = 1 << 16, // longer names are cut here and end in "..."
};

enum frame_kind {
    FRAME_USER,
    FRAME_KERNEL,
    FRAME_JIT,
    FRAME_INLINED,
    FRAME_INTERPRETED,
    FRAME_COMM, // not a function: the name of the thread, the first level of every stack
    FRAME_KINDS
};

// One level of a stack. Two frames are the same when all fields are.
struct frame {
    uint32_t name;    // string: the function; DICT_EMPTY, or "libfoo.so+0x1230", when unresolved
    uint32_t module;  // string: the mapped file, "[kernel]", "[vdso]"; DICT_EMPTY when unknown
    uint32_t file;    // string: source file; DICT_EMPTY when unknown
    uint32_t line;    // 0 when unknown
    uint64_t address; // only where the function is unknown: the address that the source printed,
                      // or, beside a name made of it, that of the function; else 0
    uint8_t kind;     // enum frame_kind
};

// Unresolved: no name but where it lies. It is shown as "[module]" where addresses say nothing
// together, as the name made of module and address else, and counted.
static inline bool frame_is_unresolved(const struct frame *frame)
{
    return frame->name == DICT_EMPTY || frame->address;
}

// A stack is a node: its leaf frame, and the node of its caller. The level below the root is always
// the comm of the thread (kind FRAME_COMM, see dict_comm_node), so that a fold counts per node
// only; a sample without a stack has that node. Encoders whose format has no such level skip it.
struct node {
    uint32_t parent;
    uint32_t frame;
};

// A thread that ran under one name; after exec or a rename it is another row.
struct thread {
    int32_t pid;      // -1 when unknown
    int32_t tid;      // -1 when unknown
    uint32_t comm;    // string, full: digits and spaces included
    uint32_t cgroup;  // string; DICT_EMPTY when unknown
    int64_t start_ns; // when the thread started, 0 when unknown: tells a reused tid apart
};

// What a sample's value measures. CPU samples carry their period in ns and are counted by samples;
// blocked time is summed by value.
struct event {
    uint32_t name; // string: "cpu-clock", "offcpu"
    uint32_t unit; // string: unit of the value: "ns", "bytes", "faults", "" when there is none
    bool by_value; // totals are sums of values, else numbers of samples
};

struct dict {
    uint64_t seed;
    uint64_t generation;

    char *text; // all strings, each NUL-terminated
    size_t text_len, text_capacity;
    uint64_t *string_at; // start of each string in text; one more entry at the end
    size_t string_count, string_capacity;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    struct node *nodes;
    size_t node_count, node_capacity;
    struct thread *threads;
    size_t thread_count, thread_capacity;
    struct event *events;
    size_t event_count, event_capacity;
    struct tagset string_set, frame_set, node_set, thread_set, event_set;
    bool by_line; // for who looks: frames of one function at different lines are not the same
};

void dict_init(struct dict *dict);
void dict_dispose(struct dict *dict);

// Each returns the number of the entry, which is added when new. Text may hold any bytes, NUL
// included (it is kept, and cut where it is shown). Ids inside an entry must be of this dictionary.
uint32_t dict_string(struct dict *dict, const char *text, size_t len);
// The same, whose hash (hash_bytes of hash.h with the dictionary's seed) is known.
uint32_t dict_string_hashed(struct dict *dict, const char *text, size_t len, uint64_t hash);
uint32_t dict_string_z(struct dict *dict, const char *text);
uint32_t dict_frame(struct dict *dict, const struct frame *frame);
uint32_t dict_node(struct dict *dict, uint32_t parent, uint32_t frame);
// Always a new one, that dict_node need not find: for who knows its own nodes and will intern them
// elsewhere.
uint32_t dict_node_apart(struct dict *dict, uint32_t parent, uint32_t frame);
// The node under which all stacks of threads with this comm (a string) lie.
uint32_t dict_comm_node(struct dict *dict, uint32_t comm);
uint32_t dict_thread(struct dict *dict, const struct thread *thread);
uint32_t dict_event(struct dict *dict, const struct event *event);

// The number of a string that is there already, IDSET_NONE otherwise.
uint32_t dict_find_string(const struct dict *dict, const char *text, size_t len);

// Borrowed until the next change of the dictionary; NUL-terminated.
const char *dict_text(const struct dict *dict, uint32_t string);
size_t dict_text_len(const struct dict *dict, uint32_t string);

// What became of numbers: the new one of each old one, IDSET_NONE for those that are gone.
struct dict_renumbering {
    uint32_t *nodes, *threads;
};

// Drops the nodes and threads without a bit in the sets (node_count and thread_count bits), except
// callers of kept ones, then frames and strings that nothing needs any more. Events stay. What is
// left is renumbered in the same order, and the generation is raised. *out is the caller's to
// dispose.
void dict_compact(struct dict *dict, const uint64_t *nodes, const uint64_t *threads,
                  struct dict_renumbering *out);
void dict_renumbering_dispose(struct dict_renumbering *renumbering);
// Makes the sets anew from the arrays, after those were changed in place.
void dict_index(struct dict *dict);

// Bytes on the heap, all tables.
size_t dict_bytes(const struct dict *dict);

#endif
