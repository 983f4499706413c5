// Cuts `perf script` text into records, without knowing any name.
//
// This is the part of the parsing that needs no state, so that it can run on another thread than
// the rest. A record of the usual form (header, chain, blank line) becomes a token with its time
// and the hashes of its parts, by which the decoder recognises what it has seen before. All else
// becomes a token that says which bytes to read line by line.
#ifndef FLICKER_PROTO_PERF_SCAN_H
#define FLICKER_PROTO_PERF_SCAN_H

#include "proto/text_hash.h"

#include <stdbool.h>

struct perf_token {
    uint32_t at, len;  // in the text; the blank line is included
    uint32_t lines;    // newlines in it
    bool usual;        // false: nothing below is set
    bool has_period;   //
    uint8_t event_len; // without its colon
    uint16_t event_at; // from the token's start
    uint16_t head_len; // "comm pid/tid [cpu] ", up to the time
    uint16_t chain_at; // from the token's start; the chain goes up to the blank line
    uint32_t leaf_len; // the chain's first line, with its newline
    // Where perf_read_ahead put what they say; 0: nowhere.
    uint32_t leaf_at, callers_at;
    int64_t time_ns;
    uint64_t period;
    struct hash128 head, leaf, callers; // callers: all lines of the chain but the first
};

static inline size_t perf_token_callers_len(const struct perf_token *token)
{
    return token->len - token->chain_at - token->leaf_len - 1u;
}

struct perf_scan {
    struct text_hash hash;
    // Where the last period and event lay, to be recognised at once.
    char tail[64];
    uint32_t tail_len;
    struct perf_token tail_token;
};

void perf_scan_init(struct perf_scan *scan, uint64_t seed);

// Fills up to `room` tokens from text (less than 4 GiB). Returns how many; *used is where the last
// one ends. What is left when there was room has no end yet.
size_t perf_scan_tokens(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                        const char *text, size_t len, size_t *used);

// The same by name of the instructions used ("avx512", "avx2", "sse2", "neon", "portable"), for
// tests; 0 tokens where this machine lacks them. *used is SIZE_MAX then.
size_t perf_scan_tokens_by(const char *instructions, struct perf_scan *scan,
                           struct perf_token *tokens, size_t room, const char *text, size_t len,
                           size_t *used);

#endif
