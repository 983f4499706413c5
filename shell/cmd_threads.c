// threads: which threads the samples are of, the busiest first.
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/csv.h"
#include "shell/table.h"
#include "shell/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct row {
    struct thread_weight thread;
    uint64_t weight; // what the answer is about: value or samples
};

struct rows {
    struct row *items;
    size_t count;
    struct totals totals;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->thread.thread < y->thread.thread ? -1 : x->thread.thread > y->thread.thread;
}

static int count_threads(struct rows *out, struct session *session, const struct query *query,
                         struct err *err)
{
    struct thread_weights threads = {0};
    int code = store_totals(session->store, query, &out->totals, err);
    if (!code)
        code = store_threads(session->store, query, &threads, err);
    out->items = xreallocarray(NULL, threads.count + 1, sizeof *out->items);
    for (; out->count < threads.count; out->count++) {
        const struct thread_weight *thread = threads.items + out->count;
        out->items[out->count] =
            (struct row){*thread, out->totals.by_value ? thread->value : thread->samples};
    }
    free(threads.items);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, compare_rows);
    return code;
}

static double share_of(const struct rows *rows, const struct row *row)
{
    uint64_t all = rows->totals.by_value ? rows->totals.value : rows->totals.samples;
    return all ? (double)row->weight / (double)all : 0;
}

static void put_id(struct bytes *out, int32_t id)
{
    if (id >= 0)
        bytes_printf(out, "%8" PRId32, id);
    else
        bytes_append_text(out, "       -");
}

static void put_table(struct session *session, struct invocation *run, const struct rows *rows,
                      size_t limit)
{
    enum { BAR = 16 };
    struct bytes *out = &run->out.text;
    const struct dict *dict = store_dict(session->store);
    table_colored(out, &run->term, COLOR_INK3, "  share                      pid     tid  thread");
    bytes_append_char(out, '\n');
    for (size_t i = 0; i < rows->count && i < limit; i++) {
        const struct row *row = rows->items + i;
        const struct thread *thread = dict->threads + row->thread.thread;
        table_share(out, share_of(rows, row));
        bytes_append_text(out, "  ");
        table_bar(out, &run->term, share_of(rows, row) / share_of(rows, rows->items), BAR);
        put_id(out, thread->pid);
        put_id(out, thread->tid);
        bytes_append_text(out, "  ");
        term_text(out, dict_text(dict, thread->comm), dict_text_len(dict, thread->comm));
        bytes_append_char(out, '\n');
    }
}

static void put_csv(struct session *session, struct invocation *run, const struct rows *rows,
                    size_t limit)
{
    struct bytes *out = &run->out.text;
    const struct dict *dict = store_dict(session->store);
    csv_head(out, "pid,tid,comm,samples,value,share");
    for (size_t i = 0; i < rows->count && i < limit; i++) {
        const struct row *row = rows->items + i;
        const struct thread *thread = dict->threads + row->thread.thread;
        csv_int(out, thread->pid);
        csv_int(out, thread->tid);
        csv_text(out, dict_text(dict, thread->comm), dict_text_len(dict, thread->comm));
        csv_uint(out, row->thread.samples);
        csv_uint(out, row->thread.value);
        csv_number(out, share_of(rows, row), 6);
        csv_end(out);
    }
}

static void put_json(struct session *session, struct invocation *run, const struct query *query,
                     const struct rows *rows, size_t limit)
{
    const struct dict *dict = store_dict(session->store);
    struct json json = {.out = &run->out.text};
    answer_json_open(&json, session, run, query, &rows->totals);
    json_key(&json, "threads");
    json_uint(&json, rows->count);
    json_key(&json, "rows");
    json_open(&json, '[');
    for (size_t i = 0; i < rows->count && i < limit; i++) {
        const struct row *row = rows->items + i;
        const struct thread *thread = dict->threads + row->thread.thread;
        json_open(&json, '{');
        json_key(&json, "pid");
        json_int(&json, thread->pid);
        json_key(&json, "tid");
        json_int(&json, thread->tid);
        json_key(&json, "comm");
        json_text(&json, dict_text(dict, thread->comm), dict_text_len(dict, thread->comm));
        json_key(&json, "samples");
        json_uint(&json, row->thread.samples);
        json_key(&json, "value");
        json_uint(&json, row->thread.value);
        json_key(&json, "share");
        json_number(&json, share_of(rows, row), 6);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    answer_json_close(&json);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    uint64_t limit = run->json || run->csv ? UINT64_MAX : run->settings.top;
    const char *word = invocation_word(run, 0);
    if (word && (!units_parse_count(word, &limit) || !limit))
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' is not a number of rows; expected one like 10", word);
    struct query query;
    struct rows rows = {0};
    invocation_query(run, session, &query);
    int code = count_threads(&rows, session, &query, err);
    if (!code && run->json) {
        put_json(session, run, &query, &rows, limit);
    } else if (!code && run->csv) {
        put_csv(session, run, &rows, limit);
    } else if (!code) {
        answer_say(session, &query, &rows.totals);
        if (rows.count)
            put_table(session, run, &rows, limit);
        if (rows.count > limit)
            session_say(session, "%zu of %zu threads; 'threads %zu' shows all", (size_t)limit,
                        rows.count, rows.count);
    }
    free(rows.items);
    return code ? RUN_ERROR : RUN_OK;
}

const struct command command_threads = {
    .name = "threads",
    .group = "look",
    .usage = "threads [ROWS] [TERM...]",
    .summary = "the threads that the samples are of, the busiest first",
    .details = "A thread that changed its name is a row for each. 'threads20' is 'threads 20'.",
    .example = "threads 10",
    .words = {ARG_COUNT},
    .max_words = 1,
    .settings = "color event idle",
    .filters = true,
    .json = true,
    .csv = true,
    .run = run,
};
