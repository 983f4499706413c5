// Functions that a JIT wrote to a perf map.
//
// A sweep over the lines' ends turns them into pieces that do not overlap: at each end the newest
// line that covers what follows is on top of a heap, which lines leave only when they are there.
#include "collectors/jit_symbols.h"

#include "proto/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20, MAX_CHUNKS = 64 };

static void parse_line(struct jit_symbols *jit, const char *line, size_t len)
{
    char *end = NULL;
    uint64_t start = strtoull(line, &end, 16);
    if (end == line || *end != ' ')
        return;
    const char *size_at = end + 1;
    uint64_t size = strtoull(size_at, &end, 16);
    const char *name = end + 1;
    if (end == size_at || *end != ' ' || name >= line + len)
        return;
    size_t name_len = (size_t)(line + len - name);
    if (!size || size > UINT64_MAX - start || jit->text_len + name_len + 1 > UINT32_MAX ||
        jit->count + 1 >= UINT32_MAX)
        return;
    array_reserve(&jit->lines, &jit->capacity, jit->count + 1);
    array_reserve(&jit->text, &jit->text_capacity, jit->text_len + name_len + 1);
    memcpy(jit->text + jit->text_len, name, name_len);
    jit->text[jit->text_len + name_len] = '\0';
    jit->lines[jit->count++] = (struct jit_line){start, start + size, (uint32_t)jit->text_len};
    jit->text_len += name_len + 1;
}

// Parses the whole lines of a NUL-terminated chunk; returns their bytes.
static size_t parse_chunk(struct jit_symbols *jit, char *chunk, size_t len)
{
    size_t at = 0;
    for (;;) {
        char *newline = memchr(chunk + at, '\n', len - at);
        if (!newline)
            return at;
        *newline = '\0';
        parse_line(jit, chunk + at, (size_t)(newline - chunk) - at);
        at = (size_t)(newline - chunk) + 1;
    }
}

bool jit_symbols_read(struct jit_symbols *jit, int fd)
{
    struct stat stat;
    if (fstat(fd, &stat))
        return false;
    if ((uint64_t)stat.st_size < jit->read_bytes)
        jit_symbols_dispose(jit);
    bool any = false;
    char *chunk = xmalloc(CHUNK_BYTES + 1);
    for (int i = 0; i < MAX_CHUNKS; i++) {
        ssize_t got = pread(fd, chunk, CHUNK_BYTES, (off_t)jit->read_bytes);
        if (got <= 0)
            break;
        chunk[got] = '\0';
        size_t parsed = parse_chunk(jit, chunk, (size_t)got);
        if (!parsed && got < CHUNK_BYTES)
            break; // half a line: the rest has yet to be written
        // A line as long as a chunk is no line of a map.
        jit->read_bytes += parsed ? parsed : (size_t)got;
        any = any || parsed;
    }
    free(chunk);
    return any;
}

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int compare_starts(const void *left, const void *right, void *arg)
{
    const struct jit_line *lines = arg;
    uint32_t at_a = *(const uint32_t *)left, at_b = *(const uint32_t *)right;
    uint64_t a = lines[at_a].start, b = lines[at_b].start;
    return a != b ? (a < b ? -1 : 1) : at_a < at_b ? -1 : at_a > at_b;
}

// A heap of lines, the newest on top.
struct heap {
    uint32_t *lines;
    size_t count;
};

static void heap_push(struct heap *heap, uint32_t line)
{
    size_t at = heap->count++;
    for (; at && heap->lines[(at - 1) / 2] < line; at = (at - 1) / 2)
        heap->lines[at] = heap->lines[(at - 1) / 2];
    heap->lines[at] = line;
}

static void heap_pop(struct heap *heap)
{
    uint32_t last = heap->lines[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->lines[child + 1] > heap->lines[child])
            child++;
        if (heap->lines[child] <= last)
            break;
        heap->lines[at] = heap->lines[child];
    }
    heap->lines[at] = last;
}

static void sweep(struct jit_symbols *jit, const uint64_t *ends, const uint32_t *by_start,
                  struct heap *heap)
{
    size_t next = 0;
    jit->piece_count = 0;
    array_reserve(&jit->pieces, &jit->piece_capacity, 2 * jit->count);
    for (size_t i = 0; i < 2 * jit->count; i++) {
        if (i && ends[i] == ends[i - 1])
            continue;
        while (next < jit->count && jit->lines[by_start[next]].start == ends[i])
            heap_push(heap, by_start[next++]);
        while (heap->count && jit->lines[heap->lines[0]].end <= ends[i])
            heap_pop(heap);
        uint32_t line = heap->count ? heap->lines[0] : UINT32_MAX;
        if (!jit->piece_count || jit->pieces[jit->piece_count - 1].line != line)
            jit->pieces[jit->piece_count++] = (struct jit_piece){ends[i], line};
    }
}

static void cut_into_pieces(struct jit_symbols *jit)
{
    uint64_t *ends = xreallocarray(NULL, 2 * jit->count, sizeof *ends);
    uint32_t *by_start = xreallocarray(NULL, jit->count, sizeof *by_start);
    struct heap heap = {.lines = xreallocarray(NULL, jit->count, sizeof *heap.lines)};
    for (uint32_t i = 0; i < jit->count; i++) {
        ends[2 * i] = jit->lines[i].start;
        ends[2 * i + 1] = jit->lines[i].end;
        by_start[i] = i;
    }
    qsort(ends, 2 * jit->count, sizeof *ends, compare_addresses);
    qsort_r(by_start, jit->count, sizeof *by_start, compare_starts, jit->lines);
    sweep(jit, ends, by_start, &heap);
    jit->piece_lines = jit->count;
    free(ends);
    free(by_start);
    free(heap.lines);
}

const char *jit_symbols_name(struct jit_symbols *jit, uint64_t address)
{
    if (jit->piece_lines != jit->count)
        cut_into_pieces(jit);
    size_t low = 0, high = jit->piece_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (jit->pieces[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t line = low ? jit->pieces[low - 1].line : UINT32_MAX;
    return line == UINT32_MAX ? NULL : jit->text + jit->lines[line].name_at;
}

void jit_symbols_dispose(struct jit_symbols *jit)
{
    free(jit->lines);
    free(jit->text);
    free(jit->pieces);
    *jit = (struct jit_symbols){0};
}
