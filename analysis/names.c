// Rewritten names, remembered.
#include "analysis/names.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 128 << 20 }; // of paths that were asked for and are not any more

struct names *names_new(bool by_line)
{
    struct names *names = xcalloc(1, sizeof *names);
    dict_init(&names->dict);
    callpaths_init(&names->callpaths, &names->dict);
    names->dict.by_line = names->callpaths.by_line = by_line;
    names->holders = 1;
    return names;
}

struct names *names_hold(struct names *names)
{
    names->holders++;
    return names;
}

static void memo_dispose(struct names_memo *memo)
{
    free(memo->argument);
    free(memo->images);
    free(memo->list);
    free(memo->detected);
    *memo = (struct names_memo){0};
}

void names_release(struct names *names)
{
    if (!names || --names->holders)
        return;
    for (size_t i = 0; i < NAMES_MEMOS; i++)
        memo_dispose(&names->memos[i]);
    free(names->copies);
    free(names->plain);
    callpaths_dispose(&names->callpaths);
    dict_dispose(&names->dict);
    free(names);
}

size_t names_bytes(const struct names *names)
{
    size_t bytes = sizeof *names + dict_bytes(&names->dict) + callpaths_bytes(&names->callpaths) +
                   names->copy_capacity * sizeof *names->copies + names->plain_capacity;
    for (size_t i = 0; i < NAMES_MEMOS; i++) {
        const struct names_memo *memo = &names->memos[i];
        bytes += memo->image_capacity * sizeof *memo->images + memo->capacity * sizeof *memo->list +
                 memo->detected_capacity;
    }
    return bytes;
}

static bool is_source(const struct names *names, const struct dict *source)
{
    return names->source_seed == source->seed && names->source_generation == source->generation;
}

void names_keep(struct names **kept, const struct dict *source)
{
    if (*kept && is_source(*kept, source) && names_bytes(*kept) < KEPT_BYTES)
        return;
    names_release(*kept);
    *kept = names_new(false);
}

static void follow_source(struct names *names, const struct dict *source)
{
    if (is_source(names, source))
        return;
    names->source_seed = source->seed;
    names->source_generation = source->generation;
    names->copy_count = names->plain_count = 0;
}

uint8_t *names_plain(struct names *names, const struct dict *source, uint32_t frame)
{
    follow_source(names, source);
    if (frame >= names->plain_count) {
        array_reserve(&names->plain, &names->plain_capacity, source->frame_count);
        memset(names->plain + names->plain_count, 0, source->frame_count - names->plain_count);
        names->plain_count = source->frame_count;
    }
    return &names->plain[frame];
}

uint32_t names_copy(struct names *names, const struct dict *source, uint32_t frame)
{
    follow_source(names, source);
    if (frame >= names->copy_count) {
        array_reserve(&names->copies, &names->copy_capacity, source->frame_count);
        memset(names->copies + names->copy_count, 0,
               (source->frame_count - names->copy_count) * sizeof *names->copies);
        names->copy_count = source->frame_count;
    }
    if (!names->copies[frame])
        names->copies[frame] = names_copy_frame(&names->dict, source, frame) + 1;
    return names->copies[frame] - 1;
}

uint32_t names_copy_event(struct names *names, const struct dict *source, uint32_t event)
{
    if (event >= source->event_count)
        return event;
    struct dict *dict = &names->dict;
    struct event copy = source->events[event];
    copy.name = dict_string(dict, dict_text(source, copy.name), dict_text_len(source, copy.name));
    copy.unit = dict_string(dict, dict_text(source, copy.unit), dict_text_len(source, copy.unit));
    return dict_event(dict, &copy);
}

struct names_memo *names_memo(struct names *names, size_t number, const char *argument)
{
    struct names_memo *memo = &names->memos[number];
    if (!argument)
        argument = "";
    if (memo->argument && strcmp(memo->argument, argument) != 0)
        memo_dispose(memo);
    if (!memo->argument)
        memo->argument = xstrdup(argument);
    return memo;
}

const struct names_image *names_image(struct names *names, struct names_memo *memo, uint32_t frame,
                                      names_rewrite_fn *rewrite, struct rewriting *rewriting)
{
    if (frame >= memo->image_count) {
        array_reserve(&memo->images, &memo->image_capacity, names->dict.frame_count);
        memset(memo->images + memo->image_count, 0,
               (names->dict.frame_count - memo->image_count) * sizeof *memo->images);
        memo->image_count = names->dict.frame_count;
    }
    if (!memo->images[frame].known) {
        uint32_t frames[NAMES_REWRITE_MAX] = {frame};
        size_t count = rewrite ? rewrite(rewriting, &names->dict, frame, frames) : 1;
        array_reserve(&memo->list, &memo->capacity, memo->count + count);
        if (count)
            memcpy(memo->list + memo->count, frames, count * sizeof *frames);
        memo->images[frame] = (struct names_image){
            .at = (uint32_t)memo->count, .count = (uint16_t)count, .known = true};
        memo->count += count;
    }
    return &memo->images[frame];
}

bool names_detects(struct names *names, struct names_memo *memo, uint32_t frame,
                   names_detect_fn *detect)
{
    enum { NO = 1, YES = 2 };
    const struct dict *dict = &names->dict;
    if (frame >= memo->detected_count) {
        array_reserve(&memo->detected, &memo->detected_capacity, dict->frame_count);
        memset(memo->detected + memo->detected_count, 0, dict->frame_count - memo->detected_count);
        memo->detected_count = dict->frame_count;
    }
    if (!memo->detected[frame])
        memo->detected[frame] = detect(dict, &dict->frames[frame]) ? YES : NO;
    return memo->detected[frame] == YES;
}

uint32_t names_copy_frame(struct dict *to, const struct dict *from, uint32_t frame)
{
    struct frame copy = from->frames[frame];
    copy.name = dict_string(to, dict_text(from, copy.name), dict_text_len(from, copy.name));
    copy.module = dict_string(to, dict_text(from, copy.module), dict_text_len(from, copy.module));
    copy.file = dict_string(to, dict_text(from, copy.file), dict_text_len(from, copy.file));
    return dict_frame(to, &copy);
}

uint32_t names_named_frame(struct dict *dict, const struct frame *frame, const struct bytes *name)
{
    struct frame named = *frame; // a copy: the dictionary's may move
    named.name = dict_string(dict, bytes_text(name), name->len);
    return dict_frame(dict, &named);
}

size_t names_rename(struct rewriting *rewriting, struct dict *dict, uint32_t frame, uint32_t *out,
                    names_rename_fn *rename)
{
    const struct frame *row = &dict->frames[frame];
    bytes_clear(&rewriting->scratch);
    if (row->kind != FRAME_COMM && rename(dict, row, &rewriting->scratch))
        out[0] = names_named_frame(dict, row, &rewriting->scratch);
    return 1;
}
