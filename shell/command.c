// The table of commands, and how a typed name finds its row.
#include "shell/command.h"

#include "proto/bytes.h"

#include <errno.h>
#include <string.h>

#define COMMAND_ROW(name) &command_##name,
const struct command *const command_table[] = {COMMAND_LIST(COMMAND_ROW) NULL};
#undef COMMAND_ROW

bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    if (list && !strcmp(list, "*"))
        return true;
    while (list && *list) {
        size_t item = strcspn(list, " ");
        if (item == len && !strncmp(list, word, len))
            return true;
        list += item + (list[item] == ' ');
    }
    return false;
}

const struct command *command_by_name(const char *name)
{
    for (size_t i = 0; command_table[i]; i++) {
        if (!strcmp(command_table[i]->name, name))
            return command_table[i];
    }
    return NULL;
}

static const struct command *refuse(const char *name, const struct bytes *meant, struct err *err)
{
    if (meant->len) {
        err_set(err, -EINVAL, "'%s' could be %s", name, bytes_text(meant));
        return NULL;
    }
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; command_table[i]; i++) {
        size_t distance = grammar_distance(name, command_table[i]->name);
        if (name[0] && name[1] && !strncmp(command_table[i]->name, name, strlen(name)))
            distance = 0; // a prefix, where those are not taken
        if (distance < least) {
            least = distance;
            nearest = command_table[i]->name;
        }
    }
    if (!strcmp(name, "exit")) // what shells call it
        nearest = command_quit.name;
    if (nearest)
        err_set(err, -EINVAL, "unknown command '%s'; did you mean '%s'?", name, nearest);
    else
        err_set(err, -EINVAL, "unknown command '%s'; 'help' lists them", name);
    return NULL;
}

const struct command *command_find(const char *name, bool prefixes, struct err *err)
{
    const struct command *found = command_by_name(name);
    if (found)
        return found;
    struct bytes meant = {0};
    size_t count = 0, len = strlen(name);
    for (size_t i = 0; prefixes && len && command_table[i]; i++) {
        if (strncmp(command_table[i]->name, name, len))
            continue;
        found = command_table[i];
        bytes_printf(&meant, "%s%s", count++ ? " or " : "", found->name);
    }
    if (count != 1)
        found = refuse(name, &meant, err);
    bytes_dispose(&meant);
    return found;
}

bool command_is_expression(const char *verb)
{
    const struct command *command = command_find(verb, true, NULL);
    return command && command->expression;
}

const struct command_key *command_key(const struct command *command, const char *name)
{
    for (int i = 0; i < COMMAND_KEYS && command->keys[i].name; i++) {
        if (!strcmp(command->keys[i].name, name))
            return &command->keys[i];
    }
    return NULL;
}
