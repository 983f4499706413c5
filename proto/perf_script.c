// The decoder of `perf script` text.
//
// Works on whole records: a header line, the lines of its call chain, a blank line. What a push
// leaves incomplete is carried as bytes, never as ids, so that the dictionary may be renumbered
// between pushes.
#include "proto/alloc.h"
#include "proto/bytes.h"
#include "proto/format.h"
#include "proto/perf_line.h"
#include "proto/perf_records.h"
#include "proto/perf_script_encode.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECORD_MAX = 2 << 20, // bytes of one record; what is longer is cut
    PROBE_LINES = 400,
    TOKENS = 256,
    FRESH_CHAINS = 16,    // with less than one new chain in so many, reading ahead does not pay
    BITE_MAX = 256 << 20, // bytes taken at once; offsets of tokens have 32 bits
};

struct perf_script {
    struct decoder base;
    struct perf_records records;
    struct bytes carry; // from the start of the first incomplete record
    bool in_long_line;  // dropping a line of more than RECORD_MAX
    struct perf_scan scan;
    struct perf_known known;
    struct perf_recent *recent;
    struct perf_token tokens[TOKENS];
    struct perf_seen seen[PERF_LOOK];
};

// Reads a token's bytes line by line. A chain whose lines depend on each other is remembered when
// they turned out to be one whole sample.
static void take_slowly(struct perf_script *script, const char *text,
                        const struct perf_token *token, bool learn, struct err *err)
{
    if (learn)
        perf_records_emit(&script->records, err); // the token begins with a header
    struct decode_report before = script->base.report;
    size_t batched = script->records.batch_count;
    perf_records_take(&script->records, text, token->len, false, err);
    const struct decode_report *report = &script->base.report;
    if (!learn || script->records.pending || script->records.dropping ||
        report->samples != before.samples + 1 || report->skipped != before.skipped ||
        report->lost != before.lost)
        return;
    const struct sample *sample =
        &script->records.batch[batched]; // also when the batch went out since
    perf_known_learn(&script->known, token, sample->node);
}

static void take_token(struct perf_script *script, const char *text, const struct perf_token *token,
                       const struct perf_seen *seen, const char *notes, struct err *err)
{
    struct sample sample;
    enum perf_known_result result = PERF_ODD_HEADER;
    if (token->usual)
        result = perf_known_sample(&script->known, &sample, text, token, seen, notes);
    if (result != PERF_KNOWN) {
        take_slowly(script, text, token, result == PERF_ODD_CHAIN, err);
        return;
    }
    if (script->records.pending)
        perf_records_emit(&script->records, err);
    script->records.dropping = false;
    perf_records_add(&script->records, &sample, err);
    script->records.line += token->lines;
    script->records.byte += token->len;
}

static void take_tokens(struct perf_script *script, const char *text,
                        const struct perf_token *tokens, size_t count, const char *notes,
                        struct err *err)
{
    while (count && !script->records.failed) {
        size_t some = count < PERF_LOOK ? count : PERF_LOOK;
        perf_known_look(&script->known, script->seen, tokens, some, text, notes);
        for (size_t i = 0; i < some && !script->records.failed; i++)
            take_token(script, text + tokens[i].at, &tokens[i], &script->seen[i], notes, err);
        tokens += some;
        count -= some;
    }
}

// Takes all complete records of text. Returns how many bytes were used up: to the start of the
// first incomplete one.
static size_t take_records(struct perf_script *script, const char *text, size_t len,
                           struct err *err)
{
    size_t used = 0;
    for (size_t count = TOKENS; count == TOKENS && !script->records.failed;) {
        size_t scanned;
        const char *at = text + used;
        count = perf_scan_tokens(&script->scan, script->tokens, TOKENS, at, len - used, &scanned);
        take_tokens(script, at, script->tokens, count, NULL, err);
        used += scanned;
    }
    used += perf_records_take(&script->records, text + used, len - used, false, err);
    return used - perf_records_take_back(&script->records);
}

// A record, or a line, that is longer than any can be: takes what is there and drops the rest.
static size_t cut_record(struct perf_script *script, const char *text, size_t len, struct err *err)
{
    const char *newline = memrchr(text, '\n', len);
    if (!newline) {
        perf_records_skip(&script->records, "a line is longer than 2 MiB");
        script->in_long_line = true;
        script->records.byte += len;
        return len;
    }
    size_t whole =
        perf_records_take(&script->records, text, (size_t)(newline - text) + 1, false, err);
    perf_records_emit(&script->records, err);
    perf_records_skip(&script->records,
                      "a record is longer than 2 MiB: the rest of its frames was cut");
    script->records.dropping = true;
    return whole;
}

static size_t end_long_line(struct perf_script *script, const char *text, size_t len)
{
    const char *newline = memchr(text, '\n', len);
    size_t used = newline ? (size_t)(newline - text) + 1 : len;
    script->records.byte += used;
    script->in_long_line = !newline;
    script->records.line += newline != NULL;
    return used;
}

// Takes what can be taken of text; returns how much that was.
static size_t take(struct perf_script *script, const char *text, size_t len, struct err *err)
{
    size_t used = script->in_long_line ? end_long_line(script, text, len) : 0;
    while (used < len && !script->records.failed) {
        used += take_records(script, text + used, len - used, err);
        if (len - used <= RECORD_MAX)
            break;
        used += cut_record(script, text + used, len - used, err);
    }
    return used;
}

// How much of data completes the carried record: up to its first blank line, all when none is near.
static size_t completing(const struct bytes *carry, const char *data, size_t len)
{
    if (carry->data[carry->len - 1] == '\n' && *data == '\n')
        return 1;
    const char *blank = memmem(data, len < RECORD_MAX ? len : RECORD_MAX, "\n\n", 2);
    return blank ? (size_t)(blank - data) + 2 : len;
}

static int push(struct decoder *decoder, const void *data, size_t len, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    struct bytes *carry = &script->carry;
    const char *text = data, *end = text + len;
    decoder->report.bytes += len;
    if (script->records.failed)
        return err_set(err, script->records.failed, "the stream has failed before");
    perf_known_check(&script->known);
    while (carry->len && text < end && !script->records.failed) {
        size_t more = completing(carry, text, (size_t)(end - text));
        bytes_append(carry, text, more);
        if (memchr(text, '\n', more) || carry->len > RECORD_MAX)
            bytes_consume(carry, take(script, carry->data, carry->len, err));
        text += more;
    }
    while (text < end && !carry->len && !script->records.failed) {
        size_t bite = (size_t)(end - text) < BITE_MAX ? (size_t)(end - text) : BITE_MAX;
        size_t used = take(script, text, bite, err);
        if (bite < BITE_MAX || !used)
            bytes_append(carry, text + used, bite - used);
        text += bite < BITE_MAX || !used ? bite : used;
    }
    perf_records_flush(&script->records, err);
    return script->records.failed;
}

// The end of the last blank line. Every one of them ends a token.
static size_t cut_ahead(const char *text, size_t len)
{
    const char *newline = text + len;
    while ((newline = memrchr(text, '\n', (size_t)(newline - text)))) {
        if (newline > text && newline[-1] == '\n')
            return (size_t)(newline - text) + 1;
    }
    return 0;
}

static size_t scan_ahead(const struct decoder *decoder, struct bytes *notes, const char *text,
                         size_t len, bool helps)
{
    const struct perf_script *script = (const struct perf_script *)decoder;
    struct perf_scan scan;
    perf_scan_init(&scan, decoder->sink->dict->seed);
    bytes_extend(notes, sizeof(size_t)); // where the tokens end
    size_t done = 0, scanned;
    helps = helps && !atomic_load_explicit(&script->recent->idle, memory_order_relaxed);
    for (size_t count = TOKENS; count == TOKENS; done += scanned) {
        struct perf_token *tokens = bytes_extend(notes, TOKENS * sizeof *tokens);
        count = perf_scan_tokens(&scan, tokens, TOKENS, text + done, len - done, &scanned);
        notes->len -= (TOKENS - count) * sizeof *tokens;
        for (size_t i = 0; i < count; i++)
            tokens[i].at += (uint32_t)done;
    }
    size_t tokens_end = notes->len;
    memcpy(notes->data, &tokens_end, sizeof tokens_end);
    if (helps)
        perf_read_ahead(script->recent, &scan.hash, notes, sizeof tokens_end, text);
    return done;
}

static int push_scanned(struct decoder *decoder, const char *text, size_t len,
                        const struct bytes *notes, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (script->records.failed || script->carry.len || script->in_long_line)
        return push(decoder, text, len, err);
    decoder->report.bytes += len;
    perf_known_check(&script->known);
    size_t tokens_end;
    memcpy(&tokens_end, notes->data, sizeof tokens_end);
    const void *tokens = notes->data + sizeof tokens_end;
    size_t count = (tokens_end - sizeof tokens_end) / sizeof(struct perf_token);
    size_t chains_before = script->known.chains.used;
    take_tokens(script, text, tokens, count, notes->data, err);
    size_t chains = script->known.chains.used; // fewer: all were forgotten on the way
    size_t fresh = chains >= chains_before ? chains - chains_before : count;
    atomic_store_explicit(&script->recent->idle, fresh < count / FRESH_CHAINS,
                          memory_order_relaxed);
    size_t back = perf_records_take_back(&script->records);
    bytes_append(&script->carry, text + len - back, back);
    perf_records_flush(&script->records, err);
    return script->records.failed;
}

// Whether the text ends in the middle of a line. One that ends with a module may be whole: people
// write files without a last newline.
static bool is_cut(const struct bytes *carry)
{
    return carry->len && !strchr("\n)", carry->data[carry->len - 1]);
}

static int finish(struct decoder *decoder, struct err *err)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (script->records.failed)
        return err_set(err, script->records.failed, "the stream has failed before");
    bool cut = is_cut(&script->carry);
    perf_records_take(&script->records, bytes_text(&script->carry), script->carry.len, true, err);
    if (cut && script->records.pending)
        perf_records_skip(&script->records, "the text ends inside its last record, which is kept");
    bytes_clear(&script->carry);
    perf_records_finish(&script->records, err);
    return script->records.failed;
}

static void perf_script_free(struct decoder *decoder)
{
    struct perf_script *script = (struct perf_script *)decoder;
    if (!script)
        return;
    perf_records_dispose(&script->records);
    perf_known_dispose(&script->known);
    bytes_dispose(&script->carry);
    free(script->recent);
    free(script);
}

static struct decoder *decoder_new(struct sink *sink, const struct decode_options *options)
{
    static const struct decoder_ops ops = {
        .push = push,
        .finish = finish,
        .free = perf_script_free,
    };
    static const struct decoder_ahead ahead = {cut_ahead, scan_ahead, push_scanned};
    struct perf_script *script = xcalloc(1, sizeof *script);
    script->base = (struct decoder){.ops = &ops, .ahead = &ahead, .sink = sink};
    perf_records_init(&script->records, &script->base, options);
    perf_scan_init(&script->scan, sink->dict->seed);
    perf_known_init(&script->known, sink->dict);
    script->recent = xcalloc(1, sizeof *script->recent);
    return &script->base;
}

// Headers are what tells; perf's own comments do when no header is within reach.
// "comm 7 1.5:", as of `-F comm,tid,time,ip,sym`: too little to tell, but for what follows.
static bool header_without_event(struct perf_header *header, const char *line, size_t len)
{
    return perf_header_parse(header, line, len) && header->time_ns != SAMPLE_NO_TIME;
}

static bool next_is_frame(const char *newline, const char *end)
{
    struct perf_frame frame;
    const char *line = newline + 1;
    const char *line_end = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
    return line_end && *line == '\t' && perf_frame_parse(&frame, line, (size_t)(line_end - line)) &&
           frame.name.len;
}

static int probe(const void *head, size_t len)
{
    const char *at = head, *end = at + len;
    int score = 0;
    for (int lines = 0; at < end && lines < PROBE_LINES; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        size_t text_len = line_len && at[line_len - 1] == '\r' ? line_len - 1 : line_len;
        struct perf_header header;
        if (text_len > 16 && !memcmp(at, "# perf version :", 16))
            score = 80;
        else if (perf_header_parse(&header, at, text_len) && (header.event.len || header.rest.len))
            return header.time_ns != SAMPLE_NO_TIME ? 95 : 75;
        else if (newline && header_without_event(&header, at, text_len) &&
                 next_is_frame(newline, end))
            return 70;
        at += line_len + 1;
    }
    return score;
}

const struct format format_perf_script = {
    .name = "perf-script",
    .summary = "text of `perf script`, of perf 3.x to 6.x",
    .extension = ".perf",
    .probe = probe,
    .decoder_new = decoder_new,
    .encoder_new = perf_script_encoder_new,
    .loses = HOLD_UNIT | HOLD_LINE | HOLD_LOSS,
};
