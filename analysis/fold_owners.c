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
        if (!view_weigh(view, segment, at, time_ns, &value))
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

// The rows in the order of their owners: each owner's tree is then made in one go. Canceled, it is
// any.
static uint32_t *order_by_owner(const struct tally *tally)
{
    const struct view *view = tally->view;
    size_t owners = tally->names->dict.frame_count;
    size_t *before = xcalloc(owners + 1, sizeof *before); // rows that come before each owner's
    uint32_t *order = xcalloc(tally->count + 1, sizeof *order);
    for (size_t i = 0; i < tally->count && (i % FOLD_STEPS || !view_is_canceled(view)); i++)
        before[tally->rows[i].owner + 1]++;
    for (size_t i = 1; i <= owners; i++)
        before[i] += before[i - 1];
    for (uint32_t i = 0; i < tally->count && (i % FOLD_STEPS || !view_is_canceled(view)); i++)
        order[before[tally->rows[i].owner]++] = i;
    free(before);
    return order;
}

// Hanging the rows' call paths below their owners. `bare` are paths without the thread's name,
// whose place the owner takes: nodes of the fold's own dictionary.
struct hanging {
    struct tally *tally;
    struct fold_edit edit;
    uint32_t *bare_of;  // of each call path, + 1; 0: not asked yet
    uint32_t *node_of;  // of each bare path, its node below the owner in turn
    uint32_t *owner_of; // of each bare path, the last owner that it was hung below
    uint32_t *chain;    // paths yet to be made, leaf first
    size_t chain_capacity;
};

static uint32_t bare_of(struct hanging *hanging, uint32_t path)
{
    struct tally *tally = hanging->tally;
    const struct callpaths *callpaths = tally->view->callpaths;
    struct dict *own = &tally->names->dict;
    size_t depth = 0;
    for (; !hanging->bare_of[path]; path = callpaths->paths[path].parent) {
        array_reserve(&hanging->chain, &hanging->chain_capacity, depth + 1);
        hanging->chain[depth++] = path;
    }
    uint32_t bare = hanging->bare_of[path] - 1;
    while (depth-- > 0) {
        path = hanging->chain[depth];
        uint32_t frame = callpaths->frame_of[callpaths->paths[path].function];
        if (tally->dict->frames[frame].kind != FRAME_COMM)
            bare = dict_node(own, bare, names_copy(tally->names, tally->dict, frame));
        hanging->bare_of[path] = bare + 1;
    }
    return bare;
}

// The node of a bare path below an owner.
static uint32_t place(struct hanging *hanging, uint32_t owner, uint32_t bare)
{
    const struct dict *own = &hanging->tally->names->dict;
    size_t depth = 0;
    if (hanging->owner_of[DICT_ROOT] != owner) {
        hanging->owner_of[DICT_ROOT] = owner;
        hanging->node_of[DICT_ROOT] = fold_edit_child(&hanging->edit, 0, owner);
    }
    for (; hanging->owner_of[bare] != owner; bare = own->nodes[bare].parent) {
        array_reserve(&hanging->chain, &hanging->chain_capacity, depth + 1);
        hanging->chain[depth++] = bare;
    }
    uint32_t at = hanging->node_of[bare];
    while (depth-- > 0) {
        bare = hanging->chain[depth];
        at = fold_edit_append(&hanging->edit, at, own->nodes[bare].frame);
        hanging->owner_of[bare] = owner;
        hanging->node_of[bare] = at;
    }
    return at;
}

// Finds the bare paths of all rows, which take the nodes' place in them. Rows that do not count
// lose their samples.
static int lay_bare(struct hanging *hanging, struct totals *totals, struct err *err)
{
    struct tally *tally = hanging->tally;
    const struct view *view = tally->view;
    int rc = 0;
    hanging->bare_of = xcalloc(view->callpaths->path_count + 1, sizeof *hanging->bare_of);
    hanging->bare_of[0] = DICT_ROOT + 1;
    for (size_t i = 0; i < tally->count && rc == 0; i++) {
        struct tally_row *row = &tally->rows[i];
        struct weight weight = {row->node, row->samples, row->value};
        if (i % FOLD_STEPS == 0)
            rc = view_canceled(view, err);
        if (view_count_node(view, &weight, totals))
            row->node = bare_of(hanging, view->callpaths->path_of[row->node]);
        else
            row->samples = 0;
    }
    return rc;
}

static int hang_all(struct hanging *hanging, struct err *err)
{
    const struct tally *tally = hanging->tally;
    size_t bare_count = tally->names->dict.node_count;
    uint32_t *order = order_by_owner(tally);
    int rc = 0;
    hanging->node_of = xcalloc(bare_count, sizeof *hanging->node_of);
    hanging->owner_of = xreallocarray(NULL, bare_count, sizeof *hanging->owner_of);
    for (size_t i = 0; i < bare_count; i++)
        hanging->owner_of[i] = IDSET_NONE;
    for (size_t i = 0; i < tally->count && rc == 0; i++) {
        const struct tally_row *row = &tally->rows[order[i]];
        if (i % FOLD_STEPS == 0)
            rc = view_canceled(tally->view, err);
        if (!row->samples)
            continue;
        struct fold_node self = {.self_samples = row->samples, .self_value = row->value};
        fold_edit_add(&hanging->edit, place(hanging, row->owner, row->node), &self);
    }
    free(order);
    return rc;
}

static int hang(struct tally *tally, struct fold *out, struct err *err)
{
    struct hanging hanging = {.tally = tally};
    struct totals totals = out->totals;
    int rc = lay_bare(&hanging, &totals, err);
    if (rc == 0) {
        fold_edit_init(&hanging.edit, out);
        rc = hang_all(&hanging, err);
        fold_edit_commit(&hanging.edit);
    }
    if (rc == 0)
        rc = fold_canceled(out, err);
    out->totals = totals;
    free(hanging.bare_of);
    free(hanging.node_of);
    free(hanging.owner_of);
    free(hanging.chain);
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
