// The table of transforms, and which of them a session wants.
#include "analysis/transform.h"

#include "analysis/fold_edit.h"
#include "proto/alloc.h"

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
        int rc = transform_table[row]->apply(&nothing, argument, err);
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

// The frames that a fold has now.
struct frames {
    uint32_t *items;
    size_t count;
    bool known;
};

static bool detects(const struct transform *transform, const struct fold *fold,
                    struct frames *frames)
{
    if (!transform->detect)
        return false;
    if (!frames->known)
        frames->items = fold_frames(fold, &frames->count);
    frames->known = true;
    for (size_t i = 0; i < frames->count; i++) {
        const struct frame *frame = &fold->dict->frames[frames->items[i]];
        if (frame->kind != FRAME_COMM && transform->detect(fold->dict, frame))
            return true;
    }
    return false;
}

int transforms_apply(const struct transforms *transforms, struct fold *fold, uint64_t *applied,
                     struct err *err)
{
    struct frames frames = {0};
    uint64_t bits = 0;
    int rc = 0;
    for (size_t row = 0; row < TRANSFORM_COUNT && rc == 0; row++) {
        const struct transform *transform = transform_table[row];
        enum transform_state state = transforms->state[row];
        if (state == TRANSFORM_OFF ||
            (state == TRANSFORM_AUTO && !detects(transform, fold, &frames)))
            continue;
        rc = transform->apply(fold, transforms->argument[row], err);
        bits |= UINT64_C(1) << row;
        free(frames.items);
        frames = (struct frames){0};
    }
    free(frames.items);
    if (applied)
        *applied = bits;
    return rc;
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
