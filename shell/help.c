// The tables as text.
#include "shell/help.h"

#include "analysis/filter.h"
#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

static const char grammar_text[] =
    "verb [words] [key=value] [key~regex] [!key=value] [| command] [> file] [>> file]";

void help_put_all(struct bytes *out)
{
    const char *group = "";
    for (size_t i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        if (strcmp(group, command->group) != 0)
            bytes_printf(out, "%s%s\n", i ? "\n" : "", command->group);
        group = command->group;
        bytes_printf(out, "  %-9s %s\n", command->name, command->summary);
    }
    bytes_printf(out,
                 "\nA line is: %s\n';' separates commands, '#' begins a comment, quotes are a "
                 "shell's; so is what follows '|':\n'top | (read head; sort -n)'.\n'help COMMAND' "
                 "explains one; Tab completes; Ctrl-C stops a command, "
                 "never a recording.\n",
                 grammar_text);
}

static void put_settings(struct bytes *out, const char *list)
{
    for (const struct setting *row = setting_table; row->name; row++) {
        if (list_has(list, row->name))
            bytes_printf(out, "  %-9s %s (setting)\n", row->name, row->text);
    }
}

static void put_filter_keys(struct bytes *out)
{
    bytes_append_text(out, "  TERM      ");
    for (int i = 0; i < FILTER_KEYS; i++)
        bytes_printf(out, "%s%s=", i ? " " : "", filter_key_name((enum filter_key)i));
    bytes_append_text(out, "\n            (~ for a regular expression, ! to negate)\n");
}

void help_put_command(struct bytes *out, const struct command *command)
{
    bytes_printf(out, "%s\n  %s\n", command->usage, command->summary);
    if (command->details)
        bytes_printf(out, "\n%s\n", command->details);
    bool any = command->keys[0].name || command->filters || command->json;
    if (any)
        bytes_append_char(out, '\n');
    for (int i = 0; i < COMMAND_KEYS && command->keys[i].name; i++)
        bytes_printf(out, "  %-9s %s\n", command->keys[i].name, command->keys[i].text);
    if (command->settings && strcmp(command->settings, "*") != 0)
        put_settings(out, command->settings);
    if (command->filters)
        put_filter_keys(out);
    if (command->json)
        bytes_append_text(out, "  --json    for machines\n");
    if (command->csv)
        bytes_append_text(out, "  --csv     for spreadsheets\n");
    bytes_printf(out, "\nexample:  %s\n", command->example);
}

// Words on lines that are narrow enough; those after the first are indented.
static void put_words(struct bytes *out, const char *words, const char *indent)
{
    enum { WIDTH = 80 };
    for (size_t used = 0, len; *words; words += len + (words[len] == ' ')) {
        len = strcspn(words, " ");
        bool fits = !used || used + 1 + len <= WIDTH;
        bytes_printf(out, "%s%.*s", !used ? "" : fits ? " " : indent, (int)len, words);
        used = fits ? used + 1 + len : len;
    }
}

void help_put_setting(struct bytes *out, const struct setting *setting)
{
    struct bytes values = {0};
    setting_put_bounds(&values, setting);
    bytes_printf(&values, "%s%s", *setting->unit ? " " : "", setting->unit);
    bytes_printf(out, "set %s=%s\n  %s\n  values: ", setting->name, setting->standard,
                 setting->text);
    put_words(out, bytes_text(&values), "\n          ");
    bytes_append_char(out, '\n');
    bytes_dispose(&values);
}

bool help_put_key(struct bytes *out, const char *key)
{
    bool is_filter = filter_key_by_name(key, strlen(key)) != FILTER_KEYS;
    bool any = is_filter;
    for (size_t i = 0; command_table[i]; i++) {
        const struct command_key *row = command_key(command_table[i], key);
        if (row)
            bytes_printf(out, "%s %s=\n  %s\n", command_table[i]->name, key, row->text);
        any |= row != NULL;
    }
    if (is_filter)
        bytes_printf(out, "filter %s=, and the same after top, fold, why...\n", key);
    if (is_filter)
        put_filter_keys(out);
    if (any)
        bytes_append_text(out, "'help COMMAND' says more\n");
    return any;
}

static const struct {
    const char *option, *text;
} options[] = {
    {"-c COMMANDS", "run these and leave; may be repeated"},
    {"-f SCRIPT", "run the commands of a file and leave ('#!/usr/bin/env -S flicker -f')"},
    {"--set KEY=VALUE", "change a setting first; may be repeated"},
    {"--json", "answers for machines, of every command that has them"},
    {"-q", "messages only when something is wrong"},
    {"--demo", "record a workload of known shape on this host, and look at it"},
    {"--version", "print the version"},
    {"--help", "print this"},
};

static const char exit_codes[] =
    "0 ok, 1 a command failed or a file was damaged, 2 usage, 3 no collector or no\n"
    "privilege, 124 timed out, 130 interrupted";

void help_put_program(struct bytes *out)
{
    bytes_append_text(out, "usage: flicker [OPTION...] [FILE...]\n"
                           "A shell for catching performance problems that come and go.\n\n");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        bytes_printf(out, "  %-16s %s\n", options[i].option, options[i].text);
    bytes_printf(
        out,
        "\nFILEs are opened first; '-' is standard input. Without -c and -f, commands come "
        "from the\nterminal or standard input.\nExit codes: %s.\n",
        exit_codes);
}

// troff: a backslash or a leading dot would be read as a request.
static void put_troff(struct bytes *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\')
            bytes_append_text(out, "\\e");
        else if (*text == '-')
            bytes_append_text(out, "\\-");
        else if (*text == '\'')
            bytes_append_text(out, "\\(aq");
        else if (*text == '.' && (!out->len || out->data[out->len - 1] == '\n'))
            bytes_append_text(out, "\\&.");
        else
            bytes_append_char(out, *text);
    }
}

static void put_item(struct bytes *out, const char *name, const char *text)
{
    bytes_append_text(out, ".TP\n.B ");
    put_troff(out, name);
    bytes_append_char(out, '\n');
    put_troff(out, text);
    bytes_append_char(out, '\n');
}

// On one line, also where help has several.
static void put_usage(struct bytes *out, const char *usage)
{
    for (size_t len; *usage; usage += len) {
        len = strcspn(usage, "\n");
        char *line = xstrndup(usage, len);
        put_troff(out, line);
        bytes_append_text(out, usage[len] ? " " : "");
        free(line);
        len += strspn(usage + len, "\n ");
    }
}

void help_put_manual(struct bytes *out)
{
    bytes_append_text(out, ".TH FLICKER 1\n.SH NAME\nflicker \\- a shell for catching performance "
                           "problems that come and go\n.SH SYNOPSIS\n.B flicker\n[OPTION...] "
                           "[FILE...]\n.SH DESCRIPTION\n");
    put_troff(out, "flicker records stacks with bpftrace, perf or BPF into a rolling buffer in "
                   "memory, shows a live subsecond-offset heatmap in the terminal and the browser, "
                   "cuts a stall out and says which stacks explain it.\n");
    bytes_append_text(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        put_item(out, options[i].option, options[i].text);
    bytes_append_text(out, ".SH LANGUAGE\n");
    put_troff(out, grammar_text);
    bytes_append_text(out, "\n.SH COMMANDS\n");
    for (size_t i = 0; command_table[i]; i++) {
        struct bytes text = {0};
        help_put_command(&text, command_table[i]);
        bytes_append_text(out, ".SS ");
        put_usage(out, command_table[i]->usage);
        bytes_append_text(out, "\n.nf");
        put_troff(out, bytes_text(&text) + strlen(command_table[i]->usage));
        bytes_append_text(out, ".fi\n");
        bytes_dispose(&text);
    }
    bytes_append_text(out, ".SH SETTINGS\n");
    for (const struct setting *row = setting_table; row->name; row++)
        put_item(out, row->name, row->text);
    bytes_append_text(out, ".SH EXIT STATUS\n");
    put_troff(out, exit_codes);
    bytes_append_text(out, ".\n.SH FILES\n$XDG_STATE_HOME/flicker/history, rescue.fks\n");
}

void help_put_markdown(struct bytes *out)
{
    bytes_append_text(out, "| command | what it does | for instance |\n|---|---|---|\n");
    for (size_t i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        bytes_printf(out, "| `%s` | %s | `%s` |\n", command->name, command->summary,
                     command->example);
    }
}
