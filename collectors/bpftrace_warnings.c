// Which of bpftrace's warnings were said before.
#include "collectors/bpftrace_warnings.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bpftrace_warnings_dispose(struct bpftrace_warnings *warnings)
{
    for (size_t i = 0; i < warnings->count; i++)
        free(warnings->said[i].text);
    *warnings = (struct bpftrace_warnings){0};
}

// "stdin:3:5-24: WARNING: TEXT", "stdin:3-5: WARNING: TEXT", "stdin:3: WARNING: TEXT". NULL:
// another line, also one about a single column, which is not followed by its source.
static const char *parse_head(const char *line, uint32_t *row, unsigned *sources)
{
    static const char word[] = "WARNING: ";
    unsigned from, to, column;
    int end = 0;
    if (sscanf(line, "stdin:%u:%u-%u: %n", &from, &column, &to, &end) == 3 && end)
        to = from;
    else if (sscanf(line, "stdin:%u-%u: %n", &from, &to, &end) == 2 && end)
        to = to >= from && to - from < 1000 ? to : from;
    else if (sscanf(line, "stdin:%u: %n", &from, &end) == 1 && end)
        to = from;
    else
        return NULL;
    if (strncmp(line + end, word, sizeof word - 1) != 0)
        return NULL;
    *row = from;
    *sources = to - from + 1;
    return line + end + sizeof word - 1;
}

// What says nothing: since 0.24 delete() has a value that its own tools do not use, either; that a
// thread has no user stack; where a warning came from once more; how it reads the fields of a
// tracepoint, which no form of a program changes (0.26); and what an error says better.
static bool is_empty(const char *text, bool ours)
{
    static const char *const texts[] = {"expanded from", "Bad address", "Error reading ustack.",
                                        "Error reading kstack.", "Addrspace mismatch"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!strcmp(text, texts[i]))
            return true;
    }
    if (strstr(text, " is not traceable ("))
        return true;
    return ours && !strcmp(text, "Return value discarded.");
}

static void note_row(struct bpftrace_warning *warning, uint32_t row)
{
    bool known = row == warning->first_row;
    for (size_t i = 0; i < warning->row_count && !known; i++)
        known = warning->rows[i] == row;
    if (!known && warning->row_count < BPFTRACE_WARNING_ROWS_MAX)
        warning->rows[warning->row_count++] = row;
    else if (!known)
        warning->more_rows = true;
}

// Whether it was said; is noted as said, where there is room.
static bool was_said(struct bpftrace_warnings *warnings, const char *text, uint32_t row)
{
    for (size_t i = 0; i < warnings->count; i++) {
        if (!strcmp(warnings->said[i].text, text)) {
            note_row(&warnings->said[i], row);
            return true;
        }
    }
    if (warnings->count < BPFTRACE_WARNINGS_MAX)
        warnings->said[warnings->count++] =
            (struct bpftrace_warning){.text = xstrdup(text), .first_row = row};
    return false;
}

static bool follows(struct bpftrace_warnings *warnings, const char *line)
{
    static const char *const others[] = {"stdin:", "WARNING: ", "ERROR: ", "FATAL: ", "BUG: "};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strncmp(line, others[i], strlen(others[i])))
            return false; // up to 0.21 several lines are not shown
    }
    if (!strncmp(line, "Additional Info - ", 18))
        return true;
    if (warnings->sources) {
        warnings->sources--;
        return true;
    }
    return !line[strspn(line, " ~^")] || !strncmp(line, "HINT: ", 6);
}

bool bpftrace_warnings_drop(struct bpftrace_warnings *warnings, const char *line, bool ours)
{
    uint32_t row;
    unsigned sources;
    const char *text = parse_head(line, &row, &sources);
    if (!strncmp(line, "stdlib/", 7) && strstr(line, ": WARNING: ")) { // about itself (0.26)
        warnings->sources = 1;
        return warnings->dropping = true;
    }
    if (!text)
        return warnings->dropping = warnings->dropping && follows(warnings, line);
    warnings->dropping = is_empty(text, ours) || was_said(warnings, text, row);
    warnings->sources = sources;
    return warnings->dropping;
}

bool bpftrace_warnings_rest(struct bpftrace_warnings *warnings, struct bytes *out)
{
    for (size_t i = 0; i < warnings->count; i++) {
        struct bpftrace_warning *warning = &warnings->said[i];
        size_t told = warning->told;
        bool more = warning->more_rows && !warning->more_told;
        if (told == warning->row_count && !more)
            continue;
        bytes_append_text(out, told + 1 == warning->row_count && !more ? "the same in line "
                                                                       : "the same in lines ");
        for (size_t k = told; k < warning->row_count; k++)
            bytes_printf(out, "%s%" PRIu32, k > told ? ", " : "", warning->rows[k]);
        bytes_printf(out, "%s: %s", more ? " and more" : "", warning->text);
        warning->told = warning->row_count;
        warning->more_told = warning->more_rows;
        return true;
    }
    return false;
}
