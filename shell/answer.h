// What every answer says besides itself: how many samples, how long, how busy, what was lost.
#ifndef FLICKER_SHELL_ANSWER_H
#define FLICKER_SHELL_ANSWER_H

#include "shell/session.h"
#include "viewer/json.h"

// The time that a query covers, in ns: its ranges, or all that is held. 0: not known.
int64_t answer_length_ns(struct session *session, const struct query *query);
// Share of the CPUs' time 0..1; negative: not known. *cpus gets their number.
double answer_cpu_share(struct session *session, const struct query *query,
                        const struct totals *totals, uint32_t *cpus);
// "499 samples in 380 ms, 66 % of 2 CPUs, lost 12; comm=demo".
void answer_put_totals(struct bytes *out, struct session *session, const struct query *query,
                       const struct totals *totals);
// When that was, in local time and UTC: one line, which spans all ranges; then each, when asked.
void answer_put_ranges(struct bytes *out, struct session *session, const struct query *query,
                       bool each);
// Says both on stderr.
void answer_say(struct session *session, const struct query *query, const struct totals *totals);
// The end of a command that changed the selection: says what is in it now. No samples yet is no
// failure.
enum run_result answer_selection(struct session *session, struct invocation *run, bool each,
                                 struct err *err);

// Opens the object of a --json answer:
// {"command":...,"elapsed_ms":...,"selection":...,"samples":...
void answer_json_open(struct json *json, struct session *session, const struct invocation *run,
                      const struct query *query, const struct totals *totals);
// Closes it, with a newline.
void answer_json_close(struct json *json);

// A frame's name and module, for people: escape bytes made harmless. The module is its file's name.
void answer_put_frame(struct bytes *out, const struct dict *dict, uint32_t frame);
void answer_put_module(struct bytes *out, const struct dict *dict, uint32_t frame);

#endif
