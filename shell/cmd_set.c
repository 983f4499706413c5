// set: shows and changes settings.
#include "shell/session.h"

#include <string.h>

static void put_row(struct bytes *out, const struct settings *settings,
                    const struct setting *setting)
{
    struct bytes value = {0}, bounds = {0};
    setting_put(&value, settings, setting);
    setting_put_bounds(&bounds, setting);
    bytes_printf(out, "%s=%s", setting->name, bytes_text(&value));
    size_t used = strlen(setting->name) + 1 + value.len;
    bytes_printf(out, "%*s# %s%s%s; %s\n", used < 16 ? (int)(16 - used) : 1, "",
                 bytes_text(&bounds), *setting->unit ? " " : "", setting->unit, setting->text);
    bytes_dispose(&value);
    bytes_dispose(&bounds);
}

static enum run_result change(struct session *session, struct invocation *run,
                              const struct setting *setting, const char *value, size_t at,
                              struct err *err)
{
    if (setting_set(&session->settings, setting, value, err)) {
        run->bad_at = at;
        run->exit_code = EXIT_USAGE;
        return RUN_ERROR;
    }
    session_apply_settings(session);
    return RUN_OK;
}

static enum run_result unknown(struct invocation *run, const char *name, size_t at, struct err *err)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (const struct setting *row = setting_table; row->name; row++) {
        size_t distance = grammar_distance(name, row->name);
        if (distance < least) {
            least = distance;
            nearest = row->name;
        }
    }
    if (nearest)
        return invocation_usage(run, at, err, "there is no setting '%s'; did you mean '%s'?", name,
                                nearest);
    return invocation_usage(run, at, err, "there is no setting '%s'; 'set' lists them", name);
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    struct bytes *out = &run->out.text;
    const struct statement *statement = run->statement;
    if (!statement->word_count) {
        for (const struct setting *row = setting_table; row->name; row++)
            put_row(out, &session->settings, row);
        return RUN_OK;
    }
    for (size_t i = 0; i < statement->word_count; i++) {
        const struct word *word = &statement->words[i];
        const char *name = word->key ? word->key : word->text;
        const struct setting *setting = setting_by_name(name);
        enum run_result result = RUN_OK;
        if (!setting || word->negated || (word->regex && setting->type != SETTING_PATTERN))
            return unknown(run, name, word->at, err);
        if (word->key)
            result = change(session, run, setting, word->value, word->value_at, err);
        else if (i + 1 < statement->word_count && !statement->words[i + 1].key &&
                 !setting_by_name(statement->words[i + 1].text)) {
            i++; // "set hz 99"
            result = change(session, run, setting, statement->words[i].text, statement->words[i].at,
                            err);
        } else
            put_row(out, &session->settings, setting);
        if (result != RUN_OK)
            return result;
    }
    return RUN_OK;
}

const struct command command_set = {
    .name = "set",
    .group = "automate",
    .usage = "set [NAME | NAME=VALUE]...",
    .summary = "show or change settings",
    .details = "NAME=VALUE on a command that heeds a setting changes it for that one run.",
    .example = "set hz=199 rows=20",
    .max_words = -1,
    .raw = true,
    .settings = "*",
    .run = run,
};
