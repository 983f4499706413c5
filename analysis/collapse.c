// Folded stacks in the manner of stackcollapse-perf.pl.
//
// A fold's nodes are written as they are. Where a style tells threads or addresses apart, samples
// are added up per node of the dictionary and thread. Either way the text is made once for each of
// these and added up again, as different nodes can read the same.
#include "analysis/collapse.h"

#include "proto/alloc.h"
#include "proto/hash.h"
#include "proto/sort.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const collapse_style_names[COLLAPSE_STYLES] = {
    [COLLAPSE_PLAIN] = "plain",   [COLLAPSE_PID] = "pid", [COLLAPSE_TID] = "tid",
    [COLLAPSE_KERNEL] = "kernel", [COLLAPSE_JIT] = "jit", [COLLAPSE_ALL] = "all",
    [COLLAPSE_ADDRS] = "addrs",
};

enum collapse_style collapse_style_by_name(const char *name)
{
    int style = 0;
    while (style < COLLAPSE_STYLES && strcmp(collapse_style_names[style], name) != 0)
        style++;
    return (enum collapse_style)style;
}

struct entry {
    uint32_t node, thread;
    uint64_t value;
};

// The sink that the store replays into.
struct collapse {
    struct sink sink;
    bool by_thread, by_samples;
    struct entry *entries;
    size_t count, capacity;
    struct idset set;
};

static uint64_t hash_of(uint32_t node, uint32_t thread)
{
    return hash_mix(0x9e3779b97f4a7c15ull ^ node, thread);
}

static uint64_t entry_hash(const void *owner, uint32_t id)
{
    const struct collapse *collapse = owner;
    return hash_of(collapse->entries[id].node, collapse->entries[id].thread);
}

static void add(struct collapse *collapse, uint32_t node, uint32_t thread, uint64_t value)
{
    idset_reserve(&collapse->set, entry_hash, collapse);
    uint32_t slot = idset_first(&collapse->set, hash_of(node, thread));
    for (uint32_t id; (id = idset_at(&collapse->set, slot)) != IDSET_NONE;
         slot = idset_next(&collapse->set, slot)) {
        struct entry *entry = &collapse->entries[id];
        if (entry->node == node && entry->thread == thread) {
            entry->value += value;
            return;
        }
    }
    array_reserve(&collapse->entries, &collapse->capacity, collapse->count + 1);
    collapse->entries[collapse->count] = (struct entry){node, thread, value};
    idset_put(&collapse->set, slot, (uint32_t)collapse->count++);
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    (void)err;
    struct collapse *collapse = (struct collapse *)sink;
    for (size_t i = 0; i < count; i++)
        add(collapse, samples[i].node, collapse->by_thread ? samples[i].thread : 0,
            collapse->by_samples || !samples[i].value ? 1 : samples[i].value);
    return 0;
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)sink, (void)hello, (void)err;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err;
    return 0;
}

// Whether "(" at `at` opens an argument list: only "(anonymous namespace)" is a part of the name.
static bool opens_arguments(const char *at)
{
    static const char anonymous[] = "(anonymous namespace)";
    return *at == '(' && strncmp(at, anonymous, sizeof anonymous - 1) != 0;
}

// "net/http.(*Client).Do": a method of Go, whose parentheses stay.
static bool is_go_method(const char *name)
{
    const char *open = strstr(name, ".(");
    return open && strstr(open + 2, ").");
}

// Cuts argument lists, drops quotes, and the "L" of Java's class names.
static void append_tidy(struct bytes *out, const char *name, bool java)
{
    bool go = is_go_method(name);
    if (java && *name == 'L' && strchr(name, '/'))
        name++;
    for (; *name && (go || !opens_arguments(name)); name++) {
        if (*name == ';')
            bytes_append_char(out, ':');
        else if ((unsigned char)*name < ' ' || *name == 0x7f)
            bytes_append_char(out, '?');
        else if (*name != '"' && *name != '\'')
            bytes_append_char(out, *name);
    }
}

static void append_unresolved(struct bytes *out, const struct dict *dict, const struct frame *frame,
                              enum collapse_style style, bool java)
{
    const char *module = dict_text(dict, frame->module);
    const char *slash = strrchr(module, '/');
    struct bytes name = {0};
    bytes_printf(&name, "[%s", !*module ? "unknown" : slash ? slash + 1 : module);
    if (style == COLLAPSE_ADDRS)
        bytes_printf(&name, " <%" PRIx64 ">", frame->address);
    bytes_append_char(&name, ']');
    append_tidy(out, name.data, java);
    bytes_dispose(&name);
}

static bool is_jit_map(const char *module)
{
    const char *at = strstr(module, "/perf-");
    return at && strstr(at, ".map");
}

static void append_frame(struct bytes *out, const struct dict *dict, const struct frame *frame,
                         enum collapse_style style, bool java)
{
    const char *module = dict_text(dict, frame->module);
    if (frame_is_unresolved(frame))
        append_unresolved(out, dict, frame, style, java);
    else
        append_tidy(out, dict_text(dict, frame->name), java);
    bool kernel = style == COLLAPSE_KERNEL || style == COLLAPSE_ALL;
    bool jit = style == COLLAPSE_JIT || style == COLLAPSE_ALL;
    if (frame->kind == FRAME_INLINED && is_jit_map(module))
        bytes_append_text(out, "_[i]");
    else if (kernel && (frame->kind == FRAME_KERNEL || *module == '['))
        bytes_append_text(out, "_[k]");
    else if (jit && frame->kind == FRAME_JIT)
        bytes_append_text(out, "_[j]");
}

static void append_comm(struct bytes *out, const struct dict *dict, uint32_t comm,
                        const struct thread *thread, enum collapse_style style)
{
    for (const char *at = dict_text(dict, comm); *at; at++)
        bytes_append_char(out, *at == ' ' ? '_' : *at == ';' ? ':' : *at);
    if (style != COLLAPSE_PID && style != COLLAPSE_TID)
        return;
    if (thread->pid < 0)
        bytes_append_text(out, "-?");
    else
        bytes_printf(out, "-%d", thread->pid);
    if (style == COLLAPSE_TID)
        bytes_printf(out, "/%d", thread->tid);
}

struct line {
    size_t at; // of its stack in the text
    uint64_t value;
};

// A line for each stack, and the text of all.
struct lines {
    const atomic_bool *cancel;
    struct line *items;
    size_t count, capacity;
    struct bytes text;
};

static int canceled(const atomic_bool *cancel, size_t step, struct err *err)
{
    return step % FOLD_STEPS == 0 && cancel && atomic_load(cancel)
               ? err_set(err, -ECANCELED, "interrupted")
               : 0;
}

// A call path, leaf first, as frames of a dictionary.
struct path {
    uint32_t *frames;
    size_t depth, capacity;
};

static void path_add(struct path *path, uint32_t frame)
{
    array_reserve(&path->frames, &path->capacity, path->depth + 1);
    path->frames[path->depth++] = frame;
}

// `thread` may be NULL where the style names none.
static void add_line(struct lines *lines, const struct dict *dict, const struct path *path,
                     const struct thread *thread, enum collapse_style style, uint64_t value)
{
    struct bytes *text = &lines->text;
    bool java = false;
    array_reserve(&lines->items, &lines->capacity, lines->count + 1);
    lines->items[lines->count++] = (struct line){text->len, value};
    for (size_t i = path->depth; i-- > 0;) {
        const struct frame *frame = &dict->frames[path->frames[i]];
        if (i + 1 < path->depth)
            bytes_append_char(text, ';');
        if (frame->kind == FRAME_COMM) {
            size_t from = text->len;
            append_comm(text, dict, frame->name, thread, style);
            // The script compares what it has made of the comm.
            java = !strcmp(bytes_text(text) + from, "java");
        } else {
            append_frame(text, dict, frame, style, java);
        }
    }
    bytes_append_char(text, '\0');
}

static const char *stack_of(const struct lines *lines, size_t at)
{
    return lines->text.data + lines->items[at].at;
}

static int compare_lines(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + ((const struct line *)a)->at,
                  (const char *)text + ((const struct line *)b)->at);
}

static int write_lines(const struct lines *lines, struct output *output, struct err *err)
{
    int rc = 0;
    struct bytes text = {0};
    for (size_t i = 0; i < lines->count && !rc; i++) {
        uint64_t value = lines->items[i].value;
        while (i + 1 < lines->count && !strcmp(stack_of(lines, i), stack_of(lines, i + 1)))
            value += lines->items[++i].value;
        bytes_printf(&text, "%s %" PRIu64 "\n", stack_of(lines, i), value);
        if (text.len >= 1 << 16 || i + 1 == lines->count) {
            rc = output_write(output, text.data, text.len, err);
            bytes_clear(&text);
            if (!rc)
                rc = canceled(lines->cancel, 0, err);
        }
    }
    bytes_dispose(&text);
    return rc;
}

static int finish_lines(struct lines *lines, struct output *output, struct err *err)
{
    int rc = 0;
    if (!sort_unless(lines->cancel, lines->items, lines->count, sizeof *lines->items, compare_lines,
                     lines->text.data))
        rc = err_set(err, -ECANCELED, "interrupted");
    return rc ? rc : write_lines(lines, output, err);
}

static void lines_dispose(struct lines *lines)
{
    free(lines->items);
    bytes_dispose(&lines->text);
}

bool collapse_style_folds(enum collapse_style style)
{
    return style != COLLAPSE_PID && style != COLLAPSE_TID && style != COLLAPSE_ADDRS;
}

int collapse_fold(const struct fold *fold, enum collapse_style style, enum collapse_weight weight,
                  struct output *output, struct err *err)
{
    struct lines lines = {.cancel = fold->cancel};
    struct path path = {0};
    int rc = 0;
    for (size_t i = 1; i < fold->count && !rc; i++) {
        rc = canceled(lines.cancel, i, err);
        const struct fold_node *node = &fold->nodes[i];
        uint64_t value = weight == COLLAPSE_SAMPLES ? node->self_samples : node->self_value;
        if (!value) // a period of 0 counts as 1
            value = node->self_samples;
        if (!value)
            continue;
        path.depth = 0;
        for (size_t at = i; at; at = fold->nodes[at].parent)
            path_add(&path, fold->nodes[at].frame);
        add_line(&lines, fold->dict, &path, NULL, style, value);
    }
    free(path.frames);
    if (!rc)
        rc = finish_lines(&lines, output, err);
    lines_dispose(&lines);
    return rc;
}

static int collapse_samples(struct store *store, const struct query *query,
                            enum collapse_style style, enum collapse_weight weight,
                            struct output *output, struct err *err)
{
    static const struct sink_ops ops = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    const struct dict *dict = store_dict(store);
    struct collapse collapse = {
        .sink = {.ops = &ops, .dict = (struct dict *)dict},
        .by_thread = style == COLLAPSE_PID || style == COLLAPSE_TID,
        .by_samples = weight == COLLAPSE_SAMPLES,
    };
    struct path path = {0};
    struct lines lines = {.cancel = query->cancel};
    struct query weighing = *query;
    weighing.weighs = true;
    weighing.sums = weight != COLLAPSE_SAMPLES;
    int rc = store_replay(store, &weighing, &collapse.sink, err);
    for (size_t i = 0; i < collapse.count && !rc; i++) {
        const struct entry *entry = &collapse.entries[i];
        rc = canceled(lines.cancel, i, err);
        path.depth = 0;
        for (uint32_t node = entry->node; node != DICT_ROOT; node = dict->nodes[node].parent)
            path_add(&path, dict->nodes[node].frame);
        add_line(&lines, dict, &path, &dict->threads[entry->thread], style, entry->value);
    }
    if (!rc)
        rc = finish_lines(&lines, output, err);
    lines_dispose(&lines);
    free(path.frames);
    free(collapse.entries);
    idset_dispose(&collapse.set);
    return rc;
}

int collapse_write(struct store *store, const struct query *query, enum collapse_style style,
                   enum collapse_weight weight, struct output *output, struct err *err)
{
    if (!collapse_style_folds(style))
        return collapse_samples(store, query, style, weight, output, err);
    struct fold fold = {0};
    struct query summing = *query;
    summing.sums = weight != COLLAPSE_SAMPLES;
    int rc = store_fold(store, &summing, &fold, err);
    if (!rc)
        rc = collapse_fold(&fold, style, weight, output, err);
    fold_dispose(&fold);
    return rc;
}
