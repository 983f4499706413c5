// Stacks as the session shows them.
#include "shell/stacks.h"

#include "analysis/diff.h"

#include <stdlib.h>
#include <string.h>

static void argue(struct transforms *transforms, const char *name, const char *argument)
{
    if (transforms_argue(transforms, name, argument, NULL) < 0)
        abort(); // setting_set has let it pass
}

void stacks_transforms(struct transforms *out, const struct settings *settings)
{
    *out = (struct transforms){0};
    if (transforms_list(out, settings->transform, NULL) < 0)
        abort(); // as above
    if (settings->invert && transforms_list(out, "invert", NULL) < 0)
        abort(); // a row of the table
    struct bytes group = {0};
    setting_put(&group, settings, setting_by_name("group"));
    argue(out, "group", settings->group ? bytes_text(&group) : NULL);
    bytes_dispose(&group);
    argue(out, "focus", settings->focus);
    argue(out, "ignore", settings->ignore);
    argue(out, "from", settings->from);
    argue(out, "prune", settings->prune);
    argue(out, "hide", settings->hide);
}

enum query_first stacks_first(const struct settings *settings)
{
    enum query_first first = (enum query_first)settings->root;
    struct transforms transforms;
    stacks_transforms(&transforms, settings);
    transforms_first(&transforms, &first);
    transforms_dispose(&transforms);
    return first;
}

bool stacks_are_rewritten(const struct settings *settings)
{
    struct transforms transforms;
    bool any = stacks_first(settings) != QUERY_FIRST_COMM;
    stacks_transforms(&transforms, settings);
    for (size_t row = 0; row < TRANSFORM_COUNT; row++)
        any |= transforms.state[row] == TRANSFORM_ON;
    transforms_dispose(&transforms);
    return any;
}

void stacks_stand_upright(struct invocation *run)
{
    run->settings.invert = false;
}

int stacks_fold(struct session *session, const struct invocation *run, struct store *store,
                const struct query *query, struct fold *out, struct err *err)
{
    struct query asked = *query;
    struct transforms transforms;
    uint64_t applied;
    stacks_transforms(&transforms, &run->settings);
    asked.first = stacks_first(&run->settings);
    asked.by_line = transforms_by_line(&transforms);
    int code = store_fold(store, &asked, out, err);
    if (code) {
        transforms_dispose(&transforms);
        return code;
    }
    code = transforms_apply(&transforms, out, store == session->store ? &session->names : NULL,
                            &applied, err);
    session->transforms_applied = applied;
    transforms_dispose(&transforms);
    return code;
}

void stacks_say(struct session *session, const struct invocation *run)
{
    struct transforms transforms;
    struct bytes text = {0}, shown = {0};
    uint64_t asked = session->transforms_applied;
    stacks_transforms(&transforms, &run->settings);
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        if (transforms.state[row] != TRANSFORM_ON)
            asked &= ~(UINT64_C(1) << row);
    }
    transforms_text(&transforms, asked, &text);
    term_text(&shown, bytes_text(&text), text.len);
    if (shown.len)
        session_say(session, "stacks: %s", bytes_text(&shown));
    bytes_dispose(&text);
    bytes_dispose(&shown);
    transforms_dispose(&transforms);
}

int stacks_align(struct fold *a, struct fold *b, struct err *err)
{
    if (a->dict == b->dict)
        return 0;
    struct diff diff;
    struct err ignored = {0};
    int code = diff_folds(&diff, a, b, DIFF_BY_FUNCTION, err ? err : &ignored);
    if (code)
        return code;
    fold_dispose(a);
    fold_dispose(b);
    *a = diff.a;
    *b = diff.b;
    return 0;
}
