// Counting a view's samples by owner (a thread, a process, a CPU) and node.
#ifndef FLICKER_ANALYSIS_OWNER_COUNTS_H
#define FLICKER_ANALYSIS_OWNER_COUNTS_H

#include "analysis/view.h"

// Whose a sample is: a key below `count`, for each thread of the dictionary, or of the CPU.
struct owner_keys {
    const uint32_t *of_thread; // NULL: by CPU, whose numbers are the keys, but for the last key,
    uint32_t count;            // which stands for "not known"
};

struct owner_row {
    uint32_t key, node;
    uint64_t samples, value;
};

// In the order of keys. By thread, CPU and time only: what the filter says of nodes, and idle ones,
// are left to the caller, as of weigh_nodes.
struct owner_rows {
    struct owner_row *items;
    size_t count, capacity;
};

// One key more than the CPUs that the view's samples may have.
uint32_t owner_cpu_keys(const struct view *view);
int owner_counts(struct owner_rows *out, const struct view *view, const struct owner_keys *keys,
                 struct err *err) MUST_CHECK;

#endif
