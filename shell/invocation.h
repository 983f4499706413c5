// One run of a command: its arguments, its own copy of the settings, where its results go.
#ifndef FLICKER_SHELL_INVOCATION_H
#define FLICKER_SHELL_INVOCATION_H

#include "shell/command.h"
#include "shell/writer.h"

struct invocation {
    const struct command *command;
    const struct statement *statement; // borrowed
    const struct word **words;         // those without a key, flags taken out
    size_t word_count;
    struct settings settings; // a copy: key=value overrides hold for this run only
    struct filter *filter;    // the selection's and the terms of this run; NULL: the selection's
    bool json, csv;           // what results are written as; neither: for people
    struct writer out;        // results; flushed when the run ends
    struct term term;         // what out can show
    int64_t started_ns;

    // Of a failure: what to point at, and the code to leave a script with.
    size_t bad_at; // byte of the line; GRAMMAR_NOWHERE
    enum exit_code exit_code;

    // Of a run that waits. step is called when wake_ns has come, after any event, and on Ctrl-C.
    enum run_result (*step)(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err);
    void (*dispose)(void *state);
    void *state;
    int64_t wake_ns; // 0: at once
};

// Checks words, keys and flags against the command's row and opens the output. On failure
// the invocation still is to be disposed.
int invocation_init(struct invocation *run, struct session *session, const struct command *command,
                    const struct statement *statement, struct err *err) MUST_CHECK;
void invocation_dispose(struct invocation *run);

// The text of word i, NULL when there are fewer.
const char *invocation_word(const struct invocation *run, size_t i);
// The last word with this key; NULL: not given.
const struct word *invocation_key(const struct invocation *run, const char *key);
// Fails with a place in the line: RUN_ERROR, exit code 2.
enum run_result invocation_usage(struct invocation *run, size_t at, struct err *err,
                                 const char *format, ...) PRINTF_LIKE(4, 5);
// That the command has no such key, and which may be meant. -EINVAL.
int invocation_unknown_key(struct invocation *run, const struct word *word, struct err *err);
// Values of keys; 0 with *out untouched when the key is not given, -EINVAL pointing at the value.
int invocation_duration(struct invocation *run, const char *key, int64_t *out,
                        struct err *err) MUST_CHECK;
int invocation_count(struct invocation *run, const char *key, uint64_t least, uint64_t most,
                     uint64_t *out, struct err *err) MUST_CHECK;

// The rate of resample=HZ, 0 when it is not given.
int invocation_resample(struct invocation *run, double *out, struct err *err) MUST_CHECK;

// The query of this run: the session's selection with the filter, event and idle of this run.
void invocation_query(struct invocation *run, struct session *session, struct query *out);

#endif
