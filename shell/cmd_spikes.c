// spikes: the moments when the rate left its usual band.
#include "shell/answer.h"
#include "shell/timewords.h"
#include "shell/units.h"

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct query query;
    struct heatmap heatmap = {0};
    struct spikes spikes = {0};
    struct axis axis;
    invocation_query(run, session, &query);
    query.ranges = NULL;
    query.range_count = 0;
    session_axis(session, &axis);
    int code = session_spikes(session, &query, &heatmap, &spikes, err);
    struct bytes *out = &run->out.text;
    struct json json = {.out = out};
    if (!code && run->json) {
        answer_json_open(&json, session, run, &query, &heatmap.totals);
        json_key(&json, "spikes");
        json_open(&json, '[');
    }
    for (size_t i = 0; !code && i < spikes.count; i++) {
        const struct spike *spike = &spikes.items[i];
        if (run->json) {
            json_open(&json, '{');
            json_key(&json, "from_s");
            json_number(&json, (double)(spike->range.from_ns - axis.start_ns) * 1e-9, 6);
            json_key(&json, "to_s");
            json_number(&json, (double)(spike->range.to_ns - axis.start_ns) * 1e-9, 6);
            json_key(&json, "score");
            json_number(&json, spike->score, 3);
            json_key(&json, "samples");
            json_uint(&json, spike->samples);
            json_close(&json, '}');
            continue;
        }
        bytes_append_text(out, "slice ");
        timewords_put_typed(out, &axis, &spike->range);
        bytes_printf(out, "  # %zu: ", i + 1);
        units_put_duration(out, spike->range.to_ns - spike->range.from_ns);
        bytes_append_text(out, " at ");
        timewords_put_point(out, &axis, spike->range.from_ns);
        bytes_append_text(out, ", ");
        units_put_things(out, spike->samples, "sample");
        bytes_printf(out, ", score %.1f%s\n", spike->score,
                     spike == spikes_strongest(&spikes) ? ", the strongest" : "");
    }
    if (!code && run->json) {
        json_close(&json, ']');
        answer_json_close(&json);
    } else if (!code && !spikes.count) {
        session_say(session, "no spike stands out of the rate of these samples");
    }
    spikes_dispose(&spikes);
    heatmap_dispose(&heatmap);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_spikes = {
    .name = "spikes",
    .group = "select",
    .usage = "spikes [TERM...]",
    .summary = "list the moments when the rate of samples left its usual band",
    .details = "Each line can be pasted as a command; 'slice spike 2' takes the second, 'slice "
               "spike'\nall that "
               "stand out about as much as the strongest.",
    .example = "spikes",
    .settings = "event idle",
    .filters = true,
    .json = true,
    .run = run,
};
