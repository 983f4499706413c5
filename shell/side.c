// One side of a comparison.
#include "shell/side.h"

#include "analysis/ranges.h"
#include "proto/reader.h"
#include "shell/stacks.h"
#include "shell/timewords.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Puts the run's own filter terms on top of what the side has.
static int add_terms(struct side *side, const struct invocation *run, struct err *err)
{
    const struct statement *statement = run->statement;
    for (size_t i = 0; i < statement->word_count; i++) {
        const struct word *word = &statement->words[i];
        enum filter_key key =
            word->key ? filter_key_by_name(word->key, strlen(word->key)) : FILTER_KEYS;
        if (key == FILTER_KEYS)
            continue;
        if (!side->filter) {
            side->filter = side->query.filter ? filter_copy(side->query.filter) : filter_new();
            filter_push(side->filter);
        }
        size_t bad_at;
        int code =
            filter_add(side->filter, key, word->negated, word->regex, word->value, &bad_at, err);
        if (code)
            return code;
    }
    if (side->filter)
        side->query.filter = side->filter;
    return 0;
}

// What did not fit is not compared.
static void say_evicted(struct session *session, const struct side *side, const char *path)
{
    struct buffer_stats stats;
    buffer_stats(side->buffer, &stats);
    if (!stats.evicted_samples)
        return;
    struct bytes text = {0};
    term_text(&text, path, strlen(path));
    bytes_append_text(&text, ": the buffer of ");
    units_put_size(&text, stats.budget_bytes);
    bytes_append_text(&text, " is full: the oldest ");
    units_put_things(&text, stats.evicted_samples, "sample");
    bytes_append_text(&text, " are left out; 'set buffer=' gives more");
    session_complain(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}

static int read_file(struct side *side, struct session *session, const char *path, struct err *err)
{
    uint64_t budget = session->budget_bytes ? session->budget_bytes : session->auto_budget_bytes;
    side->buffer = buffer_new(budget, 0);
    struct sink *sink;
    buffer_source_add(side->buffer, path, &sink);
    struct decode_options options = {.cancel = &session->signals.interrupted};
    struct reader *reader;
    int code = reader_open(&reader, path, NULL, sink, &options, err);
    if (code)
        return code;
    while ((code = reader_step(reader, err)) == 1) {
        buffer_tick(side->buffer);
        if (atomic_load(&session->signals.interrupted)) {
            code = err_set(err, -ECANCELED, "stopped while reading '%s'", path);
            break;
        }
    }
    if (!code && !reader_report(reader)->samples)
        code = err_set(err, -ENODATA, "'%s': there are no samples in it", path);
    if (!code)
        say_evicted(session, side, path);
    reader_free(reader);
    return code;
}

static bool is_file(const char *word)
{
    struct stat info;
    return !stat(word, &info) && !S_ISDIR(info.st_mode);
}

static int time_words(struct side *side, struct session *session, const char *word, struct err *err)
{
    struct axis axis;
    struct err why = {0};
    int64_t end_ns = session_axis(session, &axis);
    size_t bad_at;
    if (timewords_parse(&side->ranges, &side->query.range_count, word, &axis, end_ns, &bad_at,
                        &why))
        return err_set(err, -EINVAL,
                       "'%s' is no mark, no file and no time; expected sel, rest, all, one of "
                       "those,\nor a range like 7.2-7.5",
                       word);
    side->query.ranges = side->ranges;
    return 0;
}

int side_init(struct side *out, struct session *session, const struct invocation *run,
              const char *word, struct err *err)
{
    *out = (struct side){0};
    struct query selected;
    selection_query(session->selection, &selected);
    out->query = selected;
    const struct mark *mark = marks_find(&session->marks, word);
    int code = 0;
    if (!strcmp(word, "rest")) {
        out->query.outside = true;
        if (!selected.range_count)
            code = err_set(err, -EINVAL,
                           "nothing is selected, so there is no rest; slice first, for instance "
                           "'slice spike'");
    } else if (!strcmp(word, "all")) {
        out->query.ranges = NULL;
        out->query.range_count = 0;
    } else if (mark) {
        mark_query(mark, &out->query);
    } else if (is_file(word)) {
        out->query = (struct query){0};
        code = read_file(out, session, word, err);
    } else if (strcmp(word, "sel") != 0) {
        code = time_words(out, session, word, err);
    }
    if (*run->settings.event)
        out->query.event = run->settings.event;
    out->query.idle |= run->settings.idle;
    out->query.cancel = &session->signals.interrupted;
    return code ? code : add_terms(out, run, err);
}

void side_dispose(struct side *side)
{
    filter_free(side->filter);
    free(side->ranges);
    buffer_free(side->buffer);
    *side = (struct side){0};
}

int side_fold(const struct side *side, struct session *session, const struct invocation *run,
              struct fold *out, struct err *err)
{
    struct store *store = side->buffer ? buffer_store(side->buffer) : session->store;
    return stacks_fold(session, run, store, &side->query, out, err);
}

static bool same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool same_filter(const struct filter *a, const struct filter *b)
{
    char *text_a = a ? filter_text(a) : NULL, *text_b = b ? filter_text(b) : NULL;
    bool same = same_text(text_a, text_b);
    free(text_a);
    free(text_b);
    return same;
}

static void ranges_of(struct ranges *out, const struct query *query, const struct range *all)
{
    if (!query->range_count)
        ranges_add(out, all->from_ns, all->to_ns);
    else if (query->outside)
        ranges_complement(out, query->ranges, query->range_count);
    else
        ranges_set(out, query->ranges, query->range_count);
}

int64_t side_common_ns(const struct side *a, const struct side *b, struct session *session)
{
    const struct query *left = &a->query, *right = &b->query;
    struct axis axis;
    struct range all = {.to_ns = session_axis(session, &axis)};
    if (a->buffer || b->buffer || !axis.has_time || left->source != right->source ||
        !same_text(left->event, right->event) || !same_filter(left->filter, right->filter))
        return 0;
    all.from_ns = axis.first_ns;
    struct ranges sets[2] = {0};
    ranges_of(&sets[0], left, &all);
    ranges_of(&sets[1], right, &all);
    int64_t common_ns = 0;
    for (size_t i = 0; i < sets[0].count; i++) {
        struct range range = sets[0].items[i];
        if (range.from_ns < all.from_ns)
            range.from_ns = all.from_ns;
        if (range.to_ns > all.to_ns)
            range.to_ns = all.to_ns;
        if (range.from_ns < range.to_ns)
            common_ns += (int64_t)ranges_overlap_ns(sets[1].items, sets[1].count, range.from_ns,
                                                    range.to_ns);
    }
    ranges_dispose(&sets[0]);
    ranges_dispose(&sets[1]);
    return common_ns;
}
