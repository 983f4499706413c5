// Counts words, in two versions to compare: the first hashes a word's length only.
//
//     gcc -O1 -g -fno-omit-frame-pointer examples/words.c -o words-old
//     gcc -O1 -g -fno-omit-frame-pointer -DWHOLE_WORD examples/words.c -o words-new
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUCKETS = 4096, DISTINCT = 2000 };

struct word {
    struct word *next;
    unsigned long count;
    char text[16];
};

static struct word *buckets[BUCKETS];

static __attribute__((noinline)) uint32_t hash_word(const char *text)
{
#ifdef WHOLE_WORD
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash % BUCKETS;
#else
    return (uint32_t)strlen(text);
#endif
}

static __attribute__((noinline)) int same_word(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static __attribute__((noinline)) struct word *find_word(const char *text)
{
    struct word **at = &buckets[hash_word(text)];
    while (*at && !same_word((*at)->text, text))
        at = &(*at)->next;
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            abort();
        snprintf((*at)->text, sizeof(*at)->text, "%s", text);
    }
    return *at;
}

static __attribute__((noinline)) void next_word(char *out, uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    uint32_t number = (*seed >> 8) % DISTINCT;
    for (int i = 0; i < 6; i++, number /= 7)
        *out++ = (char)('a' + (number + (uint32_t)i * 3) % 26);
    *out = '\0';
}

static __attribute__((noinline)) unsigned long count_words(unsigned long words, uint32_t *seed)
{
    char text[16];
    unsigned long most = 0;
    while (words--) {
        next_word(text, seed);
        struct word *word = find_word(text);
        if (++word->count > most)
            most = word->count;
    }
    return most;
}

int main(int argc, char **argv)
{
    uint32_t seed = 1;
    unsigned long counted = 0;
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
    while (time(NULL) < end) {
        count_words(10000, &seed);
        counted += 10000;
    }
    printf("%lu words\n", counted);
    return 0;
}
