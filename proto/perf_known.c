// What of `perf script` text was seen before.
#include "proto/perf_known.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { // slots of 16 bytes
    HEADS_MAX = 1 << 15,
    CHAINS_MAX = 1 << 17,
    CALLERS_MAX = 1 << 16,
    PATHS_MAX = 1 << 16,
    LINES_MAX = 1 << 16,
    HEADS_MOST = HEADS_MAX / 4 * 3,
};

// Every fourth level of a path is remembered: the few lines more that have to be looked up then
// cost less than remembering four times as many.
enum { PATH_STEP = 4 };

void perf_known_init(struct perf_known *known, struct dict *dict)
{
    *known = (struct perf_known){
        .dict = dict,
        .generation = dict->generation,
        .event_len = SIZE_MAX,
        .looked_at = xcalloc(PERF_STACK_MAX, sizeof *known->looked_at),
        .at_hand = xcalloc(PERF_STACK_MAX, sizeof *known->at_hand),
        .frames = xcalloc(PERF_STACK_MAX, sizeof *known->frames),
    };
    text_hash_init(&known->hash, dict->seed);
    memo_init(&known->heads, HEADS_MAX);
    memo_init(&known->chains, CHAINS_MAX);
    memo_init(&known->callers, CALLERS_MAX);
    memo_init(&known->paths, PATHS_MAX);
    memo_init(&known->lines, LINES_MAX);
}

void perf_known_dispose(struct perf_known *known)
{
    memo_dispose(&known->heads);
    memo_dispose(&known->chains);
    memo_dispose(&known->callers);
    memo_dispose(&known->paths);
    memo_dispose(&known->lines);
    free(known->head_table);
    free(known->looked_at);
    free(known->at_hand);
    free(known->frames);
}

void perf_known_check(struct perf_known *known)
{
    if (known->generation == known->dict->generation)
        return;
    known->generation = known->dict->generation;
    known->event_len = SIZE_MAX;
    known->head_count = 0;
    memo_clear(&known->heads);
    memo_clear(&known->chains);
    memo_clear(&known->callers);
    memo_clear(&known->paths);
    memo_clear(&known->lines);
}

static bool counts_ns(struct span event)
{
    const char *colon = memchr(event.at, ':', event.len);
    if (colon)
        event.len = (size_t)(colon - event.at);
    return span_is(event, "cpu-clock") || span_is(event, "task-clock");
}

uint32_t perf_event_id(struct dict *dict, struct span name, bool has_period)
{
    struct event event = {.name = dict_string(dict, name.at, name.len)};
    if (has_period && counts_ns(name))
        event.unit = dict_string_z(dict, "ns");
    return dict_event(dict, &event);
}

static uint8_t frame_kind_of(enum perf_frame_where where)
{
    static const uint8_t kinds[] = {
        [PERF_FRAME_USER] = FRAME_USER,
        [PERF_FRAME_KERNEL] = FRAME_KERNEL,
        [PERF_FRAME_JIT] = FRAME_JIT,
        [PERF_FRAME_INLINED] = FRAME_INLINED,
    };
    return kinds[where];
}

bool perf_frame_intern(struct dict *dict, struct frame *out, const struct perf_frame *parsed)
{
    bool split = parsed->where == PERF_FRAME_JIT &&
                 memmem(parsed->name.at, parsed->name.len, "->", 2) != NULL;
    *out = (struct frame){
        .name = split ? DICT_EMPTY : dict_string(dict, parsed->name.at, parsed->name.len),
        .module = dict_string(dict, parsed->module.at, parsed->module.len),
        .address = parsed->name.len ? 0 : parsed->address,
        .kind = frame_kind_of(parsed->where),
    };
    return !split && parsed->where != PERF_FRAME_INLINED;
}

// The same lines under another comm are another path.
static struct hash128 under_root(struct hash128 key, uint32_t root)
{
    key.high ^= hash_mix(root, 0x2545f4914f6cdd1dull);
    return key;
}

static struct hash128 chain_key(const struct perf_token *token, uint32_t root)
{
    return under_root(hash128_join(token->leaf, token->callers), root);
}

static const void *note_at(const char *notes, uint32_t at)
{
    return at ? notes + at : NULL;
}

static struct hash128 text_key(const struct perf_caller *caller)
{
    return (struct hash128){caller->text_low, caller->text_high};
}

static struct hash128 path_key(const struct perf_caller *caller, uint32_t root)
{
    return under_root((struct hash128){caller->path_low, caller->path_high}, root);
}

static void look_for_heads(const struct perf_known *known, struct perf_seen *seen,
                           const struct perf_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].usual)
            memo_prefetch(&known->heads, tokens[i].head);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t index = tokens[i].usual ? memo_get(&known->heads, tokens[i].head) : MEMO_EMPTY;
        seen[i] = (struct perf_seen){.head.thread = IDSET_NONE, .node = MEMO_EMPTY};
        if (index == MEMO_EMPTY)
            continue;
        seen[i].head = known->head_table[index];
        seen[i].chain = chain_key(&tokens[i], seen[i].head.root);
        memo_prefetch(&known->chains, seen[i].chain);
    }
}

// Hashes the callers of a chain that is new, and fetches what there may be of them.
static void look_for_callers(struct perf_known *known, struct perf_seen *seen,
                             const struct perf_token *token, const char *text, const char *notes)
{
    uint32_t root = seen->head.root;
    size_t count = perf_callers_count(token);
    if (memo_get(&known->callers, under_root(token->callers, root)) != MEMO_EMPTY)
        return;
    const struct perf_caller *callers = note_at(notes, token->callers_at);
    if (!callers) {
        if (count > PERF_STACK_MAX - known->looked_at_count)
            return;
        struct perf_caller *own = known->looked_at + known->looked_at_count;
        known->looked_at_count += count;
        perf_callers_hash(own, count, &known->hash,
                          text + token->at + token->chain_at + token->leaf_len,
                          perf_token_callers_len(token));
        callers = own;
    }
    for (size_t i = 0; i < count; i++) {
        if ((count - i) % PATH_STEP == 0)
            memo_prefetch(&known->paths, path_key(&callers[i], root));
        memo_prefetch(&known->lines, text_key(&callers[i]));
    }
    seen->callers = callers;
}

void perf_known_look(struct perf_known *known, struct perf_seen *seen,
                     const struct perf_token *tokens, size_t count, const char *text,
                     const char *notes)
{
    look_for_heads(known, seen, tokens, count);
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        if (seen[i].head.thread == IDSET_NONE)
            continue;
        seen[i].node = memo_get(&known->chains, seen[i].chain);
        if (seen[i].node != MEMO_EMPTY)
            continue;
        fresh++;
        memo_prefetch(&known->lines, tokens[i].leaf); // for read_chain
        memo_prefetch(&known->callers, under_root(tokens[i].callers, seen[i].head.root));
    }
    known->looked_at_count = 0;
    for (size_t i = 0; fresh && i < count; i++) {
        if (seen[i].head.thread == IDSET_NONE || seen[i].node != MEMO_EMPTY)
            continue;
        look_for_callers(known, &seen[i], &tokens[i], text, notes);
        fresh--;
    }
}

// Reads a header that was not seen before. The line must be what the scan took it for.
static bool learn_head(struct perf_known *known, struct perf_head *out, const char *text,
                       const struct perf_token *token)
{
    struct perf_header header;
    size_t len = token->chain_at - 1u;
    if (!perf_header_parse(&header, text, len) || !header.padded ||
        header.time_at != token->head_len || header.time_ns != token->time_ns ||
        header.event.at != text + token->event_at || header.event.len != token->event_len ||
        header.period != token->period || header.rest.len)
        return false;
    struct dict *dict = known->dict;
    struct thread thread = {.pid = header.pid, .tid = header.tid};
    thread.comm = dict_string(dict, header.comm.at, header.comm.len);
    out->root = dict_comm_node(dict, thread.comm);
    out->thread = dict_thread(dict, &thread);
    out->cpu = header.cpu;
    if (known->head_count == HEADS_MOST) {
        memo_clear(&known->heads);
        known->head_count = 0;
    }
    memo_put(&known->heads, token->head, (uint32_t)known->head_count);
    array_reserve(&known->head_table, &known->head_capacity, known->head_count + 1);
    known->head_table[known->head_count++] = *out;
    return true;
}

static bool find_head(struct perf_known *known, struct perf_head *out, const char *text,
                      const struct perf_token *token)
{
    uint32_t index = memo_get(&known->heads, token->head);
    if (index == MEMO_EMPTY)
        return learn_head(known, out, text, token);
    *out = known->head_table[index];
    return true;
}

static uint32_t event_of(struct perf_known *known, const char *text, const struct perf_token *token)
{
    const char *name = text + token->event_at;
    if (token->event_len != known->event_len || token->has_period != known->event_has_period ||
        memcmp(name, known->event, token->event_len) != 0) {
        known->event_len = token->event_len;
        known->event_has_period = token->has_period;
        memcpy(known->event, name, token->event_len);
        struct span span = {name, token->event_len};
        known->event_id = perf_event_id(known->dict, span, token->has_period);
    }
    return known->event_id;
}

static uint32_t frame_of(struct dict *dict, const struct perf_parsed *parsed)
{
    struct span name = parsed->frame.name, module = parsed->frame.module;
    struct frame frame = {
        .name = dict_string_hashed(dict, name.at, name.len, parsed->name_hash),
        .module = dict_string_hashed(dict, module.at, module.len, parsed->module_hash),
        .address = name.len ? 0 : parsed->frame.address,
        .kind = frame_kind_of(parsed->frame.where),
    };
    return dict_frame(dict, &frame);
}

// The frame of a line, newline included; MEMO_EMPTY when it does not stand for itself. It may have
// been parsed ahead. Where nothing but an address is known, hardly a line comes again: such lines
// are not remembered.
static uint32_t line_frame(struct perf_known *known, const char *line, size_t len,
                           struct hash128 key, const struct perf_parsed *parsed)
{
    struct perf_parsed now;
    if (perf_frame_parse_unknown(&now.frame, line, len))
        return dict_frame(known->dict, &(struct frame){.address = now.frame.address,
                                                       .kind = frame_kind_of(now.frame.where)});
    uint32_t id = memo_get(&known->lines, key);
    if (id != MEMO_EMPTY)
        return id;
    if (!parsed && !perf_line_parse(&now, known->dict->seed, line, len))
        return MEMO_EMPTY;
    id = frame_of(known->dict, parsed ? parsed : &now);
    memo_put(&known->lines, key, id);
    return id;
}

// The node of callers not seen before under this comm. False: there are lines to be read in order.
static bool read_callers(struct perf_known *known, uint32_t *out, const char *text,
                         const struct perf_caller *callers, size_t count, const char *notes,
                         uint32_t root)
{
    uint32_t node = root;
    size_t fresh = 0; // callers above the path that is known
    for (; fresh < count; fresh++) {
        if ((count - fresh) % PATH_STEP)
            continue;
        uint32_t found = memo_get(&known->paths, path_key(&callers[fresh], root));
        if (found == MEMO_EMPTY)
            continue;
        node = found;
        break;
    }
    uint32_t *frames = known->frames;
    for (size_t i = 0; i < fresh; i++) {
        const struct perf_caller *caller = &callers[i];
        frames[i] = line_frame(known, text + caller->at, caller->len, text_key(caller),
                               note_at(notes, caller->parsed_at));
        if (frames[i] == MEMO_EMPTY)
            return false;
    }
    for (size_t i = fresh; i-- > 0;) {
        node = dict_node(known->dict, node, frames[i]);
        if ((count - i) % PATH_STEP == 0)
            memo_put(&known->paths, path_key(&callers[i], root), node);
    }
    *out = node;
    return true;
}

// The node of a chain not seen before under this comm. False: it has to be read line by line.
static bool read_chain(struct perf_known *known, uint32_t *out, const char *text,
                       const struct perf_token *token, const struct perf_seen *seen,
                       const char *notes, uint32_t root)
{
    const char *chain = text + token->chain_at;
    uint32_t leaf =
        line_frame(known, chain, token->leaf_len, token->leaf, note_at(notes, token->leaf_at));
    if (leaf == MEMO_EMPTY)
        return false;
    struct hash128 key = under_root(token->callers, root);
    uint32_t caller = memo_get(&known->callers, key);
    if (caller == MEMO_EMPTY) {
        const char *lines = chain + token->leaf_len;
        size_t count = perf_callers_count(token);
        if (count >= PERF_STACK_MAX)
            return false;
        const struct perf_caller *callers =
            seen->callers ? seen->callers : note_at(notes, token->callers_at);
        if (!callers) {
            perf_callers_hash(known->at_hand, count, &known->hash, lines,
                              perf_token_callers_len(token));
            callers = known->at_hand;
        }
        if (!read_callers(known, &caller, lines, callers, count, notes, root))
            return false;
        memo_put(&known->callers, key, caller);
    }
    *out = dict_node(known->dict, caller, leaf);
    return true;
}

enum perf_known_result perf_known_sample(struct perf_known *known, struct sample *sample,
                                         const char *text, const struct perf_token *token,
                                         const struct perf_seen *seen, const char *notes)
{
    struct perf_head head = seen->head;
    if (head.thread == IDSET_NONE && !find_head(known, &head, text, token))
        return PERF_ODD_HEADER;
    uint32_t event = event_of(known, text, token);
    if (event > UINT16_MAX)
        return PERF_ODD_HEADER;
    *sample = (struct sample){
        .time_ns = token->time_ns,
        .value = token->period,
        .node = seen->node,
        .thread = head.thread,
        .cpu = head.cpu,
        .event = (uint16_t)event,
    };
    if (sample->node != MEMO_EMPTY)
        return PERF_KNOWN;
    struct hash128 key = chain_key(token, head.root);
    sample->node = memo_get(&known->chains, key); // some token since may have told
    if (sample->node != MEMO_EMPTY)
        return PERF_KNOWN;
    if (!read_chain(known, &sample->node, text, token, seen, notes, head.root))
        return PERF_ODD_CHAIN;
    memo_put(&known->chains, key, sample->node);
    return PERF_KNOWN;
}

void perf_known_learn(struct perf_known *known, const struct perf_token *token, uint32_t node)
{
    uint32_t root = node;
    while (known->dict->nodes[root].parent != DICT_ROOT)
        root = known->dict->nodes[root].parent;
    struct hash128 key = chain_key(token, root);
    if (memo_get(&known->chains, key) == MEMO_EMPTY)
        memo_put(&known->chains, key, node);
}
