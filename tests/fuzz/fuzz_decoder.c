// One fuzz target for every decoder: FUZZ_FORMAT names the row of the table of formats.
//
// The first byte says in how large pieces the rest is pushed. Built with libFuzzer under clang
// (-DFLICKER_FUZZ=ON); else with a main that replays the files and folders of its arguments, each
// also cut at every byte.
#include "proto/alloc.h"
#include "proto/format.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A sink that checks what every sink may rely on.
struct checking {
    struct sink sink;
    struct dict dict;
    uint64_t samples;
    int hellos;
};

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    (void)hello, (void)err;
    struct checking *checking = (struct checking *)sink;
    assert(!checking->hellos++ && !checking->samples);
    return 0;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    (void)err;
    struct checking *checking = (struct checking *)sink;
    for (size_t i = 0; i < count; i++) {
        assert(samples[i].node < sink->dict->node_count);
        assert(samples[i].thread < sink->dict->thread_count);
        assert(samples[i].event < sink->dict->event_count);
    }
    checking->samples += count;
    return 0;
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    (void)sink, (void)loss, (void)err;
    return 0;
}

// Returns the number of samples.
static uint64_t decode(const struct format *format, const uint8_t *data, size_t size, size_t first,
                       size_t piece)
{
    static const struct sink_ops ops = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    struct checking checking = {.sink = {&ops, &checking.dict}};
    dict_init(&checking.dict);
    struct decoder *decoder = format->decoder_new(&checking.sink, NULL);
    struct err err = {0};
    int rc = 0;
    for (size_t at = 0; at < size && !rc;) {
        size_t want = !at && first ? first : piece;
        size_t take = want < size - at ? want : size - at;
        rc = decoder->ops->push(decoder, data + at, take, &err);
        at += take;
    }
    if (!rc)
        rc = decoder->ops->finish(decoder, &err);
    assert(!rc || err.message[0]);
    assert(decoder->report.samples == checking.samples);
    uint64_t samples = checking.samples;
    decoder_free(decoder);
    dict_dispose(&checking.dict);
    return samples;
}

static const struct format *target(void)
{
    const struct format *format = format_by_name(FUZZ_FORMAT);
    assert(format);
    return format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct format *format = target();
    if (!size)
        return 0;
    size_t piece = (size_t)1 << (data[0] % 16);
    format->probe(data + 1, size - 1);
    uint64_t whole = decode(format, data + 1, size - 1, 0, SIZE_MAX);
    uint64_t pieces = decode(format, data + 1, size - 1, 0, piece);
    assert(whole == pieces);
    return 0;
}

#ifndef FLICKER_LIBFUZZER

#include <dirent.h>
#include <sys/stat.h>

enum { CUTS_MAX = 4096 };

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert(file);
    struct bytes bytes = {0};
    char buffer[65536];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        bytes_append(&bytes, buffer, got);
    fclose(file);
    const uint8_t *data = (const uint8_t *)bytes.data;
    if (data)
        LLVMFuzzerTestOneInput(data, bytes.len);
    for (size_t at = 1; at < bytes.len && at < CUTS_MAX; at++) {
        decode(target(), data, at, 0, SIZE_MAX); // ends here
        decode(target(), data, bytes.len, at, SIZE_MAX);
    }
    bytes_dispose(&bytes);
}

static int replay(const char *path)
{
    struct stat stat_;
    if (stat(path, &stat_)) {
        fprintf(stderr, "cannot stat '%s'\n", path);
        return 1;
    }
    if (!S_ISDIR(stat_.st_mode)) {
        replay_file(path);
        return 0;
    }
    DIR *dir = opendir(path);
    int rc = !dir;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char *inner = xasprintf("%s/%s", path, entry->d_name);
        rc |= replay(inner);
        free(inner);
    }
    if (dir)
        closedir(dir);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = argc < 2;
    for (int i = 1; i < argc; i++)
        rc |= replay(argv[i]);
    return rc;
}

#endif
