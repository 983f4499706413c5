// Folds by who ran: samples are counted by owner and node, then hung below their owners
// (owner_tree.h).
#include "analysis/fold_owners.h"

#include "analysis/names.h"
#include "analysis/owner_counts.h"
#include "analysis/owner_tree.h"
#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tally {
    const struct view *view;
    const struct dict *dict;
    struct names *names; // the fold's own
    struct owner_rows rows;
    uint32_t *owner_of; // of each key: a frame of the fold's own dictionary
    uint32_t *main_of;  // the thread whose name the process of each thread has
};

// By process; in it the main thread last, under the name that it had last.
static int compare_threads(const void *left, const void *right, void *arg)
{
    uint32_t at_a = *(const uint32_t *)left, at_b = *(const uint32_t *)right;
    const struct thread *a = &((const struct dict *)arg)->threads[at_a];
    const struct thread *b = &((const struct dict *)arg)->threads[at_b];
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    bool main_a = a->pid == a->tid, main_b = b->pid == b->tid;
    if (main_a != main_b)
        return main_a ? 1 : -1;
    return at_a < at_b ? -1 : at_a > at_b;
}

// A process has its main thread's name; without one, that of the thread seen last. Where the
// process is not known, a thread's name is its own.
static uint32_t *find_mains(const struct dict *dict)
{
    size_t count = dict->thread_count;
    uint32_t *main_of = xreallocarray(NULL, count + 1, sizeof *main_of);
    uint32_t *order = xreallocarray(NULL, count + 1, sizeof *order);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    if (count)
        qsort_r(order, count, sizeof *order, compare_threads, (void *)dict);
    for (size_t i = count; i-- > 0;) {
        const struct thread *thread = &dict->threads[order[i]];
        bool same = i + 1 < count && dict->threads[order[i + 1]].pid == thread->pid;
        main_of[order[i]] = same && thread->pid >= 0 ? main_of[order[i + 1]] : order[i];
    }
    free(order);
    return main_of;
}

static void append_id(struct bytes *out, char before, int32_t id)
{
    bytes_append_char(out, before);
    if (id < 0)
        bytes_append_char(out, '?');
    else
        bytes_printf(out, "%" PRId32, id);
}

static uint32_t named_owner(struct tally *tally, struct bytes *name)
{
    uint32_t frame =
        names_named_frame(&tally->names->dict, &(struct frame){.kind = FRAME_COMM}, name);
    bytes_dispose(name);
    return frame;
}

static uint32_t thread_owner(struct tally *tally, uint32_t id)
{
    enum query_first first = tally->view->query->first;
    const struct dict *dict = tally->dict;
    const struct thread *thread = &dict->threads[id];
    uint32_t comm = dict->threads[first == QUERY_FIRST_PID ? tally->main_of[id] : id].comm;
    struct bytes name = {0};
    if (first == QUERY_FIRST_CGROUP) {
        bool known = thread->cgroup != DICT_EMPTY;
        bytes_append_text(&name, known ? dict_text(dict, thread->cgroup) : "[cgroup not known]");
    } else {
        bytes_append(&name, dict_text(dict, comm), dict_text_len(dict, comm));
        append_id(&name, '-', thread->pid);
    }
    if (first == QUERY_FIRST_TID)
        append_id(&name, '/', thread->tid);
    return named_owner(tally, &name);
}

static uint32_t cpu_owner(struct tally *tally, bool known, uint32_t cpu)
{
    struct bytes name = {0};
    bytes_append_text(&name, "cpu");
    append_id(&name, ' ', known ? (int32_t)cpu : -1);
    return named_owner(tally, &name);
}

static int count_by_cpu(struct tally *tally, struct err *err)
{
    const struct owner_keys keys = {.count = owner_cpu_keys(tally->view)};
    int rc = owner_counts(&tally->rows, tally->view, &keys, err);
    tally->owner_of = xcalloc(keys.count, sizeof *tally->owner_of);
    for (size_t i = 0; i < tally->rows.count; i++) {
        uint32_t key = tally->rows.items[i].key;
        if (!i || tally->rows.items[i - 1].key != key)
            tally->owner_of[key] = cpu_owner(tally, key + 1 < keys.count, key);
    }
    return rc;
}

// The owners of the threads in view, by thread of the dictionary.
static uint32_t *find_owners(struct tally *tally)
{
    const struct view *view = tally->view;
    const uint64_t *passing = view->bits.threads;
    uint32_t *owner_of = xreallocarray(NULL, tally->dict->thread_count + 1, sizeof *owner_of);
    memset(owner_of, 0xff, (tally->dict->thread_count + 1) * sizeof *owner_of);
    for (size_t run = 0; run < view->run_count; run++) {
        const struct segment *segment = view->runs[run].segment;
        for (size_t i = 0; i < segment->thread_count; i++) {
            const uint32_t id = segment->thread_ids[i];
            if (owner_of[id] == IDSET_NONE && (!passing || passing[id / 64] >> id % 64 & 1))
                owner_of[id] = thread_owner(tally, id);
        }
    }
    return owner_of;
}

// Keys are the owners themselves, which are the first frames of the fold's own dictionary.
static int count_by_thread(struct tally *tally, struct err *err)
{
    tally->main_of = find_mains(tally->dict);
    uint32_t *owner_of = find_owners(tally);
    struct owner_keys keys = {.of_thread = owner_of,
                              .count = (uint32_t)tally->names->dict.frame_count};
    int rc = owner_counts(&tally->rows, tally->view, &keys, err);
    tally->owner_of = xreallocarray(NULL, (size_t)keys.count + 1, sizeof *tally->owner_of);
    for (uint32_t i = 0; i < keys.count; i++)
        tally->owner_of[i] = i;
    free(owner_of);
    return rc;
}

// The rows' call paths become `bare` ones, without the thread's name, whose place the owner takes:
// nodes of the fold's own dictionary.
struct baring {
    struct tally *tally;
    uint32_t *bare_of; // of each call path, + 1; 0: not asked yet
    uint32_t *chain;   // paths yet to be made, leaf first
    size_t chain_capacity;
};

static uint32_t bare_of(struct baring *baring, uint32_t path)
{
    struct tally *tally = baring->tally;
    const struct callpaths *callpaths = tally->view->callpaths;
    struct dict *own = &tally->names->dict;
    size_t depth = 0;
    for (; !baring->bare_of[path]; path = callpaths->paths[path].parent) {
        array_reserve(&baring->chain, &baring->chain_capacity, depth + 1);
        baring->chain[depth++] = path;
    }
    uint32_t bare = baring->bare_of[path] - 1;
    while (depth-- > 0) {
        path = baring->chain[depth];
        uint32_t frame = callpaths->frame_of[callpaths->paths[path].function];
        if (tally->dict->frames[frame].kind != FRAME_COMM)
            bare = dict_node(own, bare, names_copy(tally->names, tally->dict, frame));
        baring->bare_of[path] = bare + 1;
    }
    return bare;
}

// Finds the bare paths of all rows, which take the nodes' place in them. Rows that do not count
// lose their samples.
static int lay_bare(struct baring *baring, struct totals *totals, struct err *err)
{
    struct tally *tally = baring->tally;
    const struct view *view = tally->view;
    int rc = 0;
    baring->bare_of = xcalloc(view->callpaths->path_count + 1, sizeof *baring->bare_of);
    baring->bare_of[0] = DICT_ROOT + 1;
    for (size_t i = 0; i < tally->rows.count && rc == 0; i++) {
        struct owner_row *row = &tally->rows.items[i];
        struct weight weight = {row->node, row->samples, row->value};
        if (i % FOLD_STEPS == 0)
            rc = view_canceled(view, err);
        if (view_count_node(view, &weight, totals))
            row->node = bare_of(baring, view->callpaths->path_of[row->node]);
        else
            row->samples = 0;
    }
    return rc;
}

// The bare paths' places in the order of names take the nodes' place in the rows. False, and any
// places, soon after the query was canceled.
static bool put_in_order(struct tally *tally)
{
    struct callpaths *callpaths = &tally->names->callpaths;
    const atomic_bool *cancel = tally->view->query->cancel;
    if (!callpaths_follow_unless(callpaths, cancel) || !callpaths_rank_unless(callpaths, cancel))
        return false;
    callpaths_order(callpaths);
    for (size_t i = 0; i < tally->rows.count; i++) {
        struct owner_row *row = &tally->rows.items[i];
        if (i % FOLD_STEPS == 0 && view_is_canceled(tally->view))
            return false;
        if (row->samples)
            row->node = callpaths->order.place_of[callpaths->path_of[row->node]];
    }
    return true;
}

static int hang(struct tally *tally, struct fold *out, struct err *err)
{
    struct baring baring = {.tally = tally};
    int rc = lay_bare(&baring, &out->totals, err);
    if (rc == 0 && put_in_order(tally)) {
        const struct owner_tree tree = {.callpaths = &tally->names->callpaths,
                                        .rows = &tally->rows,
                                        .frame_of = tally->owner_of,
                                        .threads = tally->view->query->threads};
        owner_tree_build(out, &tree);
    }
    callpaths_release(&tally->names->callpaths);
    free(baring.bare_of);
    free(baring.chain);
    return rc == 0 ? fold_canceled(out, err) : rc;
}

int fold_owners(struct fold *out, const struct view *view, struct err *err)
{
    const struct dict *dict = &view->buffer->dict;
    struct tally tally = {.view = view, .dict = dict, .names = names_new(view->query->by_line)};
    int rc = view->query->first == QUERY_FIRST_CPU ? count_by_cpu(&tally, err)
                                                   : count_by_thread(&tally, err);
    out->dict = &tally.names->dict;
    out->own = tally.names;
    out->totals.event = names_copy_event(tally.names, dict, out->totals.event);
    if (rc == 0)
        rc = hang(&tally, out, err);
    free(tally.rows.items);
    free(tally.owner_of);
    free(tally.main_of);
    return rc;
}
