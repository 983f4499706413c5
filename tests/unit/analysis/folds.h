// Folds written as text, for tests: "comm;caller;callee 3" lines.
//
// A frame's kind is its ending, _[k] kernel, _[j] jit, _[i] inlined, _[n] interpreted; "@@module"
// before it is its module. "?" is a frame without a name. A ';' before "::" is part of a name.
#ifndef FLICKER_TESTS_FOLDS_H
#define FLICKER_TESTS_FOLDS_H

#include "analysis/fold_edit.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

static inline uint32_t folds_frame(struct dict *dict, const char *text, size_t len, bool comm)
{
    static const char letters[] = "ukjin";
    static const uint8_t kinds[] = {FRAME_USER, FRAME_KERNEL, FRAME_JIT, FRAME_INLINED,
                                    FRAME_INTERPRETED};
    struct frame frame = {.kind = comm ? FRAME_COMM : FRAME_USER};
    if (len > 4 && !memcmp(text + len - 4, "_[", 2) && text[len - 1] == ']') {
        frame.kind = kinds[strchr(letters, text[len - 2]) - letters];
        len -= 4;
    }
    const char *at = memmem(text, len, "@@", 2);
    if (at) {
        frame.module = dict_string(dict, at + 2, (size_t)(text + len - at - 2));
        len = (size_t)(at - text);
    }
    if (len != 1 || *text != '?')
        frame.name = dict_string(dict, text, len);
    return dict_frame(dict, &frame);
}

static inline void folds_line(struct fold_edit *edit, struct dict *dict, const char *line,
                              size_t len)
{
    const char *space = memrchr(line, ' ', len);
    assert_non_null(space);
    struct fold_node weight = {.self_samples = strtoull(space + 1, NULL, 10)};
    weight.self_value = weight.self_samples * 10;
    uint32_t node = 0;
    for (const char *at = line; at < space;) {
        const char *end = at;
        while (end < space && (*end != ';' || !strncmp(end, ";::", 3)))
            end++;
        node = fold_edit_child(edit, node, folds_frame(dict, at, (size_t)(end - at), at == line));
        at = end + 1;
    }
    fold_edit_add(edit, node, &weight);
}

// Lines end in '\n'. Names go into *dict, which the fold borrows; values are ten times the samples.
static inline struct fold folds_read(struct dict *dict, const char *text)
{
    struct fold fold = {.dict = dict, .totals.event = UINT32_MAX};
    struct fold_edit edit;
    fold_edit_init(&edit, &fold);
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        folds_line(&edit, dict, text, (size_t)(end - text));
    fold_edit_commit(&edit);
    return fold;
}

// What every fold promises: parents first, children by name, sums right, no two alike.
static inline void folds_check(const struct fold *fold)
{
    assert_true(fold->count > 0);
    assert_int_equal(fold->nodes[0].frame, IDSET_NONE);
    uint64_t *below = calloc(fold->count, sizeof *below);
    uint64_t *value = calloc(fold->count, sizeof *value);
    uint32_t *last = calloc(fold->count, sizeof *last);
    for (uint32_t i = 1; i < fold->count; i++) {
        const struct fold_node *node = &fold->nodes[i];
        assert_true(node->parent < i);
        assert_true(node->frame < fold->dict->frame_count);
        uint32_t before = last[node->parent];
        assert_false(before &&
                     fold_same_function(fold->dict, fold->nodes[before].frame, node->frame));
        last[node->parent] = i;
        below[node->parent] += node->total_samples;
        value[node->parent] += node->total_value;
    }
    for (uint32_t i = 0; i < fold->count; i++) {
        assert_int_equal(fold->nodes[i].total_samples, fold->nodes[i].self_samples + below[i]);
        assert_int_equal(fold->nodes[i].total_value, fold->nodes[i].self_value + value[i]);
    }
    assert_int_equal(fold->totals.samples, fold->nodes[0].total_samples);
    assert_int_equal(fold->totals.value, fold->nodes[0].total_value);
    free(below);
    free(value);
    free(last);
}

static inline void folds_assert(const struct fold *fold, const char *expected)
{
    folds_check(fold);
    struct bytes text = {0};
    struct output_bytes output;
    output_bytes_init(&output, &text);
    struct err err = {0};
    assert_int_equal(fold_write_text(fold, &output.base, &err), 0);
    assert_string_equal(bytes_text(&text), expected);
    bytes_dispose(&text);
}

#endif
