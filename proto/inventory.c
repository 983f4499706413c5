// Takes note of what samples say.
#include "proto/inventory.h"

#include "proto/alloc.h"

#include <stdlib.h>
#include <string.h>

static void note_frame(struct inventory *inventory, const struct frame *frame)
{
    if (frame->kind == FRAME_COMM)
        return;
    inventory->holds |= (frame->module != DICT_EMPTY ? HOLD_MODULE : 0) |
                        (frame->address ? HOLD_ADDRESS : 0) |
                        (frame->kind != FRAME_USER ? HOLD_KIND : 0) |
                        (frame->file != DICT_EMPTY || frame->line ? HOLD_LINE : 0);
}

// Looks at each node once.
static void note_stack(struct inventory *inventory, uint32_t node)
{
    const struct dict *dict = inventory->sink.dict;
    size_t words = dict->node_count / 64 + 1;
    if (inventory->generation != dict->generation) {
        inventory->seen_count = 0;
        inventory->generation = dict->generation;
    }
    if (inventory->seen_count < words) {
        array_reserve(&inventory->seen, &inventory->seen_capacity, words);
        memset(inventory->seen + inventory->seen_count, 0,
               (words - inventory->seen_count) * sizeof *inventory->seen);
        inventory->seen_count = words;
    }
    for (; node != DICT_ROOT && !(inventory->seen[node / 64] >> node % 64 & 1);
         node = dict->nodes[node].parent) {
        inventory->seen[node / 64] |= UINT64_C(1) << node % 64;
        note_frame(inventory, dict->frames + dict->nodes[node].frame);
    }
}

static unsigned name_of(const struct inventory *inventory, const struct event *event)
{
    const char *own = inventory->format->event;
    return own && strcmp(dict_text(inventory->sink.dict, event->name), own) != 0 ? HOLD_EVENT_NAME
                                                                                 : 0;
}

// What values are of: a format that has them may take all for nanoseconds, or tell nothing.
static unsigned unit_of(const struct dict *dict, const struct event *event)
{
    const char *unit = dict_text(dict, event->unit);
    if (!event->by_value || !*unit || !strcmp(unit, "samples"))
        return 0;
    return HOLD_UNIT | (strcmp(unit, "ns") != 0 ? HOLD_OTHER_UNIT : 0);
}

enum part { PART_TIME = 1, PART_CPU = 2, PART_PID = 4, PART_TID = 8, PARTS = 15 };

static void note_parts(struct inventory *inventory, const struct sample *sample,
                       const struct thread *thread)
{
    unsigned has = (sample->time_ns != SAMPLE_NO_TIME ? PART_TIME : 0) |
                   (sample->cpu != SAMPLE_NO_CPU ? PART_CPU : 0) |
                   (thread->pid >= 0 ? PART_PID : 0) | (thread->tid >= 0 ? PART_TID : 0);
    inventory->has |= has;
    inventory->lacks |= PARTS & ~has;
}

// What only some samples have, where the format would need it of all.
static unsigned held_by_some(const struct inventory *inventory)
{
    unsigned some = inventory->has & inventory->lacks;
    unsigned holds = (some & PART_TIME ? HOLD_TIME : 0) | (some & PART_CPU ? HOLD_CPU : 0) |
                     (some & (PART_PID | PART_TID) ? HOLD_THREAD : 0);
    return holds & inventory->format->all_or_none;
}

static void note_sample(struct inventory *inventory, const struct sample *sample)
{
    const struct dict *dict = inventory->sink.dict;
    const struct thread *thread = dict->threads + sample->thread;
    const struct event *event = dict->events + sample->event;
    bool timed = sample->time_ns != SAMPLE_NO_TIME;
    inventory->holds |=
        (timed ? HOLD_TIME : 0) | (timed && sample->time_ns % 1000 ? HOLD_TIME_NS : 0) |
        (timed && strcmp(dict_text(dict, event->unit), "ns") != 0 ? HOLD_BARE_TIME : 0) |
        (thread->pid >= 0 || thread->tid >= 0 ? HOLD_THREAD : 0) |
        (thread->comm != DICT_EMPTY ? HOLD_COMM : 0) |
        (sample->cpu != SAMPLE_NO_CPU ? HOLD_CPU : 0) |
        (event->by_value ? HOLD_VALUE | HOLD_COUNT : HOLD_SAMPLE) | unit_of(dict, event) |
        (!event->by_value && sample->value != 1 ? HOLD_PERIOD : 0) | name_of(inventory, event);
    note_parts(inventory, sample, thread);
    note_stack(inventory, sample->node);
}

// Remembers how the next sink failed; *own is its word for it.
static int came_through(struct inventory *inventory, int code, const struct err *own,
                        struct err *err)
{
    if (!code)
        return 0;
    if (!inventory->failed.code)
        inventory->failed = *own;
    return err_set(err, code, "%s", own->message);
}

static int on_hello(struct sink *sink, const struct hello *hello, struct err *err)
{
    struct inventory *inventory = (struct inventory *)sink;
    struct err own = {0};
    return came_through(inventory, sink_hello(inventory->next, hello, &own), &own, err);
}

static bool passes(struct inventory *inventory, const struct sample *sample)
{
    const struct dict *dict = inventory->sink.dict;
    if (!inventory->wanted && !(inventory->format->loses & HOLD_EVENT))
        return true;
    bool undecided = inventory->event == INVENTORY_NO_EVENT;
    if (undecided &&
        (!inventory->wanted ||
         !strcmp(dict_text(dict, dict->events[sample->event].name), inventory->wanted)))
        inventory->event = sample->event;
    return sample->event == inventory->event;
}

static int on_samples(struct sink *sink, const struct sample *samples, size_t count,
                      struct err *err)
{
    struct inventory *inventory = (struct inventory *)sink;
    struct err own = {0};
    int code = 0;
    for (size_t from = 0, until; !code && from < count; from = until) {
        bool pass = passes(inventory, samples + from);
        for (until = from; until < count && passes(inventory, samples + until) == pass; until++) {
            if (pass)
                note_sample(inventory, samples + until);
        }
        inventory->samples += pass ? until - from : 0;
        if (pass)
            code = sink_samples(inventory->next, samples + from, until - from, &own);
    }
    return came_through(inventory, code, &own, err);
}

static int on_loss(struct sink *sink, const struct loss *loss, struct err *err)
{
    struct inventory *inventory = (struct inventory *)sink;
    struct err own = {0};
    inventory->holds |= loss->count ? HOLD_LOSS : 0;
    return came_through(inventory, sink_loss(inventory->next, loss, &own), &own, err);
}

void inventory_init(struct inventory *inventory, struct sink *next, const struct format *format,
                    const char *event)
{
    static const struct sink_ops OPS = {.hello = on_hello, .samples = on_samples, .loss = on_loss};
    *inventory = (struct inventory){.sink = {&OPS, next->dict},
                                    .next = next,
                                    .format = format,
                                    .wanted = event,
                                    .event = INVENTORY_NO_EVENT};
    inventory->generation = next->dict->generation;
}

void inventory_dispose(struct inventory *inventory)
{
    free(inventory->seen);
    *inventory = (struct inventory){0};
}

void inventory_put_lost(struct bytes *out, const struct inventory *inventory)
{
    static const struct {
        unsigned holds;
        const char *word;
        bool one; // "is lost"
    } WORDS[] = {
        {HOLD_TIME | HOLD_BARE_TIME, "time", true},
        {HOLD_TIME_NS, "times below a microsecond", false},
        {HOLD_THREAD, "process and thread ids", false},
        {HOLD_COMM, "names of threads", false},
        {HOLD_CPU, "CPUs", false},
        {HOLD_VALUE | HOLD_PERIOD, "values", false},
        {HOLD_UNIT | HOLD_OTHER_UNIT, "the unit of values", true},
        {HOLD_COUNT | HOLD_SAMPLE, "the number of samples", true},
        {HOLD_EVENT_NAME, "the event's name", true},
        {HOLD_MODULE, "modules", false},
        {HOLD_ADDRESS, "addresses", false},
        {HOLD_KIND, "kinds of frames", false},
        {HOLD_LINE, "source lines", false},
        {HOLD_LOSS, "what was lost before", true},
    };
    enum { COUNT = sizeof WORDS / sizeof *WORDS };
    size_t lost[COUNT], count = 0;
    unsigned some = held_by_some(inventory);
    unsigned gone = (inventory->holds & inventory->format->loses) | some;
    if (gone & (HOLD_TIME | HOLD_BARE_TIME))
        gone &= ~(unsigned)HOLD_TIME_NS;
    for (size_t i = 0; i < COUNT; i++) {
        if (gone & WORDS[i].holds)
            lost[count++] = i;
    }
    for (size_t i = 0; i < count; i++)
        bytes_printf(out, "%s%s%s",
                     !i              ? ""
                     : i + 1 < count ? ", "
                                     : " and ",
                     WORDS[lost[i]].word,
                     WORDS[lost[i]].holds & some ? " (not every sample has it)" : "");
    if (count)
        bytes_append_text(out, count == 1 && WORDS[lost[0]].one ? " is lost" : " are lost");
}

// All events but this one.
static void put_events(struct bytes *out, const struct dict *dict, uint32_t but)
{
    bool any = false;
    for (uint32_t i = 0; i < dict->event_count; i++) {
        if (i == but)
            continue;
        bytes_printf(out, "%s%s", any ? ", " : "", dict_text(dict, dict->events[i].name));
        any = true;
    }
}

void inventory_put_choice(struct bytes *out, const struct inventory *inventory)
{
    const struct dict *dict = inventory->sink.dict;
    if (inventory->event == INVENTORY_NO_EVENT || dict->event_count < 2)
        return;
    bytes_printf(out, "the event %s, without ",
                 dict_text(dict, dict->events[inventory->event].name));
    put_events(out, dict, inventory->event);
}

void inventory_put_events(struct bytes *out, const struct inventory *inventory)
{
    put_events(out, inventory->sink.dict, INVENTORY_NO_EVENT);
}
