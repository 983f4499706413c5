// fold: folded stacks, one a line, as flame graph tools read them.
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/stacks.h"

#include <stdlib.h>

static void json_stack(struct json *json, const struct fold *fold, size_t node, uint32_t *path)
{
    size_t depth = 0;
    for (size_t at = node; at; at = fold->nodes[at].parent)
        path[depth++] = fold->nodes[at].frame;
    json_open(json, '{');
    json_key(json, "stack");
    json_open(json, '[');
    struct bytes name = {0};
    while (depth--) {
        bytes_clear(&name);
        fold_frame_text(fold->dict, path[depth], &name);
        json_text(json, bytes_text(&name), name.len);
    }
    bytes_dispose(&name);
    json_close(json, ']');
    json_key(json, "weight");
    json_uint(json, fold_self(fold, &fold->nodes[node]));
    json_close(json, '}');
}

static int put_json(struct session *session, struct invocation *run, const struct query *query,
                    const struct fold *fold, struct err *err)
{
    struct bytes text = {0};
    struct json json = {.out = &text};
    answer_json_open(&json, session, run, query, &fold->totals);
    json_key(&json, "stacks");
    json_open(&json, '[');
    uint32_t *path = xcalloc(fold->count + 1, sizeof *path);
    int code = 0;
    for (size_t i = 1; i < fold->count && !code; i++) {
        if (!fold_self(fold, &fold->nodes[i]))
            continue;
        json_stack(&json, fold, i, path);
        code = output_write(&run->out.base, text.data, text.len, err);
        bytes_clear(&text);
    }
    free(path);
    json_close(&json, ']');
    answer_json_close(&json);
    if (!code)
        code = output_write(&run->out.base, text.data, text.len, err);
    bytes_dispose(&text);
    return code;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct query query;
    struct fold fold = {0};
    invocation_query(run, session, &query);
    int code = stacks_fold(session, run, session->store, &query, &fold, err);
    if (!code) {
        if (run->out.kind != REDIRECT_NONE) {
            answer_say(session, &query, &fold.totals);
            stacks_say(session, run);
        }
        code = run->json ? put_json(session, run, &query, &fold, err)
                         : fold_write_text(&fold, &run->out.base, err);
    }
    fold_dispose(&fold);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_fold = {
    .name = "fold",
    .group = "look",
    .usage = "fold [TERM...] [> FILE]",
    .summary = "folded stacks: one line a call path, with its weight",
    .example = "fold > stall.folded",
    .settings = "event idle " STACKS_SETTINGS,
    .filters = true,
    .json = true,
    .run = run,
};
