// One term of a filter: names are equal, numbers lie in a list, patterns are PCRE2's.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "analysis/term.h"

#include "proto/alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCH_LIMIT = 200000, // steps for one name: some milliseconds at most
    CHEAP_LIMIT = 2000,   // what nearly every name takes less than
    EXPENSIVE_MOST = 200, // names of a round that may take more
    JIT_STACK_BYTES = 32 * 1024,
    JIT_STACK_MOST_BYTES = 512 * 1024,
    NUMBERS_MOST = 4096,
};

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits, *cheap;
    unsigned expensive; // names of this round
    pcre2_jit_stack *stack;
};

static void regex_free(struct regex *regex)
{
    if (!regex)
        return;
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->limits);
    pcre2_match_context_free(regex->cheap);
    pcre2_jit_stack_free(regex->stack);
    pcre2_code_free(regex->code);
    free(regex);
}

static int regex_new(struct regex **out, const char *pattern, size_t *bad_at, struct err *err)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    // Names are bytes: a pattern must not switch to UTF, for which they might be invalid.
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                         PCRE2_NEVER_UTF, &code, &offset, NULL);
    if (!compiled) {
        char why[200];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        if (bad_at)
            *bad_at = offset;
        return err_set(err, -EINVAL, "pattern '%s': %s at byte %zu", pattern, why, (size_t)offset);
    }
    struct regex *regex = xcalloc(1, sizeof *regex);
    regex->code = compiled;
    regex->match = pcre2_match_data_create(1, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    regex->cheap = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_match_limit(regex->cheap, CHEAP_LIMIT);
    pcre2_set_depth_limit(regex->cheap, CHEAP_LIMIT);
    if (pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0) { // else the interpreter does it
        regex->stack = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_MOST_BYTES, NULL);
        pcre2_jit_stack_assign(regex->limits, NULL, regex->stack);
        pcre2_jit_stack_assign(regex->cheap, NULL, regex->stack);
    }
    *out = regex;
    return 0;
}

// A pattern that is hostile on every name a little would take minutes with a limit for each alone.
static int regex_match(struct regex *regex, const char *text, size_t len)
{
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)text, len, 0, 0, regex->match, regex->cheap);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH && ++regex->expensive <= EXPENSIVE_MOST)
        rc = pcre2_match(regex->code, (PCRE2_SPTR)text, len, 0, 0, regex->match, regex->limits);
    if (rc >= 0)
        return 1;
    return rc == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}

static bool key_is_number(enum filter_key key)
{
    return key == FILTER_PID || key == FILTER_TID || key == FILTER_CPU;
}

// Reads digits at *at; false when there are none or too many.
static bool read_number(const char **at, uint32_t *number)
{
    uint64_t value = 0;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > UINT32_MAX) {
            *at = start;
            return false;
        }
    }
    *number = (uint32_t)value;
    return *at > start;
}

// "0-3,7". Returns NULL, or the place that was not understood.
static const char *parse_numbers(struct term *term, const char *value)
{
    size_t capacity = 0;
    for (const char *at = value;; at++) {
        struct number_range range;
        const char *start = at;
        if (!read_number(&at, &range.low))
            return at;
        range.high = range.low;
        if (*at == '-') {
            at++;
            if (!read_number(&at, &range.high))
                return at;
            if (range.high < range.low)
                return start;
        }
        if (term->number_count == NUMBERS_MOST)
            return start;
        array_reserve(&term->numbers, &capacity, term->number_count + 1);
        term->numbers[term->number_count++] = range;
        if (!*at)
            return NULL;
        if (*at != ',')
            return at;
    }
}

// "1.5ms", "4K", "12" up to `end`. False when it is not such a number.
static bool read_value(const char *at, const char *end, uint64_t *value)
{
    static const struct {
        const char *text;
        double factor;
    } units[] = {{"", 1},          {"ns", 1},      {"us", 1e3},      {"ms", 1e6},
                 {"s", 1e9},       {"K", 1 << 10}, {"KiB", 1 << 10}, {"M", 1 << 20},
                 {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}};
    char text[32];
    size_t len = (size_t)(end - at);
    if (!len || len >= sizeof text || *at < '0' || *at > '9')
        return false;
    memcpy(text, at, len);
    text[len] = '\0';
    char *unit;
    double number = strtod(text, &unit);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!strcmp(unit, units[i].text)) {
            number *= units[i].factor;
            *value = number < 18e18 ? (uint64_t)(number + 0.5) : UINT64_MAX;
            return true;
        }
    }
    return false;
}

static int parse_values(struct value_range *out, const char *value, size_t *bad_at, struct err *err)
{
    const char *end = value + strlen(value), *dots = strstr(value, "..");
    const char *low_end = dots ? dots : end, *high = dots ? dots + 2 : value;
    *out = (struct value_range){0, UINT64_MAX};
    bool low_good = (dots && low_end == value) || read_value(value, low_end, &out->low);
    bool high_good = (dots && high == end) || read_value(high, end, &out->high);
    if (low_good && high_good && out->low <= out->high && end > value + 2 * (dots != NULL))
        return 0;
    if (bad_at)
        *bad_at = low_good && !high_good ? (size_t)(high - value) : 0;
    return err_set(err, -EINVAL,
                   "value '%s' is no range of values, expected one such as 1ms.., 10us..2ms, ..4K",
                   value);
}

int term_parse(struct term *out, enum filter_key key, bool negated, bool regex, const char *value,
               size_t *bad_at, struct err *err)
{
    *out = (struct term){.key = key, .negated = negated};
    if (bad_at)
        *bad_at = 0;
    if (key == FILTER_VALUE && regex)
        return err_set(err, -EINVAL,
                       "value~ is no filter: values are numbers, expected value=1ms..");
    if (key == FILTER_VALUE) {
        int rc = parse_values(&out->values, value, bad_at, err);
        if (rc < 0)
            return rc;
    } else if (regex) {
        int rc = regex_new(&out->regex, value, bad_at, err);
        if (rc < 0)
            return rc;
    } else if (key_is_number(key)) {
        const char *bad = parse_numbers(out, value);
        if (bad) {
            term_dispose(out);
            if (bad_at)
                *bad_at = (size_t)(bad - value);
            return err_set(err, -EINVAL,
                           "%s '%s': byte %zu is not a number, expected a list such as 0-3,7",
                           filter_key_name(key), value, (size_t)(bad - value));
        }
    }
    out->text = xstrdup(value);
    return 0;
}

void term_copy(struct term *out, const struct term *term)
{
    *out = (struct term){.key = term->key,
                         .negated = term->negated,
                         .text = xstrdup(term->text),
                         .values = term->values};
    if (term->regex)
        (void)!regex_new(&out->regex, term->text, NULL, NULL); // it compiled before
    if (term->number_count) {
        out->numbers = xreallocarray(NULL, term->number_count, sizeof *out->numbers);
        memcpy(out->numbers, term->numbers, term->number_count * sizeof *out->numbers);
        out->number_count = term->number_count;
    }
}

void term_dispose(struct term *term)
{
    regex_free(term->regex);
    free(term->numbers);
    free(term->text);
    *term = (struct term){0};
}

void term_begin(const struct term *term)
{
    if (term->regex)
        term->regex->expensive = 0;
}

int term_match_text(const struct term *term, const char *text, size_t len)
{
    if (term->regex)
        return regex_match(term->regex, text, len);
    return strlen(term->text) == len && !memcmp(term->text, text, len);
}

int term_match_number(const struct term *term, int64_t number)
{
    if (term->regex) {
        char text[24];
        int len = snprintf(text, sizeof text, "%" PRId64, number);
        return regex_match(term->regex, text, (size_t)len);
    }
    for (size_t i = 0; i < term->number_count; i++) {
        if (number >= term->numbers[i].low && number <= term->numbers[i].high)
            return 1;
    }
    return 0;
}

int term_too_expensive(const struct term *term, struct err *err)
{
    return err_set(err, -E2BIG, "%s pattern '%s' takes too many steps, expected a simpler one",
                   filter_key_name(term->key), term->text);
}
