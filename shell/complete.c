// Completion: what could stand at the cursor.
#include "shell/complete.h"

#include "collectors/collector.h"
#include "collectors/preset.h"
#include "proto/alloc.h"
#include "proto/format.h"
#include "shell/session.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// The statement before the cursor, cut into raw words.
struct place {
    const char *line;
    size_t word_at;     // start of the word at the cursor
    size_t words;       // before it, in this statement; the first is the verb
    char verb[32];      // "" while it is being typed
    bool after_greater; // the word is a file's name
    bool after_bar;     // the rest is another program's
};

// Offers candidates that begin with what is typed.
struct offer {
    struct completions *out;
    const struct session *session;
    const char *typed; // without an opening quote
    size_t typed_len;
};

static void end_word(struct place *place, size_t start, size_t end)
{
    if (end == start)
        return;
    if (!place->words)
        snprintf(place->verb, sizeof place->verb, "%.*s", (int)(end - start), place->line + start);
    place->words++;
}

static struct place find_place(const char *line, size_t cursor)
{
    struct place place = {.line = line};
    char quote = 0;
    size_t depth = 0; // of parentheses in another program's command
    for (size_t i = 0; i < cursor; i++) {
        char c = line[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '\\') {
            i++;
        } else if (place.after_bar && (c == '(' || c == ')')) {
            depth += c == '(' ? 1 : depth ? (size_t)-1 : 0;
        } else if (!depth && (c == ';' || c == '\n')) {
            place = (struct place){.line = line, .word_at = i + 1};
        } else if (strchr(" \t>|", c)) {
            end_word(&place, place.word_at, i);
            place.word_at = i + 1;
            place.after_greater |= c == '>';
            place.after_bar |= c == '|';
        }
    }
    return place;
}

static bool needs_quotes(const char *text)
{
    return !*text || text[strcspn(text, " \t;|>#'\"\\")] || *text == '!';
}

// A word that stands alone would be read as a key and its value.
static bool looks_like_key(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return len && (text[len] == '=' || text[len] == '~' || text[len] == '!');
}

// In quotes; those of a directory stay open, as its files come next.
static char *quoted(const char *item)
{
    size_t len = strlen(item);
    return xasprintf(len && item[len - 1] == '/' ? "'%s" : "'%s'", item);
}

// `literal`: its text is all there is to it, whatever it looks like.
static void add_item(struct offer *offer, const char *text, size_t len, bool literal)
{
    if (len < offer->typed_len || strncmp(text, offer->typed, offer->typed_len))
        return;
    struct completions *out = offer->out;
    out->total++;
    if (out->count >= COMPLETE_KEPT * 4) // duplicates are dropped later
        return;
    char *item = xstrndup(text, len);
    for (char *c = item; *c; c++) {
        if (iscntrl((unsigned char)*c) || *c == '\'') { // could not be typed back
            free(item);
            out->total--;
            return;
        }
    }
    if (needs_quotes(item) || (literal && looks_like_key(item))) {
        char *plain = item;
        item = quoted(plain);
        free(plain);
    }
    array_reserve(&out->items, &out->capacity, out->count + 1);
    out->items[out->count++] = item;
}

static void add(struct offer *offer, const char *text, size_t len)
{
    add_item(offer, text, len, false);
}

static void add_text(struct offer *offer, const char *text)
{
    add(offer, text, strlen(text));
}

static void add_list(struct offer *offer, const char *list)
{
    while (list && *list) {
        size_t len = strcspn(list, " ");
        add(offer, list, len);
        list += len + (list[len] == ' ');
    }
}

static void add_commands(struct offer *offer)
{
    for (size_t i = 0; command_table[i]; i++)
        add_text(offer, command_table[i]->name);
}

static void add_setting_value(struct offer *offer, const struct setting *setting)
{
    if (!setting)
        return;
    if (setting->zero)
        add_text(offer, setting->zero);
    if (setting->type == SETTING_BOOL)
        add_list(offer, "off on");
    else if (setting->type == SETTING_CHOICE)
        add_list(offer, setting->choices);
    else
        add_text(offer, setting->standard);
}

static void add_string(struct offer *offer, const struct dict *dict, uint32_t string)
{
    if (string != DICT_EMPTY)
        add(offer, dict_text(dict, string), dict_text_len(dict, string));
}

static void add_names(struct offer *offer, enum arg_kind kind)
{
    const struct dict *dict = store_dict(offer->session->store);
    char number[16];
    for (size_t i = 0; i < dict->thread_count; i++) {
        const struct thread *thread = &dict->threads[i];
        int32_t id = kind == ARG_PID ? thread->pid : thread->tid;
        if (kind == ARG_COMM) {
            add_string(offer, dict, thread->comm);
        } else if (kind == ARG_CGROUP) {
            add_string(offer, dict, thread->cgroup);
        } else if ((kind == ARG_PID || kind == ARG_TID) && id >= 0) {
            snprintf(number, sizeof number, "%" PRId32, id);
            add_text(offer, number);
        }
    }
    for (size_t i = 0; i < dict->frame_count; i++) {
        const struct frame *frame = &dict->frames[i];
        if (kind == ARG_FRAME && frame->kind != FRAME_COMM)
            add_string(offer, dict, frame->name);
        else if (kind == ARG_MODULE)
            add_string(offer, dict, frame->module);
    }
}

static void add_files(struct offer *offer)
{
    const char *slash = NULL;
    for (size_t i = 0; i < offer->typed_len; i++)
        slash = offer->typed[i] == '/' ? offer->typed + i : slash;
    size_t head = slash ? (size_t)(slash - offer->typed) + 1 : 0;
    char *directory = head ? xstrndup(offer->typed, head) : xstrdup("./");
    if (!strncmp(directory, "~/", 2) && getenv("HOME")) {
        char *expanded = xasprintf("%s%s", getenv("HOME"), directory + 1);
        free(directory);
        directory = expanded;
    }
    DIR *stream = opendir(directory);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        bool hidden = entry->d_name[0] == '.';
        if (hidden && (offer->typed_len == head || offer->typed[head] != '.'))
            continue;
        char *path = xasprintf("%s%s", directory, entry->d_name);
        struct stat info;
        bool inside = !stat(path, &info) && S_ISDIR(info.st_mode);
        char *item =
            xasprintf("%.*s%s%s", (int)head, offer->typed, entry->d_name, inside ? "/" : "");
        add_item(offer, item, strlen(item), true);
        free(item);
        free(path);
    }
    if (stream)
        closedir(stream);
    free(directory);
}

static void add_jobs(struct offer *offer)
{
    const struct jobs *jobs = &offer->session->jobs;
    for (size_t i = 0; i < jobs->count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", jobs->items[i]->number);
        add_text(offer, number);
    }
}

static void add_marks(struct offer *offer)
{
    const struct marks *marks = &offer->session->marks;
    for (size_t i = 0; i < marks->count; i++)
        add_text(offer, marks->items[i].name);
}

static void add_presets(struct offer *offer)
{
    for (const struct preset *preset = preset_table; preset->name; preset++) {
        char word[64];
        snprintf(word, sizeof word, "bt:%s", preset->name);
        add_text(offer, word);
    }
}

// Names of probes, those that begin with `head` without it.
static void add_probes(struct offer *offer, const char *head)
{
    enum { PATIENCE_MS = 400 }; // a Tab may take so long; the next one has more
    size_t head_len = strlen(head);
    const char *at =
        offer->session->probes ? probe_list_text(offer->session->probes, PATIENCE_MS) : "";
    while (*at) {
        size_t len = strcspn(at, "\n");
        if (len > head_len && !strncmp(at, head, head_len))
            add(offer, at + head_len, len - head_len);
        at += len + (at[len] == '\n');
    }
}

// Within a bpftrace program: the probe at the cursor. Where the word begins.
static size_t probe_start(const char *line, size_t word_at, size_t cursor)
{
    size_t at = cursor;
    while (at > word_at && !strchr(" \t\n,;{}'\"", line[at - 1]))
        at--;
    return at;
}

static bool is_program(const char *line, const struct place *place)
{
    const char *verb_end = place->word_at >= 3 ? line + place->word_at - 3 : NULL;
    return place->words == 2 && verb_end && !strncmp(verb_end, "bt ", 3);
}

static void add_kind(struct offer *offer, enum arg_kind kind)
{
    switch (kind) {
    case ARG_FILE:
        add_files(offer);
        break;
    case ARG_COMMAND:
        add_commands(offer);
        break;
    case ARG_COMM:
    case ARG_PID:
    case ARG_TID:
    case ARG_CGROUP:
    case ARG_FRAME:
    case ARG_MODULE:
        add_names(offer, kind);
        break;
    case ARG_JOB:
        add_jobs(offer);
        break;
    case ARG_FORMAT:
        for (size_t i = 0; format_table[i]; i++)
            add_text(offer, format_table[i]->name);
        break;
    case ARG_EXPORT:
        for (size_t i = 0; format_table[i]; i++) {
            if (format_table[i]->encoder_new)
                add_text(offer, format_table[i]->name);
        }
        add_list(offer, "csv json svg");
        break;
    case ARG_MARK:
        add_marks(offer);
        break;
    case ARG_SIDE:
        add_list(offer, "sel rest all");
        add_marks(offer);
        add_files(offer);
        break;
    case ARG_RECORDED:
        add_presets(offer);
        add_files(offer);
        break;
    case ARG_COLLECTOR:
        for (size_t i = 0; collector_table[i]; i++)
            add_text(offer, collector_table[i]->name);
        break;
    default:
        break;
    }
}

static enum arg_kind filter_kind(enum filter_key key)
{
    static const enum arg_kind kinds[FILTER_KEYS] = {
        [FILTER_COMM] = ARG_COMM,     [FILTER_PID] = ARG_PID,     [FILTER_TID] = ARG_TID,
        [FILTER_CPU] = ARG_CPU,       [FILTER_FRAME] = ARG_FRAME, [FILTER_MODULE] = ARG_MODULE,
        [FILTER_CGROUP] = ARG_CGROUP,
    };
    return kinds[key];
}

// Values of "key=" and "key~".
static void add_values(struct offer *offer, const struct command *command, const char *key)
{
    const struct command_key *row = command_key(command, key);
    if (row && !strcmp(row->name, "tp"))
        add_probes(offer, "tracepoint:");
    if (row) {
        add_list(offer, row->choices);
        add_kind(offer, row->kind);
        return;
    }
    enum filter_key filter = filter_key_by_name(key, strlen(key));
    if (command->filters && filter != FILTER_KEYS)
        add_kind(offer, filter_kind(filter));
    else if (command->settings && list_has(command->settings, key))
        add_setting_value(offer, setting_by_name(key));
}

static void add_key(struct offer *offer, const char *name)
{
    char key[40];
    snprintf(key, sizeof key, "%s=", name);
    add_text(offer, key);
}

static void add_keys(struct offer *offer, const struct command *command)
{
    for (int i = 0; i < COMMAND_KEYS && command->keys[i].name; i++)
        add_key(offer, command->keys[i].name);
    for (int i = 0; command->filters && i < FILTER_KEYS; i++)
        add_key(offer, filter_key_name((enum filter_key)i));
    for (const struct setting *row = setting_table; row->name && command->settings; row++) {
        if (list_has(command->settings, row->name))
            add_key(offer, row->name);
    }
    if (command->json && offer->typed_len && *offer->typed == '-')
        add_text(offer, "--json");
    if (command->csv && offer->typed_len && *offer->typed == '-')
        add_text(offer, "--csv");
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_unique(struct completions *out)
{
    if (!out->count)
        return;
    qsort(out->items, out->count, sizeof *out->items, compare);
    size_t kept = 1;
    for (size_t i = 1; i < out->count; i++) {
        if (strcmp(out->items[i], out->items[kept - 1]))
            out->items[kept++] = out->items[i];
        else
            free(out->items[i]);
    }
    if (out->total == out->count)
        out->total = kept;
    out->count = kept;
    for (; out->count > COMPLETE_KEPT; out->count--)
        free(out->items[out->count - 1]);
}

// The key of "[!]key=", "key~": its length, 0 when the word is none. *value: offset of the value.
static size_t key_of(const char *word, size_t len, size_t *key_at, size_t *value)
{
    size_t at = len && word[0] == '!';
    *key_at = at;
    while (at < len && (isalnum((unsigned char)word[at]) || word[at] == '_' || word[at] == '-'))
        at++;
    size_t key_len = at - *key_at;
    if (at < len && word[at] == '!')
        at++;
    if (!key_len || at >= len || (word[at] != '=' && word[at] != '~'))
        return 0;
    *value = at + 1;
    return key_len;
}

static void start_offer(struct offer *offer, const char *line, size_t from, size_t cursor)
{
    offer->out->from = from;
    if (from < cursor && (line[from] == '\'' || line[from] == '"'))
        from++;
    offer->typed = line + from;
    offer->typed_len = cursor - from;
}

void complete_line(struct completions *out, const struct session *session, const char *line,
                   size_t cursor)
{
    struct place place = find_place(line, cursor);
    struct offer offer = {.out = out, .session = session};
    while (place.word_at < cursor && !place.words && isspace((unsigned char)line[place.word_at]))
        place.word_at++;
    start_offer(&offer, line, place.word_at, cursor);
    if (place.after_bar)
        return;
    if (!place.words) {
        add_commands(&offer);
    } else if (place.after_greater) {
        add_files(&offer);
    } else if ((out->command = command_find(place.verb, true, NULL))) {
        const char *word = line + place.word_at;
        size_t key_at, value, key_len = key_of(word, cursor - place.word_at, &key_at, &value);
        if (!strcmp(out->command->name, "record") && is_program(line, &place)) {
            start_offer(&offer, line, probe_start(line, place.word_at, cursor), cursor);
            add_probes(&offer, "");
        } else if (key_len) {
            char key[40];
            snprintf(key, sizeof key, "%.*s", (int)key_len, word + key_at);
            start_offer(&offer, line, place.word_at + value, cursor);
            add_values(&offer, out->command, key);
        } else {
            size_t position = place.words - 1;
            enum arg_kind last = ARG_NONE;
            for (size_t i = 0; i < COMMAND_WORDS && i <= position; i++)
                last = i == position || out->command->words[i] == ARG_FILE ? out->command->words[i]
                                                                           : ARG_NONE;
            if (!position)
                add_list(&offer, out->command->choices);
            add_kind(&offer, last);
            add_keys(&offer, out->command);
        }
    }
    sort_unique(out);
}

size_t completions_common(const struct completions *completions)
{
    if (!completions->count)
        return 0;
    // Sorted: what the first and the last share, all share. More than were kept: only what is
    // typed.
    const char *first = completions->items[0];
    const char *last = completions->items[completions->count - 1];
    size_t len = 0;
    while (first[len] && first[len] == last[len])
        len++;
    return len;
}

void completions_dispose(struct completions *completions)
{
    for (size_t i = 0; i < completions->count; i++)
        free(completions->items[i]);
    free(completions->items);
    *completions = (struct completions){0};
}
