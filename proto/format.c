// The table of formats and how a file finds its row.
#include "proto/format.h"

#include <stdio.h>
#include <string.h>

#define FORMAT_ROW(name) &format_##name,
const struct format *const format_table[] = {FORMAT_LIST(FORMAT_ROW) NULL};
#undef FORMAT_ROW

const struct format *format_by_name(const char *name)
{
    for (size_t i = 0; format_table[i]; i++) {
        if (!strcmp(format_table[i]->name, name))
            return format_table[i];
    }
    return NULL;
}

const struct format *format_by_extension(const char *path)
{
    size_t path_len = strlen(path);
    for (size_t i = 0; format_table[i]; i++) {
        const char *extension = format_table[i]->extension;
        size_t len = extension ? strlen(extension) : 0;
        if (len && path_len > len && !strcmp(path + path_len - len, extension))
            return format_table[i];
    }
    return NULL;
}

const struct format *format_probe(const void *head, size_t len, const char **why)
{
    const struct format *best = NULL;
    int best_score = 0;
    for (size_t i = 0; format_table[i]; i++) {
        int score = format_table[i]->probe ? format_table[i]->probe(head, len) : 0;
        if (score > best_score) {
            best = format_table[i];
            best_score = score;
        }
    }
    if (!best && why) {
        *why = !len                      ? "it is empty"
               : memchr(head, '\0', len) ? "binary data of no known format"
                                         : "text, but no stacks that flicker knows";
    }
    return best;
}

void decode_report_skip(struct decode_report *report, uint64_t line, uint64_t byte, const char *why)
{
    if (report->skipped++)
        return;
    report->first_skipped_line = line;
    report->first_skipped_byte = byte;
    snprintf(report->first_skipped_why, sizeof report->first_skipped_why, "%s", why);
}
