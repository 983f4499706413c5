// Reads nflxprofile, in all of its three encodings of stacks.
//
// protobuf-c's traps: a map entry may have no key or no value, and the same key twice (the last
// counts, as for the peers).
#include "proto/alloc.h"
#include "proto/idmap.h"
#include "proto/nflxprofile.h"
#include "proto/nflxprofile.pb-c.h"
#include "proto/whole_decoder.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef Nflxprofile__Profile profile_t;
typedef Nflxprofile__Profile__Node node_t;

struct row {
    const node_t *node;
    int64_t parent;    // row; -1: none
    uint32_t in_stage; // node of the stage; DICT_ROOT: not yet
    uint32_t comm;     // string of the stage, of its stack
};

struct nflx {
    struct whole_decoder *decoder;
    struct stage *stage;
    const profile_t *profile;
    struct row *rows;
    size_t count;
    struct idmap by_key;
    bool node_stack, node_pid, cpus, pids, tids, values;
    uint32_t *path;
};

// Whether a field is in use: as its switch says, else whether it is there.
static bool is_on(const profile_t *profile, const char *key, bool is_there)
{
    for (size_t i = 0; i < profile->n_params; i++) {
        const Nflxprofile__Profile__ParamsEntry *entry = profile->params[i];
        if (entry->key && !strcmp(entry->key, key))
            return is_there && entry->value && !strcasecmp(entry->value, "true");
    }
    return is_there;
}

static void read_switches(struct nflx *nflx)
{
    const profile_t *profile = nflx->profile;
    size_t samples = profile->n_samples;
    bool any_stack = false;
    for (size_t i = 0; i < profile->n_nodes; i++)
        any_stack |= profile->nodes[i]->value && profile->nodes[i]->value->n_stack;
    nflx->node_stack = is_on(profile, "has_node_stack", any_stack);
    nflx->node_pid = is_on(profile, "has_node_pid", true);
    nflx->cpus = is_on(profile, "has_samples_cpu", samples && profile->n_samples_cpu == samples);
    nflx->pids = is_on(profile, "has_samples_pid", samples && profile->n_samples_pid == samples);
    nflx->tids = is_on(profile, "has_samples_tid", samples && profile->n_samples_tid == samples);
    nflx->values = is_on(profile, "hasValues", samples && profile->n_samples_value == samples);
}

static void read_nodes(struct nflx *nflx)
{
    const profile_t *profile = nflx->profile;
    nflx->rows = xcalloc(profile->n_nodes + 1, sizeof *nflx->rows);
    for (size_t i = 0; i < profile->n_nodes; i++) {
        const Nflxprofile__Profile__NodesEntry *entry = profile->nodes[i];
        if (!entry->value) {
            whole_decoder_skip(nflx->decoder, 0, "a node without a value");
            continue;
        }
        struct row row = {.node = entry->value, .parent = -1};
        uint32_t before = idmap_find(&nflx->by_key, entry->key);
        if (before != IDMAP_NONE) {
            nflx->rows[before] = row;
            continue;
        }
        idmap_add(&nflx->by_key, entry->key, (uint32_t)nflx->count);
        nflx->rows[nflx->count++] = row;
    }
}

static void link_rows(struct nflx *nflx, bool by_parent)
{
    for (size_t i = 0; i < nflx->count; i++) {
        const node_t *node = nflx->rows[i].node;
        uint32_t parent =
            by_parent && node->has_parent ? idmap_find(&nflx->by_key, node->parent) : IDMAP_NONE;
        if (parent != IDMAP_NONE && parent != i)
            nflx->rows[i].parent = parent;
        for (size_t j = 0; !by_parent && j < node->n_children; j++) {
            uint32_t child = idmap_find(&nflx->by_key, node->children[j]);
            if (child != IDMAP_NONE && child != i && nflx->rows[child].parent < 0)
                nflx->rows[child].parent = (int64_t)i;
            else
                whole_decoder_skip(nflx->decoder, 0, "a child that is not there, or is another's");
        }
    }
}

static uint32_t add_frame(struct nflx *nflx, uint32_t parent, const char *name, const char *libtype,
                          const Nflxprofile__File *file)
{
    struct dict *dict = &nflx->stage->dict;
    struct frame frame = {.kind = (uint8_t)nflxprofile_kind(libtype)};
    if (strcmp(name, "[unknown]"))
        frame.name = dict_string_z(dict, name);
    if (file && *file->file_name) {
        frame.file = dict_string_z(dict, file->file_name);
        frame.line = file->has_line ? file->line : 0;
    }
    return stage_node(nflx->stage, parent, &frame);
}

static void resolve_stack(struct nflx *nflx, struct row *row)
{
    struct dict *dict = &nflx->stage->dict;
    row->comm = dict_string_z(dict, row->node->function_name);
    row->in_stage = dict_comm_node(dict, row->comm);
    for (size_t i = 0; i < row->node->n_stack; i++) {
        const Nflxprofile__StackFrame *frame = row->node->stack[i];
        row->in_stage =
            add_frame(nflx, row->in_stage, frame->function_name, frame->libtype, frame->file);
    }
}

// The node at the top names the thread. A chain longer than there are nodes is a circle.
static void resolve_chain(struct nflx *nflx, size_t start)
{
    struct dict *dict = &nflx->stage->dict;
    size_t depth = 0;
    int64_t at = (int64_t)start;
    while (at >= 0 && nflx->rows[at].in_stage == DICT_ROOT && depth < nflx->count) {
        nflx->path[depth++] = (uint32_t)at;
        at = nflx->rows[at].parent;
    }
    if (at >= 0 && nflx->rows[at].in_stage == DICT_ROOT) {
        whole_decoder_skip(nflx->decoder, 0, "nodes that are their own parents");
        nflx->rows[nflx->path[depth - 1]].parent = at = -1;
    }
    while (depth) {
        struct row *row = nflx->rows + nflx->path[--depth];
        if (row->in_stage == DICT_ROOT && row->parent < 0) {
            row->comm = dict_string_z(dict, row->node->function_name);
            row->in_stage = dict_comm_node(dict, row->comm);
        } else if (row->in_stage == DICT_ROOT) {
            const struct row *above = nflx->rows + row->parent;
            row->comm = above->comm;
            row->in_stage = add_frame(nflx, above->in_stage, row->node->function_name,
                                      row->node->libtype, row->node->file);
        }
    }
}

static void resolve_row(struct nflx *nflx, size_t row)
{
    if (nflx->rows[row].in_stage != DICT_ROOT)
        return;
    if (nflx->node_stack)
        resolve_stack(nflx, nflx->rows + row);
    else
        resolve_chain(nflx, row);
}

static int64_t to_ns(double seconds)
{
    return fabs(seconds) < 9e9 ? llround(seconds * 1e9) : SAMPLE_NO_TIME;
}

static void add_sample(struct nflx *nflx, size_t i, uint32_t row_number, double time_s,
                       uint16_t event)
{
    const profile_t *profile = nflx->profile;
    struct row *row = nflx->rows + row_number;
    resolve_row(nflx, row_number);
    struct thread thread = {.pid = -1, .tid = -1, .comm = row->comm};
    if (nflx->node_pid && row->node->has_pid)
        thread.pid = (int32_t)row->node->pid;
    if (nflx->node_pid && row->node->has_tid)
        thread.tid = (int32_t)row->node->tid;
    if (nflx->pids)
        thread.pid = (int32_t)profile->samples_pid[i];
    if (nflx->tids)
        thread.tid = (int32_t)profile->samples_tid[i];
    struct sample sample = {
        .time_ns = to_ns(time_s),
        .value = nflx->values ? profile->samples_value[i] : 1,
        .node = row->in_stage,
        .thread = dict_thread(&nflx->stage->dict, &thread),
        .cpu = SAMPLE_NO_CPU,
        .event = event,
    };
    if (nflx->cpus && profile->samples_cpu[i] < SAMPLE_NO_CPU)
        sample.cpu = (uint16_t)profile->samples_cpu[i];
    stage_add(nflx->stage, &sample);
}

static void read_samples(struct nflx *nflx)
{
    const profile_t *profile = nflx->profile;
    struct dict *dict = &nflx->stage->dict;
    struct event what = {.name = dict_string_z(dict, "samples"), .by_value = nflx->values};
    uint16_t event = (uint16_t)dict_event(dict, &what);
    double time_s = profile->start_time;
    for (size_t i = 0; i < profile->n_samples; i++) {
        bool timed = i < profile->n_time_deltas;
        if (timed)
            time_s += profile->time_deltas[i];
        uint32_t row = idmap_find(&nflx->by_key, profile->samples[i]);
        if (row == IDMAP_NONE)
            whole_decoder_skip(nflx->decoder, 0, "a sample of a node that is not there");
        else
            add_sample(nflx, i, row, timed ? time_s : NAN, event);
    }
}

// protobuf-c makes an object of every entry, also of one of two bytes: what that may come to is
// bounded. A real profile takes some 3 times its size.
enum { UNPACKED_RATIO = 6, UNPACKED_FREE_BYTES = 32 << 20 };

static void *take_memory(void *arg, size_t bytes)
{
    enum { OVERHEAD = 16 }; // of the allocator
    size_t *left = arg;
    if (bytes + OVERHEAD > *left)
        return NULL;
    *left -= bytes + OVERHEAD;
    return malloc(bytes ? bytes : 1);
}

static void give_memory(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

static int read_profile(struct whole_decoder *decoder, const uint8_t *data, size_t len,
                        struct hello *hello, struct err *err)
{
    size_t left = UNPACKED_RATIO * len + UNPACKED_FREE_BYTES;
    ProtobufCAllocator memory = {take_memory, give_memory, &left};
    profile_t *profile = nflxprofile__profile__unpack(&memory, len, data);
    if (!profile)
        return err_set(err, -EBADMSG,
                       "not an nflxprofile, or a damaged one (%zu bytes; at most %d times that in "
                       "memory)",
                       len, UNPACKED_RATIO);
    struct nflx nflx = {.decoder = decoder, .stage = &decoder->stage, .profile = profile};
    read_switches(&nflx);
    read_nodes(&nflx);
    nflx.path = xcalloc(nflx.count + 1, sizeof *nflx.path);
    if (!nflx.node_stack)
        link_rows(&nflx,
                  is_on(profile, "has_parent",
                        !profile->n_nodes || !nflx.rows[0].node || !nflx.rows[0].node->n_children));
    read_samples(&nflx);
    hello->collector = "nflxprofile";
    hello->clock = profile->n_time_deltas ? CLOCK_KIND_UNKNOWN : CLOCK_KIND_NONE;
    free(nflx.rows);
    free(nflx.path);
    idmap_dispose(&nflx.by_key);
    nflxprofile__profile__free_unpacked(profile, &memory);
    return 0;
}

struct decoder *nflxprofile_decoder_new(struct sink *sink, const struct decode_options *options)
{
    (void)options; // the profile says it all
    return whole_decoder_new(read_profile, sink);
}
