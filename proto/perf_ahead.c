// What is read of the call chains in `perf script` text ahead of the decoder.
#include "proto/perf_ahead.h"

#include "proto/text_hash_wide.h"

#include <string.h>

bool perf_line_parse(struct perf_parsed *out, uint64_t seed, const char *line, size_t len)
{
    struct perf_frame *frame = &out->frame;
    if (*line != '\t' || !perf_frame_parse(frame, line, len - 1) ||
        frame->where == PERF_FRAME_INLINED ||
        (frame->where == PERF_FRAME_JIT && memmem(frame->name.at, frame->name.len, "->", 2)))
        return false;
    out->name_hash = hash_bytes(seed, frame->name.at, frame->name.len);
    out->module_hash = hash_bytes(seed, frame->module.at, frame->module.len);
    return true;
}

// Cuts the text into lines and hashes each.
static void hash_lines(struct perf_caller *callers, size_t count, const struct text_hash *hash,
                       const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    for (size_t i = 0; i < count; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct perf_caller *caller = &callers[i];
        caller->at = (uint32_t)(at - text);
        caller->len = (uint32_t)(newline + 1 - at);
        struct hash128 line = text_hash_bytes(hash, at, caller->len);
        caller->text_high = line.high;
        caller->text_low = (uint32_t)line.low;
        at = newline + 1;
    }
}

#if defined(__x86_64__)
// The same where the hash is wide, in one pass.
WIDE static void hash_lines_wide(struct perf_caller *callers, size_t count,
                                 const struct text_hash *hash, const char *text, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct hash128 line;
        size_t newline = wide_hash_line(&line, hash, text, at, len);
        callers[i].at = (uint32_t)at;
        callers[i].len = (uint32_t)(newline + 1 - at);
        callers[i].text_high = line.high;
        callers[i].text_low = (uint32_t)line.low;
        at = newline + 1;
    }
}
#else
#define hash_lines_wide hash_lines
#endif

void perf_callers_hash(struct perf_caller *callers, size_t count, const struct text_hash *hash,
                       const char *text, size_t len)
{
    (hash->wide ? hash_lines_wide : hash_lines)(callers, count, hash, text, len);
    struct hash128 path = {hash->seed, hash->seed};
    for (size_t i = count; i-- > 0;) {
        struct perf_caller *caller = &callers[i];
        path = hash128_join((struct hash128){caller->text_low, caller->text_high}, path);
        caller->path_high = path.high;
        caller->path_low = (uint32_t)path.low;
        caller->parsed_at = 0;
    }
}

// Remembers what has this hash; whether it was there.
static bool was_read(struct perf_recent *recent, uint64_t hash)
{
    _Atomic uint16_t *tag = &recent->tags[hash % PERF_RECENT];
    uint16_t wanted = (uint16_t)(hash >> 48);
    if (atomic_load_explicit(tag, memory_order_relaxed) == wanted)
        return true;
    atomic_store_explicit(tag, wanted, memory_order_relaxed);
    return false;
}

struct ahead {
    struct perf_recent *recent;
    const struct text_hash *hash;
    struct bytes *notes;
};

// Where the line is in the notes; 0: it does not stand for itself.
static uint32_t read_line(struct ahead *ahead, const char *line, size_t len)
{
    size_t at = ahead->notes->len;
    struct perf_parsed *parsed = bytes_extend(ahead->notes, sizeof *parsed);
    if (perf_line_parse(parsed, ahead->hash->seed, line, len))
        return (uint32_t)at;
    ahead->notes->len = at;
    return 0;
}

// What was appended before may move when something is.
static struct perf_token *token_at(const struct bytes *notes, size_t at)
{
    return (struct perf_token *)(void *)(notes->data + at);
}

static struct perf_caller *caller_at(const struct bytes *notes, size_t at, size_t index)
{
    return (struct perf_caller *)(void *)(notes->data + at) + index;
}

// Whether a line is worth being parsed here. Those of which only the address is known are as soon
// parsed as looked up.
static bool is_for_notes(struct ahead *ahead, const char *line, size_t len, uint64_t hash)
{
    return !perf_frame_ends_unknown(line, len) && !was_read(ahead->recent, hash);
}

// Returns where the callers are.
static uint32_t read_callers(struct ahead *ahead, const char *text, size_t len, size_t count)
{
    struct bytes *notes = ahead->notes;
    size_t at = notes->len;
    perf_callers_hash(bytes_extend(notes, count * sizeof(struct perf_caller)), count, ahead->hash,
                      text, len);
    for (size_t i = 0; i < count; i++) {
        const struct perf_caller *caller = caller_at(notes, at, i);
        const char *line = text + caller->at;
        if (!is_for_notes(ahead, line, caller->len, caller->text_high))
            continue;
        uint32_t parsed_at = read_line(ahead, line, caller->len);
        caller_at(notes, at, i)->parsed_at = parsed_at;
    }
    return (uint32_t)at;
}

void perf_read_ahead(struct perf_recent *recent, const struct text_hash *hash, struct bytes *notes,
                     size_t tokens_at, const char *text)
{
    struct ahead ahead = {recent, hash, notes};
    size_t tokens_end = notes->len;
    for (size_t at = tokens_at; at < tokens_end; at += sizeof(struct perf_token)) {
        struct perf_token token = *token_at(notes, at);
        if (!token.usual || was_read(recent, token.leaf.low ^ token.callers.high))
            continue;
        const char *leaf = text + token.at + token.chain_at;
        if (is_for_notes(&ahead, leaf, token.leaf_len, token.leaf.high))
            token.leaf_at = read_line(&ahead, leaf, token.leaf_len);
        if (!was_read(recent, token.callers.low))
            token.callers_at =
                read_callers(&ahead, leaf + token.leaf_len, perf_token_callers_len(&token),
                             perf_callers_count(&token));
        *token_at(notes, at) = token;
    }
}
