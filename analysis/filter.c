// Filters: the list of pushes and terms, as typed. What they mean for a dictionary is in
// filter_compile.c.
#include "analysis/filter.h"

#include "analysis/term.h"
#include "proto/alloc.h"
#include "proto/bytes.h"

#include <stdlib.h>
#include <string.h>

static const char *const key_names[FILTER_KEYS] = {
    [FILTER_COMM] = "comm",     [FILTER_PID] = "pid",     [FILTER_TID] = "tid",
    [FILTER_CPU] = "cpu",       [FILTER_FRAME] = "frame", [FILTER_MODULE] = "module",
    [FILTER_CGROUP] = "cgroup", [FILTER_VALUE] = "value",
};

struct filter *filter_new(void)
{
    return xcalloc(1, sizeof(struct filter));
}

void filter_free(struct filter *filter)
{
    if (!filter)
        return;
    while (filter_pop(filter)) {
    }
    free(filter->terms);
    free(filter->push_at);
    free(filter);
}

struct filter *filter_copy(const struct filter *filter)
{
    struct filter *copy = filter_new();
    array_reserve(&copy->push_at, &copy->push_capacity, filter->push_count);
    if (filter->push_count)
        memcpy(copy->push_at, filter->push_at, filter->push_count * sizeof *copy->push_at);
    copy->push_count = filter->push_count;
    array_reserve(&copy->terms, &copy->term_capacity, filter->term_count);
    for (size_t i = 0; i < filter->term_count; i++)
        term_copy(&copy->terms[i], &filter->terms[i]);
    copy->term_count = filter->term_count;
    return copy;
}

// Pushes that have no other terms are left out, too.
struct filter *filter_any_value(const struct filter *filter, size_t pushes)
{
    struct filter *copy = filter_new();
    for (size_t push = 0; push < filter->push_count; push++) {
        size_t end = push + 1 < filter->push_count ? filter->push_at[push + 1] : filter->term_count;
        bool opened = false;
        for (size_t i = filter->push_at[push]; i < end; i++) {
            if (push < pushes && filter->terms[i].key == FILTER_VALUE)
                continue;
            if (!opened)
                filter_push(copy);
            opened = true;
            array_reserve(&copy->terms, &copy->term_capacity, copy->term_count + 1);
            term_copy(&copy->terms[copy->term_count++], &filter->terms[i]);
        }
    }
    return copy;
}

struct filter *filter_with_values(const struct filter *filter, const char *values, struct err *err)
{
    struct filter *copy = filter ? filter_any_value(filter, SIZE_MAX) : filter_new();
    if (!strcmp(values, "all"))
        return copy;
    filter_push(copy);
    for (const char *at = values;;) {
        size_t len = strcspn(at, ",");
        char *range = xstrndup(at, len);
        int rc = filter_add(copy, FILTER_VALUE, false, false, range, NULL, err);
        free(range);
        if (rc < 0) {
            filter_free(copy);
            return NULL;
        }
        if (!at[len])
            return copy;
        at += len + 1;
    }
}

const char *filter_key_name(enum filter_key key)
{
    return key < FILTER_KEYS ? key_names[key] : "";
}

enum filter_key filter_key_by_name(const char *name, size_t len)
{
    for (int key = 0; key < FILTER_KEYS; key++) {
        if (strlen(key_names[key]) == len && !memcmp(key_names[key], name, len))
            return (enum filter_key)key;
    }
    return FILTER_KEYS;
}

void filter_push(struct filter *filter)
{
    array_reserve(&filter->push_at, &filter->push_capacity, filter->push_count + 1);
    filter->push_at[filter->push_count++] = filter->term_count;
}

int filter_add(struct filter *filter, enum filter_key key, bool negated, bool regex,
               const char *value, size_t *bad_at, struct err *err)
{
    struct term term;
    int rc = term_parse(&term, key, negated, regex, value, bad_at, err);
    if (rc < 0)
        return rc;
    if (!filter->push_count)
        filter_push(filter);
    array_reserve(&filter->terms, &filter->term_capacity, filter->term_count + 1);
    filter->terms[filter->term_count++] = term;
    return 0;
}

bool filter_pop(struct filter *filter)
{
    if (!filter->push_count)
        return false;
    size_t first = filter->push_at[--filter->push_count];
    while (filter->term_count > first)
        term_dispose(&filter->terms[--filter->term_count]);
    return true;
}

size_t filter_pushes(const struct filter *filter)
{
    return filter->push_count;
}

bool filter_is_empty(const struct filter *filter)
{
    return !filter->term_count;
}

// As a POSIX shell would want it: bare where nothing is special, else in single quotes.
static void append_quoted(struct bytes *out, const char *text)
{
    if (*text && !strpbrk(text, " \t\n'\"\\|&;<>()$`*?[]#~={}")) {
        bytes_append_text(out, text);
        return;
    }
    bytes_append_char(out, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            bytes_append_text(out, "'\\''");
        else
            bytes_append_char(out, *at);
    }
    bytes_append_char(out, '\'');
}

char *filter_text(const struct filter *filter)
{
    struct bytes text = {0};
    size_t push = 0;
    for (size_t i = 0; i < filter->term_count; i++) {
        bool opens = false;
        while (push < filter->push_count && filter->push_at[push] <= i) {
            push++;
            opens = true;
        }
        if (i)
            bytes_append_text(&text, opens ? " & " : " ");
        const struct term *term = &filter->terms[i];
        bytes_printf(&text, "%s%s%s", term->negated ? "!" : "", key_names[term->key],
                     term->regex ? "~" : "=");
        append_quoted(&text, term->text);
    }
    char *result = xstrdup(bytes_text(&text));
    bytes_dispose(&text);
    return result;
}
