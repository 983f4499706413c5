// shift IN OUT COPIES: a longer `perf script` text out of a real one. Copy k has every time moved
// by k spans, so that the result is a valid recording COPIES times as long.
#include "proto/alloc.h"
#include "proto/perf_line.h"
#include "proto/sample.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *data;
    size_t len;
};

static struct text read_file(const char *path)
{
    struct text text = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    text.len = (size_t)ftell(file);
    rewind(file);
    text.data = xmalloc(text.len + 1);
    text.len = fread(text.data, 1, text.len, file);
    fclose(file);
    return text;
}

static bool is_header(struct perf_header *header, const char *line, size_t len)
{
    return len && *line != '\t' && *line != '#' && perf_header_parse(header, line, len) &&
           header->time_ns != SAMPLE_NO_TIME;
}

static void write_header(FILE *out, const struct perf_header *header, const char *line, size_t len,
                         int64_t shift_ns)
{
    int64_t time_ns = header->time_ns + shift_ns;
    int digits = header->time_end - header->time_at > 10 ? 9 : 6;
    const char *dot = memchr(line + header->time_at, '.', header->time_end - header->time_at);
    digits = dot ? (int)(line + header->time_end - dot - 1) : digits;
    int64_t fraction = time_ns % 1000000000 / (digits == 6 ? 1000 : 1);
    fwrite(line, 1, header->time_at, out);
    fprintf(out, "%" PRId64 ".%0*" PRId64, time_ns / 1000000000, digits, fraction);
    fwrite(line + header->time_end, 1, len - header->time_end, out);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: shift IN OUT COPIES\n");
        return 2;
    }
    struct text text = read_file(argv[1]);
    FILE *out = fopen(argv[2], "wb");
    if (!out) {
        perror(argv[2]);
        return 1;
    }
    int64_t first_ns = INT64_MAX, last_ns = 0;
    for (int copy = -1; copy < atoi(argv[3]); copy++) { // -1: finds the span
        for (size_t at = 0; at < text.len;) {
            const char *line = text.data + at;
            const char *newline = memchr(line, '\n', text.len - at);
            size_t len = newline ? (size_t)(newline - line) + 1 : text.len - at;
            at += len;
            struct perf_header header;
            bool is = is_header(&header, line, len - (newline != NULL));
            if (copy < 0 && is) {
                first_ns = header.time_ns < first_ns ? header.time_ns : first_ns;
                last_ns = header.time_ns > last_ns ? header.time_ns : last_ns;
            } else if (copy >= 0 && is) {
                write_header(out, &header, line, len, copy * (last_ns - first_ns + 1000000));
            } else if (copy >= 0 && (copy == 0 || *line != '#')) {
                fwrite(line, 1, len, out);
            }
        }
    }
    free(text.data);
    return fclose(out) ? 1 : 0;
}
