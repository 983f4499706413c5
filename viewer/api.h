// What the page asks of the session, answered as JSON. Times are nanoseconds from the axis' start
// (small enough for JavaScript's numbers), on the store's axis.
#ifndef FLICKER_VIEWER_API_H
#define FLICKER_VIEWER_API_H

#include "viewer/json.h"
#include "viewer/live.h"
#include "viewer/server.h"

// One query parameter by name, decoded; NULL when it is not there.
struct api_params {
    const char *(*get)(void *arg, const char *name);
    void *arg;
};

// The newest time worth showing: now while recording, else the last sample.
int64_t api_edge_ns(const struct server_host *host, int64_t now_ns);

// The part of a stream's event that is not cells, without the braces: "status", "axis",
// "selection", "view". live may be NULL: no view.
void api_head(struct json *json, const struct server_host *host, const struct live *live,
              int64_t edge_ns);
// "columns": those that changed after `since` (0: all). False when there are none, and then
// nothing was written.
bool api_columns(struct json *json, const struct live *live, const struct axis *axis,
                 uint64_t since);
// "spikes": of the window.
void api_spikes(struct json *json, const struct live *live, const struct axis *axis);

// What a stream or a heatmap shows: column (ns), columns, rows, from (a time; without: the newest),
// and y=value or y=LEAST..MOST where rows are values, by their logarithm.
int api_shape(struct live_shape *out, const struct api_params *params, const struct axis *axis,
              struct err *err) MUST_CHECK;

// Each answers with one JSON object appended to *out, or fails with a sentence.
// The heatmap of a shape; search=REGEX counts only samples with a matching frame, cpu=N one CPU's.
int api_heatmap(struct bytes *out, const struct server_host *host, const struct api_params *params,
                int64_t edge_ns, struct err *err) MUST_CHECK;
// The folded tree of ranges=FROM:TO,... and values= (without: the selection's), without the nodes
// below least=SHARE (0.001); base=FROM:TO,... adds each node's weight there ("b", and "bs" of its
// own), the step of its colour ("d", see delta.h), and a sentence where nothing can be said;
// elided=on: what the baseline did and this does no more. transform=, invert= and group= are those
// of the shell, and stand above its settings.
int api_flame(struct bytes *out, const struct server_host *host, const struct api_params *params,
              struct err *err) MUST_CHECK;
// The n=COUNT heaviest functions of the same, by=self or total; with a baseline, too, the 95 %
// interval of the difference of the shares and whether it is more than chance explains.
int api_top(struct bytes *out, const struct server_host *host, const struct api_params *params,
            struct err *err) MUST_CHECK;

#endif
