// threads: which threads the samples are of, the busiest first.
#include "proto/alloc.h"
#include "shell/answer.h"
#include "shell/csv.h"
#include "shell/table.h"
#include "shell/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tally {
    uint64_t samples, value;
};

// Counts what it is given by thread.
struct counting {
    struct sink sink;
    struct tally *tallies; // by thread of the dictionary
    size_t count;
};

struct row {
    uint32_t thread;
    struct tally tally;
    uint64_t weight; // what the answer is about: value or samples
};

struct rows {
    struct row *items;
    size_t count, capacity;
    struct totals totals;
};

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)hello, (void)err;
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    struct counting *counting = (struct counting *)sink;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        struct tally *tally = counting->tallies + samples[i].thread;
        tally->samples++;
        tally->value += samples[i].value;
    }
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err; // the totals have it
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int count_threads(struct rows *out, struct session *session, const struct query *query,
                         struct err *err)
{
    static const struct sink_ops OPS = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    struct dict *dict = (struct dict *)store_dict(session->store); // read only
    struct counting counting = {.sink = {&OPS, dict},
                                .tallies = xcalloc(dict->thread_count + 1, sizeof(struct tally))};
    int code = store_totals(session->store, query, &out->totals, err);
    if (!code)
        code = store_replay(session->store, query, &counting.sink, err);
    for (uint32_t i = 0; !code && i < dict->thread_count; i++) {
        const struct tally *tally = counting.tallies + i;
        if (!tally->samples)
            continue;
        array_reserve(&out->items, &out->capacity, out->count + 1);
        out->items[out->count++] =
            (struct row){i, *tally, out->totals.by_value ? tally->value : tally->samples};
    }
    free(counting.tallies);
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
        const struct thread *thread = dict->threads + row->thread;
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
        const struct thread *thread = dict->threads + row->thread;
        csv_int(out, thread->pid);
        csv_int(out, thread->tid);
        csv_text(out, dict_text(dict, thread->comm), dict_text_len(dict, thread->comm));
        csv_uint(out, row->tally.samples);
        csv_uint(out, row->tally.value);
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
        const struct thread *thread = dict->threads + row->thread;
        json_open(&json, '{');
        json_key(&json, "pid");
        json_int(&json, thread->pid);
        json_key(&json, "tid");
        json_int(&json, thread->tid);
        json_key(&json, "comm");
        json_text(&json, dict_text(dict, thread->comm), dict_text_len(dict, thread->comm));
        json_key(&json, "samples");
        json_uint(&json, row->tally.samples);
        json_key(&json, "value");
        json_uint(&json, row->tally.value);
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
