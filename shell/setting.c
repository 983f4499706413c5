// The table of settings.
#include "shell/setting.h"

#include "analysis/transform.h"
#include "shell/units.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct settings, name)

const struct setting setting_table[] = {
    {.name = "buffer",
     .type = SETTING_SIZE,
     .field = FIELD(buffer_bytes),
     .least = 1 << 20,
     .most = 1ull << 40,
     .zero = "auto",
     .standard = "auto",
     .unit = "bytes",
     .text = "memory for samples; auto: 5 % of what is free, at most 512M"},
    {.name = "color",
     .type = SETTING_CHOICE,
     .field = FIELD(color),
     .choices = "auto 24bit 256 off",
     .standard = "auto",
     .unit = "",
     .text = "colours in the terminal; auto: what the terminal says (NO_COLOR is heeded)"},
    {.name = "event",
     .type = SETTING_TEXT,
     .field = FIELD(event),
     .zero = "auto",
     .standard = "auto",
     .unit = "",
     .text = "the event in view; auto: that of the newest source"},
    {.name = "focus",
     .type = SETTING_PATTERN,
     .field = FIELD(focus),
     .zero = "off",
     .standard = "off",
     .unit = "",
     .text = "only stacks with a function that matches"},
    {.name = "follow",
     .type = SETTING_BOOL,
     .field = FIELD(follow),
     .standard = "on",
     .unit = "",
     .text = "the page's selection becomes the shell's"},
    {.name = "from",
     .type = SETTING_PATTERN,
     .field = FIELD(from),
     .zero = "off",
     .standard = "off",
     .unit = "",
     .text = "stacks begin at their first function that matches"},
    {.name = "group",
     .type = SETTING_CHOICE,
     .field = FIELD(group),
     .choices = "function line module package file comm pid tid cpu cgroup",
     .standard = "function",
     .unit = "",
     .text = "what a level of a stack is"},
    {.name = "hide",
     .type = SETTING_PATTERN,
     .field = FIELD(hide),
     .zero = "off",
     .standard = "off",
     .unit = "",
     .text = "functions that match go, their callers keep the weight"},
    {.name = "hz",
     .type = SETTING_NUMBER,
     .field = FIELD(hz),
     .least = 1,
     .most = 10000,
     .standard = "99",
     .unit = "Hz",
     .text = "samples a second on every CPU, for the next record"},
    {.name = "idle",
     .type = SETTING_BOOL,
     .field = FIELD(idle),
     .standard = "off",
     .unit = "",
     .text = "count idle CPUs, too"},
    {.name = "ignore",
     .type = SETTING_PATTERN,
     .field = FIELD(ignore),
     .zero = "off",
     .standard = "off",
     .unit = "",
     .text = "only stacks without any function that matches"},
    {.name = "inlines",
     .type = SETTING_BOOL,
     .field = FIELD(inlines),
     .standard = "off",
     .unit = "",
     .text = "find inlined functions and source lines, in the next record"},
    {.name = "invert",
     .type = SETTING_BOOL,
     .field = FIELD(invert),
     .standard = "off",
     .unit = "",
     .text = "stacks from the leaf up: the callers of each function"},
    {.name = "max-overhead",
     .type = SETTING_NUMBER,
     .field = FIELD(max_overhead),
     .least = 0.1,
     .most = 1000,
     .zero = "off",
     .standard = "off",
     .unit = "%",
     .text = "of one CPU: what samples CPUs and takes more goes slower; others are named"},
    {.name = "prune",
     .type = SETTING_PATTERN,
     .field = FIELD(prune),
     .zero = "off",
     .standard = "off",
     .unit = "",
     .text = "stacks end at their last function that matches"},
    {.name = "root",
     .type = SETTING_CHOICE,
     .field = FIELD(root),
     .choices = "comm pid tid cpu cgroup",
     .standard = "comm",
     .unit = "",
     .text = "what stacks begin with: a thread's name, process, number, CPU or cgroup"},
    {.name = "rows",
     .type = SETTING_COUNT,
     .field = FIELD(rows),
     .least = 2,
     .most = 1000,
     .zero = "auto",
     .standard = "auto",
     .unit = "",
     .text = "rows of the heatmap, each a part of the second; auto: as fits"},
    {.name = "timing",
     .type = SETTING_BOOL,
     .field = FIELD(timing),
     .standard = "off",
     .unit = "",
     .text = "say after each command how long it took; as JSON with --json"},
    {.name = "top",
     .type = SETTING_COUNT,
     .field = FIELD(top),
     .least = 1,
     .most = 100000,
     .standard = "20",
     .unit = "rows",
     .text = "how many rows top and why print"},
    {.name = "transform",
     .type = SETTING_TRANSFORMS,
     .field = FIELD(transform),
     .zero = "auto",
     .standard = "auto",
     .unit = "",
     .text = "how names are made readable; 'none,demangle', '-java', 'shorten'"},
    {0},
};

const struct setting *setting_by_name(const char *name)
{
    for (const struct setting *row = setting_table; row->name; row++) {
        if (!strcmp(row->name, name))
            return row;
    }
    return NULL;
}

void settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    for (const struct setting *row = setting_table; row->name; row++) {
        struct err err = {0};
        if (setting_set(settings, row, row->standard, &err))
            abort(); // the table's own default is wrong: a test walks it
    }
}

static int choice_number(const char *choices, const char *value)
{
    size_t len = strlen(value);
    int number = 0;
    for (const char *at = choices; *at; number++) {
        size_t word = strcspn(at, " ");
        if (word == len && !strncmp(at, value, len))
            return number;
        at += word + (at[word] == ' ');
    }
    return -1;
}

static int parse_bool(const char *value)
{
    int number = choice_number("off on no yes false true 0 1", value);
    return number < 0 ? -1 : number % 2;
}

static int refuse(const struct setting *setting, const char *value, struct err *err)
{
    struct bytes bounds = {0};
    setting_put_bounds(&bounds, setting);
    int code = err_set(err, -EINVAL, "'%s' is not a value for %s; expected %s", value,
                       setting->name, bytes_text(&bounds));
    bytes_dispose(&bounds);
    return code;
}

// Whether the transform of this setting's name understands the value.
static int check_transform(const struct setting *setting, const char *value, struct err *err)
{
    struct transforms transforms = {0};
    int code = setting->type == SETTING_TRANSFORMS
                   ? transforms_list(&transforms, value, err)
                   : transforms_argue(&transforms, setting->name, value, err);
    transforms_dispose(&transforms);
    return code;
}

int setting_set(struct settings *settings, const struct setting *setting, const char *value,
                struct err *err)
{
    char *field = (char *)settings + setting->field;
    bool zero = setting->zero && !strcmp(value, setting->zero);
    uint64_t count = 0;
    char *end = NULL;
    double number = 0;
    switch (setting->type) {
    case SETTING_BOOL:
        if (parse_bool(value) < 0)
            return refuse(setting, value, err);
        *(bool *)field = parse_bool(value) != 0;
        return 0;
    case SETTING_CHOICE:
        if (choice_number(setting->choices, value) < 0)
            return refuse(setting, value, err);
        *(uint64_t *)field = (uint64_t)choice_number(setting->choices, value);
        return 0;
    case SETTING_COUNT:
    case SETTING_SIZE:
        if (!zero && !(setting->type == SETTING_SIZE ? units_parse_size(value, &count)
                                                     : units_parse_count(value, &count)))
            return refuse(setting, value, err);
        if (!zero && ((double)count < setting->least || (double)count > setting->most))
            return refuse(setting, value, err);
        *(uint64_t *)field = count;
        return 0;
    case SETTING_NUMBER:
        number = strtod(value, &end);
        end += *setting->unit == '%' && *end == '%';
        if (!zero && (!*value || *end || !(number >= setting->least && number <= setting->most)))
            return refuse(setting, value, err);
        *(double *)field = zero ? 0 : number;
        return 0;
    case SETTING_TEXT:
        if (strlen(value) >= SETTING_TEXT_BYTES)
            return refuse(setting, value, err);
        snprintf(field, SETTING_TEXT_BYTES, "%s", zero ? "" : value);
        return 0;
    case SETTING_TRANSFORMS:
    case SETTING_PATTERN:
        if (strlen(value) >= SETTING_PATTERN_BYTES)
            return refuse(setting, value, err);
        if (!zero && check_transform(setting, value, err))
            return -EINVAL;
        snprintf(field, SETTING_PATTERN_BYTES, "%s", zero ? "" : value);
        return 0;
    }
    return refuse(setting, value, err);
}

static void put_size(struct bytes *out, uint64_t bytes)
{
    static const char letters[] = "KMGT";
    int power = 0;
    while (power < 4 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        power++;
    }
    bytes_printf(out, "%llu", (unsigned long long)bytes);
    if (power)
        bytes_append_char(out, letters[power - 1]);
}

void setting_put(struct bytes *out, const struct settings *settings, const struct setting *setting)
{
    const char *field = (const char *)settings + setting->field;
    uint64_t count = 0;
    if (setting->type == SETTING_COUNT || setting->type == SETTING_SIZE ||
        setting->type == SETTING_CHOICE)
        count = *(const uint64_t *)field;
    const char *choice = setting->choices;
    switch (setting->type) {
    case SETTING_BOOL:
        bytes_append_text(out, *(const bool *)field ? "on" : "off");
        break;
    case SETTING_CHOICE:
        for (; count; count--)
            choice += strcspn(choice, " ") + 1;
        bytes_append(out, choice, strcspn(choice, " "));
        break;
    case SETTING_COUNT:
    case SETTING_SIZE:
        if (!count && setting->zero)
            bytes_append_text(out, setting->zero);
        else if (setting->type == SETTING_SIZE)
            put_size(out, count);
        else
            bytes_printf(out, "%llu", (unsigned long long)count);
        break;
    case SETTING_NUMBER:
        if (setting->zero && !(*(const double *)field > 0))
            bytes_append_text(out, setting->zero);
        else
            bytes_printf(out, "%g%s", *(const double *)field, *setting->unit == '%' ? "%" : "");
        break;
    case SETTING_TEXT:
    case SETTING_TRANSFORMS:
    case SETTING_PATTERN:
        bytes_append_text(out, *field ? field : setting->zero);
        break;
    }
}

void setting_put_bounds(struct bytes *out, const struct setting *setting)
{
    if (setting->zero)
        bytes_printf(out, "%s or ", setting->zero);
    switch (setting->type) {
    case SETTING_BOOL:
        bytes_append_text(out, "on or off");
        break;
    case SETTING_CHOICE:
        for (const char *at = setting->choices; *at;) {
            size_t len = strcspn(at, " ");
            const char *next = at + len + (at[len] == ' ');
            bytes_append(out, at, len);
            if (*next)
                bytes_append_text(out, next[strcspn(next, " ")] ? ", " : " or ");
            at = next;
        }
        break;
    case SETTING_SIZE:
        put_size(out, (uint64_t)setting->least);
        bytes_append_text(out, " to ");
        put_size(out, (uint64_t)setting->most);
        break;
    case SETTING_COUNT:
    case SETTING_NUMBER:
        bytes_printf(out, "%g to %g", setting->least, setting->most);
        break;
    case SETTING_TEXT:
        bytes_printf(out, "a name of at most %d bytes", SETTING_TEXT_BYTES - 1);
        break;
    case SETTING_TRANSFORMS:
        bytes_append_text(out, "a list of");
        for (size_t i = 0; i < TRANSFORM_COUNT; i++) {
            if (!transform_table[i]->argument)
                bytes_printf(out, " %s", transform_table[i]->name);
        }
        break;
    case SETTING_PATTERN:
        bytes_printf(out, "a regular expression of at most %d bytes", SETTING_PATTERN_BYTES - 1);
        break;
    }
}
