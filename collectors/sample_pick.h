// Which samples of a stream are wanted, where the tool that writes it cannot choose them itself.
#ifndef FLICKER_COLLECTORS_SAMPLE_PICK_H
#define FLICKER_COLLECTORS_SAMPLE_PICK_H

#include "collectors/collector.h"
#include "collectors/native_options.h"

// All that is not 0 must hold. Starts as {0}: every sample.
struct sample_pick {
    int32_t pid, tid;
    char comm[16]; // as the kernel keeps names: at most 15 bytes
    bool has_cpus;
    uint64_t cpus[NATIVE_CPU_WORDS];
};

// What those options of a request mean that every kind of recording can heed: pid tid comm cpu
// kernel user depth. -EINVAL: a value is not understood. Text is borrowed from the request.
int sample_pick_options(struct native_options *options, const struct collect_request *request,
                        struct err *err) MUST_CHECK;
void sample_pick_init(struct sample_pick *pick, const struct native_options *options);
// How many of the host's first `count` CPUs are picked.
uint32_t sample_pick_cpus(const struct sample_pick *pick, uint32_t count);
bool sample_pick_takes_all(const struct sample_pick *pick);
// A sample of no known process is taken whatever the process.
bool sample_pick_takes(const struct sample_pick *pick, const struct dict *dict,
                       const struct sample *sample);

#endif
