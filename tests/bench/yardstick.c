// yardstick [--threads=N] [--repeat=N] FILE: the yardstick for bench_load where inferno is absent.
//
// A plain interning parser, as one would write it for speed without tricks: memchr for lines, the
// symbol cut out of every frame, its name and the call path interned in open-addressing tables,
// times and ids kept in columns. It knows one dialect and checks little. With two threads each
// parses half of the file into tables of its own; nothing is merged.
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct table { // 64-bit hash -> number, in order of appearance
    uint64_t *keys;
    uint32_t *ids;
    uint32_t mask, count;
};

struct part {
    const char *text, *end;
    struct table names, paths;
    uint64_t *times;
    uint32_t *path_of, *comm_of;
    size_t samples, capacity, frames;
};

static uint64_t hash(const char *at, size_t len)
{
    uint64_t h = len * 0x9e3779b97f4a7c15ull;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    uint64_t word = 0;
    memcpy(&word, at, len);
    h = (h ^ word) * 0xff51afd7ed558ccdull;
    return (h ^ h >> 29) | 1;
}

static void grow(struct table *table)
{
    struct table old = *table;
    table->mask = old.keys ? old.mask * 2 + 1 : 0xffff;
    table->keys = calloc((size_t)table->mask + 1, sizeof *table->keys);
    table->ids = calloc((size_t)table->mask + 1, sizeof *table->ids);
    if (!table->keys || !table->ids)
        abort();
    for (uint32_t i = 0; old.keys && i <= old.mask; i++) {
        if (!old.keys[i])
            continue;
        uint32_t slot = (uint32_t)(old.keys[i] >> 20) & table->mask;
        while (table->keys[slot])
            slot = (slot + 1) & table->mask;
        table->keys[slot] = old.keys[i];
        table->ids[slot] = old.ids[i];
    }
    free(old.keys);
    free(old.ids);
}

static uint32_t intern(struct table *table, uint64_t key)
{
    if (!table->keys || table->count > table->mask / 2)
        grow(table);
    uint32_t slot = (uint32_t)(key >> 20) & table->mask;
    for (; table->keys[slot]; slot = (slot + 1) & table->mask) {
        if (table->keys[slot] == key)
            return table->ids[slot];
    }
    table->keys[slot] = key;
    return table->ids[slot] = table->count++;
}

// "sym+0x1f (dso)" -> the number of sym, or of "[dso]".
static uint32_t frame(struct part *part, const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (at < end && *at != ' ')
        at++;
    at++;
    const char *open = end;
    while (open > at && *open != '(')
        open--;
    const char *stop = open > at ? open - 1 : end;
    for (const char *plus = stop; plus > at && stop - plus < 20; plus--) {
        if (plus[0] == '+' && plus[1] == '0' && plus[2] == 'x') {
            stop = plus;
            break;
        }
    }
    if (*at == '[' && stop - at == 9) {
        at = open;
        stop = end;
    }
    part->frames++;
    return intern(&part->names, hash(at, (size_t)(stop - at)));
}

static bool header(struct part *part, const char *at, const char *end)
{
    const char *colon = at;
    while ((colon = memchr(colon, ':', (size_t)(end - colon))) &&
           !(colon - at > 8 && colon[-7] == '.'))
        colon++;
    if (!colon)
        return false;
    const char *time = colon - 7;
    uint64_t us = 0;
    while (time > at && time[-1] >= '0' && time[-1] <= '9')
        time--;
    for (const char *c = time; c < colon; c++)
        us = *c == '.' ? us : us * 10 + (uint64_t)(*c - '0');
    if (part->samples == part->capacity) {
        part->capacity = part->capacity ? part->capacity * 2 : 4096;
        part->times = realloc(part->times, part->capacity * sizeof *part->times);
        part->path_of = realloc(part->path_of, part->capacity * sizeof *part->path_of);
        part->comm_of = realloc(part->comm_of, part->capacity * sizeof *part->comm_of);
        if (!part->times || !part->path_of || !part->comm_of)
            abort();
    }
    part->times[part->samples] = us;
    part->comm_of[part->samples] = intern(&part->names, hash(at, (size_t)(time - at)));
    return true;
}

static void *parse(void *arg)
{
    struct part *part = arg;
    bool open = false;
    uint32_t frames[256];
    size_t depth = 0;
    for (const char *at = part->text; at < part->end;) {
        const char *end = memchr(at, '\n', (size_t)(part->end - at));
        end = end ? end : part->end;
        if (end == at) {
            if (open) {
                uint64_t path = 0;
                for (size_t i = depth; i-- > 0;)
                    path = intern(&part->paths,
                                  ((path << 32 | frames[i]) * 0xff51afd7ed558ccdull) | 1);
                part->path_of[part->samples++] = (uint32_t)path;
            }
            open = false;
            depth = 0;
        } else if (*at == '\t') {
            if (depth < 256)
                frames[depth++] = frame(part, at, end);
        } else if (*at != '#') {
            open = header(part, at, end);
        }
        at = end + 1;
    }
    return NULL;
}

static double now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void run(const char *path, int threads)
{
    double wall = now_s(), cpu = cpu_s();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat)) {
        perror(path);
        exit(1);
    }
    size_t len = (size_t)stat.st_size;
    const char *text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED) {
        perror(path);
        exit(1);
    }
    struct part parts[2] = {{.text = text, .end = text + len}};
    pthread_t thread;
    if (threads == 2) {
        const char *half = memmem(text + len / 2, len - len / 2, "\n\n", 2);
        parts[0].end = half ? half + 2 : text + len;
        parts[1] = (struct part){.text = parts[0].end, .end = text + len};
        pthread_create(&thread, NULL, parse, &parts[1]);
    }
    parse(&parts[0]);
    if (threads == 2)
        pthread_join(thread, NULL);
    wall = now_s() - wall;
    cpu = cpu_s() - cpu;
    printf("{\"file\": \"%s\", \"threads\": %d, \"wall_s\": %.4f, \"cpu_s\": %.4f, "
           "\"mb_per_s\": %.1f, \"samples\": %zu, \"frames\": %zu}\n",
           path, threads, wall, cpu, (double)len / 1e6 / wall, parts[0].samples + parts[1].samples,
           parts[0].frames + parts[1].frames);
    munmap((void *)(uintptr_t)text, len);
    close(fd);
    for (int i = 0; i < 2; i++) {
        free(parts[i].times);
        free(parts[i].path_of);
        free(parts[i].comm_of);
        free(parts[i].names.keys);
        free(parts[i].names.ids);
        free(parts[i].paths.keys);
        free(parts[i].paths.ids);
    }
}

int main(int argc, char **argv)
{
    int threads = 1, repeat = 1;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--threads=", 10)) {
            threads = atoi(argv[i] + 10) == 2 ? 2 : 1;
        } else if (!strncmp(argv[i], "--repeat=", 9)) {
            repeat = atoi(argv[i] + 9);
        } else {
            for (int n = 0; n < repeat; n++)
                run(argv[i], threads);
        }
    }
    return 0;
}
