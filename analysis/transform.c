// The table of transforms, and which of them a session wants.
#include "analysis/transform.h"

#include "analysis/fold_edit.h"
#include "proto/alloc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRANSFORM_ROW(name) &transform_##name,
const struct transform *const transform_table[TRANSFORM_COUNT + 1] = {
    TRANSFORM_LIST(TRANSFORM_ROW) NULL,
};
#undef TRANSFORM_ROW

static size_t row_by_name(const char *name, size_t len)
{
    size_t row = 0;
    while (row < TRANSFORM_COUNT &&
           (strncmp(transform_table[row]->name, name, len) != 0 || transform_table[row]->name[len]))
        row++;
    return row;
}

const struct transform *transform_by_name(const char *name)
{
    return transform_table[row_by_name(name, strlen(name))]; // its last row is NULL
}

void transforms_dispose(struct transforms *transforms)
{
    for (size_t row = 0; row < TRANSFORM_COUNT; row++)
        free(transforms->argument[row]);
    *transforms = (struct transforms){0};
}

void transforms_copy(struct transforms *out, const struct transforms *transforms)
{
    *out = *transforms;
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        if (out->argument[row])
            out->argument[row] = xstrdup(out->argument[row]);
    }
}

static int unknown_name(const char *name, size_t len, struct err *err)
{
    struct bytes names = {0};
    for (size_t row = 0; row < TRANSFORM_COUNT; row++)
        bytes_printf(&names, "%s%s", row ? ", " : "", transform_table[row]->name);
    int rc = err_set(err, -EINVAL, "no transform is named '%.*s'\nthere are: %s", (int)len, name,
                     bytes_text(&names));
    bytes_dispose(&names);
    return rc;
}

int transforms_argue(struct transforms *transforms, const char *name, const char *argument,
                     struct err *err)
{
    size_t row = row_by_name(name, strlen(name));
    if (row == TRANSFORM_COUNT)
        return unknown_name(name, strlen(name), err);
    if (!transform_table[row]->argument)
        return err_set(err, -EINVAL, "transform '%s' takes no argument", name);
    char *copy = NULL;
    if (argument && *argument) {
        struct dict dict; // an empty fold tells whether the argument is understood
        dict_init(&dict);
        struct fold nothing = {.dict = &dict};
        int rc = transform_apply(transform_table[row], &nothing, argument, err);
        fold_dispose(&nothing);
        dict_dispose(&dict);
        if (rc < 0)
            return rc;
        copy = xstrdup(argument);
    }
    free(transforms->argument[row]);
    transforms->argument[row] = copy;
    transforms->state[row] = copy ? TRANSFORM_ON : TRANSFORM_AUTO;
    return 0;
}

// Rows with an argument are switched by it alone.
static void set_all(enum transform_state *state, enum transform_state to)
{
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        if (!transform_table[row]->argument)
            state[row] = to;
    }
}

int transforms_list(struct transforms *transforms, const char *words, struct err *err)
{
    enum transform_state state[TRANSFORM_COUNT];
    memcpy(state, transforms->state, sizeof state);
    for (const char *word = words; *word;) {
        size_t len = strcspn(word, ", ");
        bool off = len && *word == '-';
        const char *name = word + off;
        size_t name_len = len - off, row = row_by_name(name, name_len);
        if (name_len == 4 && !strncmp(name, "auto", 4) && !off) {
            set_all(state, TRANSFORM_AUTO);
        } else if (name_len == 4 && !strncmp(name, "none", 4) && !off) {
            set_all(state, TRANSFORM_OFF);
        } else if (len && row == TRANSFORM_COUNT) {
            return unknown_name(name, name_len, err);
        } else if (len && transform_table[row]->argument) {
            return err_set(err, -EINVAL, "transform '%s' needs an argument: %s=%s",
                           transform_table[row]->name, transform_table[row]->name,
                           transform_table[row]->argument);
        } else if (len) {
            state[row] = off ? TRANSFORM_OFF : TRANSFORM_ON;
        }
        word += len + strspn(word + len, ", ");
    }
    memcpy(transforms->state, state, sizeof state);
    return 0;
}

// Rows that were begun with: a chain of rewritings of frames, not yet in the tree.
struct application {
    struct fold *fold;
    struct names *names;
    struct rewrite chain;
    bool open;
};

static struct rewrite *chain(struct application *application)
{
    if (!application->open)
        rewrite_init(&application->chain, application->fold, application->names);
    application->open = true;
    return &application->chain;
}

static void close_chain(struct application *application, enum rewrite_join join)
{
    if (application->open || join != REWRITE_JOIN_NONE)
        rewrite_commit(chain(application), join);
    application->open = false;
}

static bool detects(struct application *application, size_t row)
{
    const struct transform *transform = transform_table[row];
    return transform->detect &&
           rewrite_detects(chain(application), names_memo(application->names, row, NULL),
                           transform->detect);
}

static int apply_row(struct application *application, size_t row, const char *argument,
                     struct err *err)
{
    const struct transform *transform = transform_table[row];
    if (transform->apply) {
        close_chain(application, REWRITE_JOIN_NONE);
        fold_use_names(application->fold, application->names); // whose order by name is known
        return transform->apply(application->fold, argument, err);
    }
    int rc = transform->check ? transform->check(argument, err) : 0;
    if (rc < 0)
        return rc;
    if (transform->rewrite)
        rewrite_add(chain(application), names_memo(application->names, row, argument),
                    transform->rewrite);
    if (transform->join != REWRITE_JOIN_NONE)
        close_chain(application, transform->join);
    return 0;
}

int transforms_apply(const struct transforms *transforms, struct fold *fold, struct names **kept,
                     uint64_t *applied, struct err *err)
{
    static_assert((int)TRANSFORM_COUNT <= (int)NAMES_MEMOS, "a memo for each row");
    struct names *none = NULL;
    bool by_line = transforms_by_line(transforms);
    if (!kept || by_line) // names are kept for folds that do not tell lines apart
        kept = &none;
    if (!fold->own && by_line)
        none = names_new(true);
    else if (!fold->own)
        names_keep(kept, fold->dict);
    struct application application = {.fold = fold, .names = fold->own ? fold->own : *kept};
    uint64_t bits = 0;
    int rc = 0;
    for (size_t row = 0; row < TRANSFORM_COUNT && rc == 0; row++) {
        enum transform_state state = transforms->state[row];
        if (state == TRANSFORM_OFF || (state == TRANSFORM_AUTO && !detects(&application, row)))
            continue;
        rc = apply_row(&application, row, transforms->argument[row], err);
        bits |= UINT64_C(1) << row;
    }
    close_chain(&application, REWRITE_JOIN_NONE);
    if (rc == 0)
        rc = fold_canceled(fold, err);
    names_release(none);
    if (applied)
        *applied = bits;
    return rc;
}

int transform_apply(const struct transform *transform, struct fold *fold, const char *argument,
                    struct err *err)
{
    struct names *names = fold->own ? names_hold(fold->own) : names_new(false);
    struct application application = {.fold = fold, .names = names};
    int rc = apply_row(&application, row_by_name(transform->name, strlen(transform->name)),
                       argument, err);
    close_chain(&application, REWRITE_JOIN_NONE);
    names_release(names);
    return rc;
}

static bool is_detected(const struct transform *row, const struct dict *dict, uint32_t frame)
{
    return row->detect && row->rewrite && row->detect(dict, &dict->frames[frame]);
}

// What one row makes of a list of frames, in place; returns how many there are then.
static size_t read_by_row(struct names *names, size_t row, uint32_t *frames, size_t count)
{
    const struct transform *transform = transform_table[row];
    struct names_memo *memo = names_memo(names, row, NULL);
    struct rewriting rewriting = {0};
    uint32_t read[NAMES_REWRITE_MAX];
    size_t read_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct names_image image = {.count = 1};
        const uint32_t *list = &frames[i];
        if (is_detected(transform, &names->dict, frames[i])) {
            image = *names_image(names, memo, frames[i], transform->rewrite, &rewriting);
            list = memo->list + image.at;
        }
        for (size_t j = 0; j < image.count && read_count < NAMES_REWRITE_MAX; j++)
            read[read_count++] = list[j];
    }
    if (read_count)
        memcpy(frames, read, read_count * sizeof *frames);
    bytes_dispose(&rewriting.scratch);
    return read_count;
}

size_t transforms_readable(struct names **names, const struct dict *dict, uint32_t frame,
                           uint32_t *out)
{
    size_t row = 0, count = 1;
    if (!*names)
        *names = names_new(false);
    if (*names_plain(*names, dict, frame))
        return 0;
    while (row < TRANSFORM_COUNT && !is_detected(transform_table[row], dict, frame))
        row++;
    if (row == TRANSFORM_COUNT) {
        *names_plain(*names, dict, frame) = 1;
        return 0;
    }
    out[0] = names_copy(*names, dict, frame);
    for (; row < TRANSFORM_COUNT; row++)
        count = read_by_row(*names, row, out, count);
    return count;
}

void transforms_text(const struct transforms *transforms, uint64_t applied, struct bytes *out)
{
    const char *between = "";
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        if (!(applied >> row & 1))
            continue;
        bytes_printf(out, "%s%s", between, transform_table[row]->name);
        if (transforms->argument[row])
            bytes_printf(out, "=%s", transforms->argument[row]);
        between = ", ";
    }
}
