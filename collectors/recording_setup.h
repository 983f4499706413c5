// What a collector's file gives to start a recording: the program to run and how to read it.
#ifndef FLICKER_COLLECTORS_RECORDING_SETUP_H
#define FLICKER_COLLECTORS_RECORDING_SETUP_H

#include "collectors/recording.h"
#include "collectors/sample_pick.h"

// What a line on stderr is. The judge may change the line; *lost is how many samples it says are
// missing.
enum stderr_meaning { STDERR_NOISE, STDERR_MESSAGE, STDERR_ERROR, STDERR_LOSS };
typedef enum stderr_meaning stderr_judge_fn(void *arg, struct bytes *line, uint64_t *lost);

struct recording_setup {
    const struct collector *collector;
    enum launcher_tool tool;
    const char *const *args;        // NULL-terminated; borrowed for the call, as all text here
    const char *const *environment; // NULL: nothing beyond the launcher's own
    const char *format;             // of what it writes: "perf-script"
    double rate_hz;
    uint64_t sample_value; // each sample's value, where the program does not print it; 0: as read
    const char *event_name, *event_unit; // see decode_options; NULL: the format's own
    struct sample_pick pick; // samples that the program writes and nobody asked for are left out
    int64_t for_ns;
    pid_t target_pid;          // the recording ends with this process; 0: the tool sees to it
    struct bytes *dry_run;     // see struct collect_request
    bool says_ready_and_end;   // its stream has lines "READY ..." and "END" (bpftrace)
    bool interrupt_once;       // it is never interrupted twice
    bool wants_symbols;        // user addresses come without names
    bool brings_hello;         // the stream says itself who speaks (.fks)
    bool comes_in_rounds;      // it writes some 20 times a second, and that is to be read at once
    const char *shown_program; // shown instead of the text after -e; NULL: show that
    stderr_judge_fn *judge;    // NULL: every line is a message
    // What is still to be said of the lines before, when the recording begins and when it has
    // ended: a message, and it is asked again. False: nothing. May be NULL.
    bool (*judge_rest)(void *arg, struct bytes *line);
    void *judge_arg;
    void (*judge_free)(void *arg); // NULL: nothing to free; called even when the start fails
};

int recording_start(struct recording **out, struct launcher *launcher,
                    const struct recording_setup *setup, struct sink *sink,
                    const struct recording_events *events, struct err *err) MUST_CHECK;

#endif
