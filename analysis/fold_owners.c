// Folds by who ran: samples are counted by owner and node, then hung below their owners.
#include "analysis/fold_owners.h"

#include "analysis/fold_edit.h"
#include "analysis/names.h"
#include "proto/alloc.h"
#include "proto/hash.h"

#include <inttypes.h>
#include <stdlib.h>

struct tally_row {
    uint32_t owner; // a frame of the fold's own dictionary
    uint32_t node;
    uint64_t samples, value;
};

struct tally {
    const struct view *view;
    const struct dict *dict;
    struct names *names; // the fold's own
    struct tally_row *rows;
    size_t count, capacity;
    struct idset set;    // rows by owner and node
    uint32_t *of_thread; // owner + 1 of each thread of the dictionary; 0: not asked yet
    uint32_t *of_cpu;    // the same of each CPU
    uint32_t *main_of;   // the thread whose name the process of each thread has
};

static uint64_t row_hash(const void *owner, uint32_t id)
{
    const struct tally *tally = owner;
    return hash_pair(0, tally->rows[id].owner, tally->rows[id].node);
}

static struct tally_row *tally_row(struct tally *tally, uint32_t owner, uint32_t node)
{
    struct idset *set = &tally->set;
    idset_reserve(set, row_hash, tally);
    uint32_t slot = idset_first(set, hash_pair(0, owner, node));
    for (uint32_t id; (id = idset_at(set, slot)) != IDSET_NONE; slot = idset_next(set, slot)) {
        if (tally->rows[id].owner == owner && tally->rows[id].node == node)
            return &tally->rows[id];
    }
    array_reserve(&tally->rows, &tally->capacity, tally->count + 1);
    tally->rows[tally->count] = (struct tally_row){.owner = owner, .node = node};
    idset_put(set, slot, (uint32_t)tally->count);
    return &tally->rows[tally->count++];
}

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
    if (tally->of_thread[id])
        return tally->of_thread[id] - 1;
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
    uint32_t owner = named_owner(tally, &name);
    tally->of_thread[id] = owner + 1;
    return owner;
}

static uint32_t cpu_owner(struct tally *tally, uint16_t cpu)
{
    if (tally->of_cpu[cpu])
        return tally->of_cpu[cpu] - 1;
    struct bytes name = {0};
    bytes_append_text(&name, "cpu");
    append_id(&name, ' ', cpu == SAMPLE_NO_CPU ? -1 : cpu);
    uint32_t owner = named_owner(tally, &name);
    tally->of_cpu[cpu] = owner + 1;
    return owner;
}

static void count_run(struct tally *tally, const struct view_run *run, const struct view_pass *pass)
{
    const struct view *view = tally->view;
    const struct segment *segment = run->segment;
    bool by_cpu = view->query->first == QUERY_FIRST_CPU;
    size_t block = segment->timeless ? 0 : segment_block(segment, run->from);
    for (uint32_t at = run->from; at < run->to; at++) {
        int64_t time_ns = SAMPLE_NO_TIME;
        uint64_t value;
        if (!view_passes(pass, segment, at))
            continue;
        if (!segment->timeless) {
            while (at >= segment_block_end(segment, block))
                block++;
            time_ns = segment->blocks[block].base_ns + segment->offsets[at];
        }
        if (!view_weigh(view, time_ns, segment_value(segment, at), &value))
            continue;
        uint32_t owner = by_cpu ? cpu_owner(tally, segment_cpu(segment, at))
                                : thread_owner(tally, segment->thread_ids[segment->threads[at]]);
        struct tally_row *row = tally_row(tally, owner, segment->nodes[at]);
        row->samples++;
        row->value += value;
    }
}

static int count_all(struct tally *tally, struct err *err)
{
    const struct view *view = tally->view;
    uint8_t *threads = view->bits.threads ? xmalloc(VIEW_THREADS) : NULL;
    int rc = 0;
    for (size_t i = 0; i < view->run_count && rc == 0; i++) {
        struct view_pass pass;
        if (view_pass_of(view, &view->runs[i], threads, &pass))
            count_run(tally, &view->runs[i], &pass);
        rc = view_canceled(view, err);
    }
    free(threads);
    return rc;
}

// The place of a node's call path below its owner.
static uint32_t place(struct tally *tally, struct fold_edit *edit, const struct tally_row *row)
{
    const struct callpaths *callpaths = tally->view->callpaths;
    uint32_t at = fold_edit_child(edit, 0, row->owner);
    uint32_t *chain = NULL;
    size_t depth = 0, capacity = 0;
    for (uint32_t path = callpaths->path_of[row->node]; path;
         path = callpaths->paths[path].parent) {
        array_reserve(&chain, &capacity, depth + 1);
        chain[depth++] = callpaths->frame_of[callpaths->paths[path].function];
    }
    while (depth-- > 0) {
        uint32_t frame = chain[depth];
        if (tally->dict->frames[frame].kind == FRAME_COMM)
            continue; // the owner stands in its place
        at = fold_edit_child(edit, at, names_copy(tally->names, tally->dict, frame));
    }
    free(chain);
    return at;
}

static int hang(struct tally *tally, struct fold *out, struct err *err)
{
    enum { ROWS = 4096 }; // between two looks at Ctrl-C
    struct fold_edit edit;
    struct totals totals = out->totals;
    fold_edit_init(&edit, out);
    int rc = 0;
    for (size_t i = 0; i < tally->count && rc == 0; i++) {
        const struct tally_row *row = &tally->rows[i];
        if (i % ROWS == 0)
            rc = view_canceled(tally->view, err);
        struct weight weight = {row->node, row->samples, row->value};
        if (!view_count_node(tally->view, &weight, &totals))
            continue;
        struct fold_node self = {.self_samples = row->samples, .self_value = row->value};
        fold_edit_add(&edit, place(tally, &edit, row), &self);
    }
    fold_edit_commit(&edit);
    out->totals = totals;
    return rc;
}

int fold_owners(struct fold *out, const struct view *view, struct err *err)
{
    const struct dict *dict = &view->buffer->dict;
    struct tally tally = {.view = view, .dict = dict, .names = names_new(view->query->by_line)};
    tally.of_thread = xcalloc(dict->thread_count + 1, sizeof *tally.of_thread);
    tally.of_cpu = xcalloc((size_t)UINT16_MAX + 1, sizeof *tally.of_cpu);
    tally.main_of = find_mains(dict);
    int rc = count_all(&tally, err);
    out->dict = &tally.names->dict;
    out->own = tally.names;
    out->totals.event = names_copy_event(tally.names, dict, out->totals.event);
    if (rc == 0)
        rc = hang(&tally, out, err);
    idset_dispose(&tally.set);
    free(tally.rows);
    free(tally.of_thread);
    free(tally.of_cpu);
    free(tally.main_of);
    return rc;
}
