// The table of commands, and one command being run.
//
// Adding one: a file shell/cmd_NAME.c that defines `const struct command command_NAME`, a line in
// COMMAND_LIST, a session in tests/shell.
#ifndef FLICKER_SHELL_COMMAND_H
#define FLICKER_SHELL_COMMAND_H

#include "analysis/query.h"
#include "proto/output.h"
#include "shell/grammar.h"
#include "shell/setting.h"
#include "viewer/term.h"

struct session;
struct invocation;

// RUN_WAIT: not finished; the loop calls invocation.step until it says otherwise.
enum run_result { RUN_OK, RUN_ERROR, RUN_WAIT, RUN_QUIT };

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_COLLECTOR = 3,
    EXIT_TIMED_OUT = 124,
    EXIT_INTERRUPTED = 130,
};

// What a word or a value is, for completion and help.
enum arg_kind {
    ARG_NONE,
    ARG_CHOICE, // one of `choices`
    ARG_FILE,
    ARG_COMMAND,
    ARG_TIME,
    ARG_DURATION,
    ARG_COUNT,
    ARG_NUMBER,
    ARG_JOB,
    ARG_COMM,
    ARG_PID,
    ARG_TID,
    ARG_CPU,
    ARG_CGROUP,
    ARG_FRAME,
    ARG_MODULE,
    ARG_SOURCE,
    ARG_FORMAT,
    ARG_EXPORT, // a format that can be written, or the form of an answer
    ARG_COLLECTOR,
    ARG_RECORDED, // what `record` can be told: a preset, a file
    ARG_MARK,
    ARG_SIDE, // of a comparison, see compare.h
};

struct command_key {
    const char *name;
    enum arg_kind kind;
    const char *choices; // of ARG_CHOICE, space-separated
    const char *text;    // one line for help
};

enum { COMMAND_WORDS = 3, COMMAND_KEYS = 24 };

struct command {
    const char *name;
    const char *group; // "look"
    const char *usage; // "top [N] [by=self|total] [FILTER]"
    const char *summary;
    const char *details;                // more for `help NAME`; NULL: none
    const char *example;                // parses, and works in the demo
    enum arg_kind words[COMMAND_WORDS]; // kinds of the first words
    const char *choices;                // for words: offered besides their kind
    int max_words;                      // -1: any number
    struct command_key keys[COMMAND_KEYS];
    const char *settings; // those it heeds, space-separated or "*": key=value overrides one
    bool filters;         // takes filter terms (comm=, frame~...)
    bool expression;      // the rest is verbatim, see grammar.h
    bool raw;             // its words may look like options (-F 99), keys of others pass as words
    bool json;            // takes --json
    bool csv;             // takes --csv
    enum run_result (*run)(struct session *session, struct invocation *run, struct err *err);
};

// In the order of help.
// clang-format off
#define COMMAND_LIST(X) \
    X(record) X(jobs) X(stop) X(doctor) \
    X(open) X(save) X(keep) X(export) X(convert) \
    X(slice) X(filter) X(undo) X(mark) X(spikes) \
    X(heatmap) X(flame) X(top) X(threads) X(fold) X(why) X(diff) \
    X(wait) X(source) X(set) \
    X(view) X(status) X(help) X(quit) \
    /* end */
// clang-format on

#define COMMAND_DECLARE(name) extern const struct command command_##name;
COMMAND_LIST(COMMAND_DECLARE)
#undef COMMAND_DECLARE

extern const struct command *const command_table[]; // NULL-terminated

// The command of this name; with `prefixes`, also the only one that begins with it. NULL otherwise:
// err then names the nearest, or those that are meant.
const struct command *command_find(const char *name, bool prefixes, struct err *err);
const struct command *command_by_name(const char *name);
// For grammar_parse: exact names and, since that costs nothing, their prefixes.
bool command_is_expression(const char *verb);
// The row of a key of this command (its own only); NULL when there is none.
const struct command_key *command_key(const struct command *command, const char *name);
// Whether the space-separated list holds the word; "*" holds all.
bool list_has(const char *list, const char *word);

#endif
