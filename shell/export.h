// Samples written to a file of any format, for `save`, `export` and `convert`.
#ifndef FLICKER_SHELL_EXPORT_H
#define FLICKER_SHELL_EXPORT_H

#include "proto/format.h"
#include "shell/invocation.h"
#include "shell/part_file.h"

// What is asked for, and what became of it. Starts with the first three fields set.
struct export_file {
    const char *path;
    const char *format_name; // NULL: by the path's ending, without ".gz"
    bool event_asked;        // event= was said: which others there are need not be

    const struct format *format;
    uint64_t samples, bytes;
    // "time and CPUs are lost", "the event cpu, without alloc": empty when nothing is lost, and no
    // event is left out. export_file_dispose frees them.
    struct bytes lost, choice;
};

// The format that a path's ending, or a name, means, and whether ".gz" follows it: -EINVAL says
// which there are.
int export_format(const struct format **out, bool *packs, const char *path, const char *name,
                  struct err *err) MUST_CHECK;
// What a query selects, as it was recorded: transforms do not apply. Of all events ("*"), a format
// that does not tell them apart gets the one in view.
int export_samples(struct session *session, const struct query *query, struct export_file *file,
                   struct err *err) MUST_CHECK;
struct inventory;
// Takes over what stood before the encoder has noted.
void export_note(struct export_file *file, const struct inventory *inventory);
void export_file_dispose(struct export_file *file);
// Says what was written, and what is lost in it.
void export_say(struct session *session, const struct export_file *file, const char *of_what);

// Runs the rest of `export FILE ...`, whose file is word `at`: samples, or another command's
// answer.
enum run_result export_run(struct session *session, struct invocation *run, size_t at,
                           struct err *err);
// Whether that is an answer rather than samples.
bool export_is_answer(const struct invocation *run, size_t at);

#endif
