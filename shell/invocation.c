// One run of a command: checks its words against the command's row.
#include "shell/invocation.h"

#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage_at(struct invocation *run, size_t at, struct err *err, const char *format, ...)
    PRINTF_LIKE(4, 5);

static int usage_at(struct invocation *run, size_t at, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_setv(err, -EINVAL, format, args);
    va_end(args);
    run->bad_at = at;
    run->exit_code = EXIT_USAGE;
    return -EINVAL;
}

enum run_result invocation_usage(struct invocation *run, size_t at, struct err *err,
                                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_setv(err, -EINVAL, format, args);
    va_end(args);
    run->bad_at = at;
    run->exit_code = EXIT_USAGE;
    return RUN_ERROR;
}

static void consider(const char *typed, const char *candidate, const char **best, size_t *distance)
{
    size_t d = grammar_distance(typed, candidate);
    if (d < *distance) {
        *distance = d;
        *best = candidate;
    }
}

int invocation_unknown_key(struct invocation *run, const struct word *word, struct err *err)
{
    const struct command *command = run->command;
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    for (int i = 0; i < COMMAND_KEYS && command->keys[i].name; i++)
        consider(word->key, command->keys[i].name, &best, &distance);
    for (int i = 0; command->filters && i < FILTER_KEYS; i++)
        consider(word->key, filter_key_name((enum filter_key)i), &best, &distance);
    for (const struct setting *row = setting_table; row->name; row++) {
        if (command->settings && list_has(command->settings, row->name))
            consider(word->key, row->name, &best, &distance);
    }
    if (best)
        return usage_at(run, word->at, err, "%s has no key '%s'; did you mean '%s'?", command->name,
                        word->key, best);
    return usage_at(run, word->at, err, "%s has no key '%s'\nusage: %s", command->name, word->key,
                    command->usage);
}

static int add_filter(struct invocation *run, struct session *session, const struct word *word,
                      enum filter_key key, struct err *err)
{
    if (!run->filter) {
        const struct filter *selected = selection_filter(session->selection);
        run->filter = selected ? filter_copy(selected) : filter_new();
        filter_push(run->filter);
    }
    size_t bad_at = 0;
    if (!filter_add(run->filter, key, word->negated, word->regex, word->value, &bad_at, err))
        return 0;
    run->bad_at = word->value_at + bad_at;
    run->exit_code = EXIT_USAGE;
    return -EINVAL;
}

static int take_key(struct invocation *run, struct session *session, const struct word *word,
                    struct err *err)
{
    const struct command *command = run->command;
    bool plain = !word->negated && !word->regex;
    const struct command_key *key = command_key(command, word->key);
    if (key) {
        if (!plain)
            return usage_at(run, word->at, err, "'%s' takes '=' only", word->key);
        if (key->kind == ARG_CHOICE && !list_has(key->choices, word->value))
            return usage_at(run, word->value_at, err, "'%s' is not a value for %s; expected %s",
                            word->value, word->key, key->choices);
        return 0;
    }
    enum filter_key filter_key = filter_key_by_name(word->key, strlen(word->key));
    if (command->filters && filter_key != FILTER_KEYS)
        return add_filter(run, session, word, filter_key, err);
    const struct setting *setting = setting_by_name(word->key);
    if (setting && command->settings && list_has(command->settings, setting->name)) {
        if (!plain && (word->negated || setting->type != SETTING_PATTERN))
            return usage_at(run, word->at, err, "'%s' takes '=' only", word->key);
        if (!setting_set(&run->settings, setting, word->value, err))
            return 0;
        run->bad_at = word->value_at;
        run->exit_code = EXIT_USAGE;
        return -EINVAL;
    }
    if (command->raw) {
        run->words[run->word_count++] = word;
        return 0;
    }
    return invocation_unknown_key(run, word, err);
}

static bool has_word(const struct statement *statement, const char *text)
{
    for (size_t i = 0; i < statement->word_count; i++) {
        if (!statement->words[i].key && !strcmp(statement->words[i].text, text))
            return true;
    }
    return false;
}

static int take_word(struct invocation *run, const struct word *word, struct err *err)
{
    const struct command *command = run->command;
    bool json = !strcmp(word->text, "--json") && command->json;
    bool csv = !strcmp(word->text, "--csv") && command->csv;
    if (json || csv) {
        // Only what --json on flicker's own line set gives way.
        if (has_word(run->statement, json ? "--csv" : "--json"))
            return usage_at(run, word->at, err, "--json and --csv cannot both be had; give one");
        run->json = json;
        run->csv = csv;
        return 0;
    }
    if (word->text[0] == '-' && word->text[1] && !command->raw)
        return usage_at(run, word->at, err, "%s has no option '%s'\nusage: %s", command->name,
                        word->text, command->usage);
    if (command->max_words >= 0 && run->word_count >= (size_t)command->max_words)
        return usage_at(run, word->at, err, "%s does not expect '%s'\nusage: %s", command->name,
                        word->text, command->usage);
    run->words[run->word_count++] = word;
    return 0;
}

static void detect_term(struct invocation *run)
{
    term_detect(&run->term, run->out.kind == REDIRECT_NONE ? STDOUT_FILENO : -1);
    if (run->settings.color == COLOR_OFF)
        run->term.color = TERM_ASCII;
    else if (run->settings.color == COLOR_256)
        run->term.color = TERM_256;
    else if (run->settings.color == COLOR_24BIT)
        run->term.color = TERM_24BIT;
}

int invocation_init(struct invocation *run, struct session *session, const struct command *command,
                    const struct statement *statement, struct err *err)
{
    *run = (struct invocation){
        .command = command,
        .statement = statement,
        .settings = session->settings,
        .json = session->json && command->json,
        .out.fd = -1,
        .bad_at = GRAMMAR_NOWHERE,
        .exit_code = EXIT_FAILED,
    };
    run->words = xcalloc(statement->word_count + 1, sizeof *run->words);
    for (size_t i = 0; i < statement->word_count; i++) {
        const struct word *word = &statement->words[i];
        int code = word->key ? take_key(run, session, word, err) : take_word(run, word, err);
        if (code)
            return code;
    }
    int code = writer_open(&run->out, statement->redirect, statement->target, err);
    run->out.base.cancel = &session->signals.interrupted;
    if (code)
        run->bad_at = statement->target_at;
    detect_term(run);
    return code;
}

void invocation_dispose(struct invocation *run)
{
    if (run->dispose)
        run->dispose(run->state);
    writer_dispose(&run->out);
    filter_free(run->filter);
    free(run->words);
    *run = (struct invocation){.out.fd = -1};
}

const char *invocation_word(const struct invocation *run, size_t i)
{
    return i < run->word_count ? run->words[i]->text : NULL;
}

const struct word *invocation_key(const struct invocation *run, const char *key)
{
    const struct word *found = NULL;
    for (size_t i = 0; i < run->statement->word_count; i++) {
        const struct word *word = &run->statement->words[i];
        if (word->key && !strcmp(word->key, key))
            found = word;
    }
    return found;
}

int invocation_duration(struct invocation *run, const char *key, int64_t *out, struct err *err)
{
    const struct word *word = invocation_key(run, key);
    if (!word)
        return 0;
    int64_t ns;
    if (!units_parse_duration(word->value, &ns) || ns <= 0)
        return usage_at(run, word->value_at, err,
                        "'%s' is not a duration; expected one like 10s, 500ms or 2m, of at most "
                        "100 years",
                        word->value);
    *out = ns;
    return 0;
}

int invocation_count(struct invocation *run, const char *key, uint64_t least, uint64_t most,
                     uint64_t *out, struct err *err)
{
    const struct word *word = invocation_key(run, key);
    if (!word)
        return 0;
    uint64_t count;
    if (!units_parse_count(word->value, &count) || count < least || count > most)
        return usage_at(run, word->value_at, err,
                        "'%s' is not a value for %s; expected %" PRIu64 " to %" PRIu64, word->value,
                        key, least, most);
    *out = count;
    return 0;
}

int invocation_resample(struct invocation *run, double *out, struct err *err)
{
    uint64_t hz = 0;
    int code = invocation_count(run, "resample", 1, 1000000, &hz, err);
    *out = (double)hz;
    return code;
}

void invocation_query(struct invocation *run, struct session *session, struct query *out)
{
    selection_query(session->selection, out);
    if (run->filter)
        out->filter = run->filter;
    if (*run->settings.event)
        out->event = run->settings.event;
    out->idle |= run->settings.idle;
    out->cancel = &session->signals.interrupted;
}
