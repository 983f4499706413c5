// Cuts `perf script` text into records.
//
// Newlines are found 64 bytes at a time as bit masks (AVX2 where the machine has it, else SSE2,
// NEON or plain words); a blank line is a newline bit beside another. The bytes of a record are
// read twice: for its newlines and for its hashes. With AVX-512, once: a block that was looked at
// for newlines is hashed while it is in a register.
#include "proto/perf_scan.h"

#include "proto/text_hash_wide.h"

#include <stdlib.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 64 };

typedef uint64_t mask_fn(const char *at);

#if defined(__x86_64__)
__attribute__((target("avx2"))) INLINE uint64_t mask_avx2(const char *at)
{
    __m256i newline = _mm256_set1_epi8('\n');
    __m256i low = _mm256_loadu_si256((const __m256i *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(at + 32));
    uint64_t low_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, newline));
    uint64_t high_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, newline));
    return low_bits | high_bits << 32;
}

INLINE uint64_t mask_sse2(const char *at)
{
    __m128i newline = _mm_set1_epi8('\n');
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(at + i * 16));
        uint64_t part_bits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, newline));
        bits |= part_bits << (i * 16);
    }
    return bits;
}
#elif defined(__aarch64__)
INLINE uint64_t mask_neon(const char *at)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weight = vld1q_u8(weights), newline = vdupq_n_u8('\n');
    uint8x16_t part[4];
    for (int i = 0; i < 4; i++)
        part[i] = vandq_u8(vceqq_u8(vld1q_u8((const uint8_t *)at + i * 16), newline), weight);
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(part[0], part[1]), vpaddq_u8(part[2], part[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}
#endif

INLINE uint64_t mask_portable(const char *at)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t word = hash128_word(at + i * 8) ^ 0x0a0a0a0a0a0a0a0aull;
        // The high bit of every byte that is 0, exactly.
        uint64_t low7 = (word & 0x7f7f7f7f7f7f7f7full) + 0x7f7f7f7f7f7f7f7full;
        uint64_t zero = ~(low7 | word | 0x7f7f7f7f7f7f7f7full);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        zero = __builtin_bswap64(zero);
#endif
        bits |= ((zero >> 7) * 0x0102040810204080ull >> 56) << (i * 8);
    }
    return bits;
}

// A walk over the newlines of a text, forwards only.
struct walk {
    const char *text;
    size_t len, block;         // the block at hand begins at `block`
    uint64_t newlines, blanks; // of it; a blank's bit is that of the second newline
    uint64_t carry;            // whether the block before ended in a newline
    uint32_t count;            // newlines before the block
};

INLINE void load(struct walk *walk, mask_fn *mask)
{
    if (walk->block + BLOCK <= walk->len) {
        walk->newlines = mask(walk->text + walk->block);
    } else {
        char last[BLOCK] = {0};
        if (walk->block < walk->len)
            memcpy(last, walk->text + walk->block, walk->len - walk->block);
        walk->newlines = mask(last);
    }
    walk->blanks = walk->newlines & (walk->newlines << 1 | walk->carry);
    walk->carry = walk->newlines >> 63;
}

INLINE void advance(struct walk *walk, mask_fn *mask)
{
    walk->count += (uint32_t)__builtin_popcountll(walk->newlines);
    walk->block += BLOCK;
    load(walk, mask);
}

// The first newline (the second one of the first blank line) at or after `from`; len: none.
INLINE size_t find(struct walk *walk, size_t from, bool blank, mask_fn *mask)
{
    while (from >= walk->block + BLOCK)
        advance(walk, mask);
    uint64_t above = ~0ull << (from - walk->block);
    uint64_t bits = (blank ? walk->blanks : walk->newlines) & above;
    while (!bits) {
        if (walk->block + BLOCK >= walk->len)
            return walk->len;
        advance(walk, mask);
        bits = blank ? walk->blanks : walk->newlines;
    }
    return walk->block + (size_t)__builtin_ctzll(bits);
}

// Newlines before `at`, which lies in the block at hand or at its end.
INLINE uint32_t newlines_before(const struct walk *walk, size_t at)
{
    uint64_t below = at - walk->block >= BLOCK ? ~0ull : (1ull << (at - walk->block)) - 1;
    return walk->count + (uint32_t)__builtin_popcountll(walk->newlines & below);
}

INLINE bool digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

// The number in `count` (up to 9) decimal digits; false when one is none.
INLINE bool read_digits(uint64_t *out, const char *at, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (!digit(at[i]))
            return false;
        value = value * 10 + (uint64_t)(at[i] - '0');
    }
    *out = value;
    return true;
}

// Eight bytes of text, the first one in the lowest bits.
INLINE uint64_t load_word(const char *at)
{
    uint64_t word = hash128_word(at);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

// The high bit of every byte that is no digit.
INLINE uint64_t find_others(uint64_t word)
{
    uint64_t value = word ^ 0x3030303030303030ull; // 0 to 9 for digits
    return (((value & 0x7f7f7f7f7f7f7f7full) + 0x7676767676767676ull) | value) &
           0x8080808080808080ull;
}

// The number in eight digits, or zeros for those in front; by pairs, fours and eights.
INLINE uint64_t digits_value(uint64_t word)
{
    word = (word & 0x0f0f0f0f0f0f0f0full) * (1 + (10 << 8)) >> 8;
    word = (word & 0x00ff00ff00ff00ffull) * (1 + (100 << 16)) >> 16;
    return (word & 0x0000ffff0000ffffull) * (1 + (10000ull << 32)) >> 32;
}

// The digits before `end`, up to 9 of them, behind a space. Returns where they begin; 0: there are
// none.
INLINE size_t read_seconds(uint64_t *out, const char *line, size_t end)
{
    uint64_t word = end >= 8 ? load_word(line + end - 8) : 0, others = find_others(word);
    size_t at;
    if (end >= 8 && others) {
        unsigned count = (unsigned)__builtin_clzll(others) / 8;
        if (!count)
            return 0;
        *out = digits_value(word >> (64 - 8 * count) << (64 - 8 * count));
        at = end - count;
    } else {
        for (at = end; at && digit(line[at - 1]);)
            at--;
        if (at == 0 || at == end || end - at > 9 || !read_digits(out, line + at, end - at))
            return 0;
    }
    return line[at - 1] == ' ' ? at : 0;
}

// Whether "seconds.fraction", with 6 or 9 digits after the dot, stands before the colon; sets
// head_len and time_ns then.
INLINE bool read_time(struct perf_token *token, const char *line, size_t colon)
{
    size_t digits = colon > 8 && line[colon - 7] == '.' ? 6 : 9;
    if (digits == 9 && !(colon > 11 && line[colon - 10] == '.'))
        return false;
    uint64_t word = load_word(line + colon - 8), seconds, first = 0;
    if (digits == 6)
        word = (word & ~0xffffull) | 0x3030;
    if (find_others(word) || (digits == 9 && !read_digits(&first, line + colon - 9, 1)))
        return false;
    size_t at = read_seconds(&seconds, line, colon - digits - 1);
    if (!at)
        return false;
    uint64_t fraction = digits_value(word) + first * 100000000;
    token->head_len = (uint16_t)at;
    token->time_ns = (int64_t)(seconds * 1000000000 + fraction * (digits == 6 ? 1000 : 1));
    return true;
}

// The colon behind the first time; 0 when there is none.
INLINE size_t find_time(struct perf_token *token, const char *line, size_t len)
{
    for (const char *from = line; (from = memchr(from, ':', len - (size_t)(from - line))); from++) {
        if (read_time(token, line, (size_t)(from - line)))
            return (size_t)(from - line);
    }
    return 0;
}

// "  250000 cpu-clock:pppH: " to the line's end. False: of another form.
static bool read_tail(struct perf_token *token, const char *tail, size_t len, size_t tail_at)
{
    size_t at = 0;
    while (at < len && tail[at] == ' ')
        at++;
    size_t end = at;
    while (end < len && digit(tail[end]))
        end++;
    token->period = 1;
    token->has_period = false;
    if (end > at && end < len && tail[end] == ' ') {
        if (end - at > 18)
            return false;
        token->period = strtoull(tail + at, NULL, 10);
        token->has_period = true;
        at = end;
        while (at < len && tail[at] == ' ')
            at++;
    }
    end = at;
    while (end < len && tail[end] != ' ' && tail[end] != '\t')
        end++;
    if (end < at + 2 || tail[end - 1] != ':' || end - at > 200)
        return false;
    token->event_at = (uint16_t)(tail_at + at);
    token->event_len = (uint8_t)(end - 1 - at);
    while (end < len && tail[end] == ' ')
        end++;
    return end == len;
}

INLINE bool same_bytes(const char *a, const char *b, size_t len)
{
    if (len < 8)
        return !memcmp(a, b, len);
    uint64_t differ = hash128_word(a + len - 8) ^ hash128_word(b + len - 8);
    for (size_t i = 0; i + 8 < len; i += 8)
        differ |= hash128_word(a + i) ^ hash128_word(b + i);
    return !differ;
}

// Whether the line ends as that of the record before, behind a time. Where a comm looks like a time
// that may be another one than the first: what is to be known of a head is read by the grammar.
INLINE bool take_same_tail(struct perf_scan *scan, struct perf_token *token, const char *line,
                           size_t len)
{
    size_t tail_at = len - scan->tail_len;
    if (scan->tail_len >= len || line[tail_at - 1] != ':' ||
        !same_bytes(line + tail_at, scan->tail, scan->tail_len) ||
        !read_time(token, line, tail_at - 1))
        return false;
    token->period = scan->tail_token.period;
    token->has_period = scan->tail_token.has_period;
    token->event_at = (uint16_t)(tail_at + scan->tail_token.event_at);
    token->event_len = scan->tail_token.event_len;
    return true;
}

static bool take_tail(struct perf_scan *scan, struct perf_token *token, const char *tail,
                      size_t len, size_t tail_at)
{
    if (!read_tail(token, tail, len, 0))
        return false;
    if (len <= sizeof scan->tail) {
        memcpy(scan->tail, tail, len);
        scan->tail_len = (uint32_t)len;
        scan->tail_token = *token;
    }
    token->event_at = (uint16_t)(tail_at + token->event_at);
    return true;
}

// The header line, of len bytes without its newline.
INLINE bool take_header(struct perf_scan *scan, struct perf_token *token, const char *line,
                        size_t len)
{
    if (*line == '#' || *line == ' ' || *line == '\t' || len > 512)
        return false;
    if (!take_same_tail(scan, token, line, len)) {
        size_t colon = find_time(token, line, len);
        if (!colon || !take_tail(scan, token, line + colon + 1, len - colon - 1, colon + 1))
            return false;
    }
    token->head = hash128_bytes(scan->hash.seed, line, token->head_len);
    return true;
}

INLINE size_t scan_with(mask_fn *mask, struct perf_scan *scan, struct perf_token *tokens,
                        size_t room, const char *text, size_t len, size_t *used)
{
    struct walk walk = {.text = text, .len = len};
    load(&walk, mask);
    size_t count = 0, at = 0;
    uint32_t lines = 0; // newlines before `at`
    while (count < room && at < len) {
        struct perf_token *token = &tokens[count];
        size_t header_end = find(&walk, at, false, mask);
        size_t leaf_end = at, end = at; // of a blank line; the walk must not run ahead of it
        if (header_end > at) {
            leaf_end = header_end < len ? find(&walk, header_end + 1, false, mask) : len;
            end = leaf_end < len ? find(&walk, leaf_end, true, mask) : len;
        }
        if (end >= len)
            break;
        const char *line = text + at;
        token->at = (uint32_t)at;
        token->len = (uint32_t)(end + 1 - at);
        token->leaf_at = token->callers_at = 0;
        uint32_t lines_after = newlines_before(&walk, end + 1);
        token->lines = lines_after - lines;
        token->usual = end > header_end + 1 && text[header_end + 1] == '\t' &&
                       take_header(scan, token, line, header_end - at);
        if (token->usual) {
            token->chain_at = (uint16_t)(header_end + 1 - at);
            token->leaf_len = (uint32_t)(leaf_end - header_end);
            const char *chain = line + token->chain_at;
            token->leaf = text_hash_bytes(&scan->hash, chain, token->leaf_len);
            token->callers = text_hash_bytes(&scan->hash, chain + token->leaf_len,
                                             perf_token_callers_len(token));
        }
        count++;
        at = end + 1;
        lines = lines_after;
    }
    *used = at;
    return count;
}

typedef size_t scan_fn(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                       const char *text, size_t len, size_t *used);

#if defined(__x86_64__)
// What of a record lies behind its header: up to a blank line.
struct wide_chain {
    struct hash128 leaf, callers;
    size_t leaf_end, end; // newlines; the text's end: there is none
    uint32_t lines;
};

WIDE_INLINE uint32_t wide_count(struct wide_bits bits)
{
    return (uint32_t)(__builtin_popcountll(bits.low) + __builtin_popcountll(bits.high));
}

// The callers, from the start of a line.
WIDE_INLINE void wide_callers(struct wide_chain *chain, const struct text_hash *hash,
                              const char *text, size_t from, size_t len)
{
    struct wide_hash wide = wide_hash_start(hash);
    uint64_t carry = 1;
    for (size_t at = from;; at += WIDE_BLOCK) {
        struct wide_block block = wide_load(text, at, len);
        struct wide_bits newlines = wide_newlines(block);
        struct wide_bits blanks = {newlines.low & (newlines.low << 1 | carry),
                                   newlines.high & (newlines.high << 1 | newlines.low >> 63)};
        struct wide_bits below = wide_below(blanks);
        chain->lines +=
            wide_count((struct wide_bits){newlines.low & below.low, newlines.high & below.high});
        carry = newlines.high >> 63;
        if (blanks.low | blanks.high) {
            if (below.low)
                wide_hash_add(&wide, wide_keep(block, below));
            chain->end = at + wide_first(blanks);
            chain->callers = wide_hash_end(&wide, chain->end - from);
            chain->lines++;
            return;
        }
        if (wide_is_last(at, len))
            break;
        wide_hash_add(&wide, block);
    }
    chain->end = len;
}

WIDE_INLINE struct wide_chain wide_chain(const struct text_hash *hash, const char *text,
                                         size_t from, size_t len)
{
    struct wide_chain chain = {.lines = 1, .end = len};
    chain.leaf_end = wide_hash_line(&chain.leaf, hash, text, from, len);
    if (chain.leaf_end == from) // a blank line
        chain.end = from;
    else if (chain.leaf_end < len)
        wide_callers(&chain, hash, text, chain.leaf_end + 1, len);
    return chain;
}

WIDE_INLINE size_t wide_line_end(const char *text, size_t from, size_t len)
{
    for (size_t at = from;; at += WIDE_BLOCK) {
        struct wide_bits newlines = wide_newlines(wide_load(text, at, len));
        if (newlines.low | newlines.high)
            return at + wide_first(newlines);
        if (wide_is_last(at, len))
            return len;
    }
}

WIDE static size_t scan_avx512(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                               const char *text, size_t len, size_t *used)
{
    size_t count = 0, at = 0;
    while (count < room && at < len) {
        struct perf_token *token = &tokens[count];
        size_t header_end = wide_line_end(text, at, len);
        struct wide_chain chain = {.end = header_end};
        if (header_end > at && header_end < len)
            chain = wide_chain(&scan->hash, text, header_end + 1, len);
        if (chain.end >= len)
            break;
        token->at = (uint32_t)at;
        token->len = (uint32_t)(chain.end + 1 - at);
        token->leaf_at = token->callers_at = 0;
        token->lines = 1 + chain.lines;
        token->usual = chain.end > header_end + 1 && text[header_end + 1] == '\t' &&
                       take_header(scan, token, text + at, header_end - at);
        if (token->usual) {
            token->chain_at = (uint16_t)(header_end + 1 - at);
            token->leaf_len = (uint32_t)(chain.leaf_end - header_end);
            token->leaf = chain.leaf;
            token->callers = chain.callers;
        }
        count++;
        at = chain.end + 1;
    }
    *used = at;
    return count;
}

__attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt"))) static size_t scan_avx2(
    struct perf_scan *scan, struct perf_token *tokens, size_t room, const char *text, size_t len,
    size_t *used)
{
    return scan_with(mask_avx2, scan, tokens, room, text, len, used);
}

static size_t scan_sse2(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                        const char *text, size_t len, size_t *used)
{
    return scan_with(mask_sse2, scan, tokens, room, text, len, used);
}
#elif defined(__aarch64__)
static size_t scan_neon(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                        const char *text, size_t len, size_t *used)
{
    return scan_with(mask_neon, scan, tokens, room, text, len, used);
}
#endif

static size_t scan_portable(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                            const char *text, size_t len, size_t *used)
{
    return scan_with(mask_portable, scan, tokens, room, text, len, used);
}

// By name; NULL: the best one. NULL when the machine lacks it.
static scan_fn *choose(const char *name, const struct text_hash *hash)
{
#if defined(__x86_64__)
    if (hash->wide && (!name || !strcmp(name, "avx512")))
        return scan_avx512;
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("popcnt");
    if (has_avx2 && (!name || !strcmp(name, "avx2")))
        return scan_avx2;
    if (!name || !strcmp(name, "sse2"))
        return scan_sse2;
#elif defined(__aarch64__)
    if (!name || !strcmp(name, "neon"))
        return scan_neon;
#endif
    (void)hash;
    return !name || !strcmp(name, "portable") ? scan_portable : NULL;
}

void perf_scan_init(struct perf_scan *scan, uint64_t seed)
{
    *scan = (struct perf_scan){.tail_len = UINT32_MAX};
    text_hash_init(&scan->hash, seed);
}

size_t perf_scan_tokens(struct perf_scan *scan, struct perf_token *tokens, size_t room,
                        const char *text, size_t len, size_t *used)
{
    return choose(NULL, &scan->hash)(scan, tokens, room, text, len, used);
}

size_t perf_scan_tokens_by(const char *instructions, struct perf_scan *scan,
                           struct perf_token *tokens, size_t room, const char *text, size_t len,
                           size_t *used)
{
    scan_fn *chosen = choose(instructions, &scan->hash);
    *used = SIZE_MAX;
    return chosen ? chosen(scan, tokens, room, text, len, used) : 0;
}
