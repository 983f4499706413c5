// Samples written to a file of any format, for `save`, `export` and `convert`.
#ifndef FLICKER_SHELL_EXPORT_H
#define FLICKER_SHELL_EXPORT_H

#include "proto/format.h"
#include "shell/invocation.h"
#include "shell/part_file.h"

// What is asked for, and what became of it. Starts with the first two fields set.
struct export_file {
    const char *path;
    const char *format_name; // NULL: by the path's ending, without ".gz"

    const struct format *format;
    uint64_t samples, bytes;
    struct bytes lost; // "time and CPUs are lost"; empty when nothing is. The caller disposes it
};

// The format that a path's ending, or a name, means, and whether ".gz" follows it: -EINVAL says
// which there are.
int export_format(const struct format **out, bool *packs, const char *path, const char *name,
                  struct err *err) MUST_CHECK;
// What a query selects, as it was recorded: transforms do not apply.
int export_samples(struct session *session, const struct query *query, struct export_file *file,
                   struct err *err) MUST_CHECK;
// Says what was written, and what is lost in it.
void export_say(struct session *session, const struct export_file *file, const char *of_what);

// Runs the rest of `export FILE ...`, whose file is word `at`: samples, or another command's
// answer.
enum run_result export_run(struct session *session, struct invocation *run, size_t at,
                           struct err *err);
// Whether that is an answer rather than samples.
bool export_is_answer(const struct invocation *run, size_t at);

#endif
