// Reads pprof: the tables first, which may lie behind the samples, then the samples.
#include "proto/alloc.h"
#include "proto/idmap.h"
#include "proto/pprof.h"
#include "proto/whole_decoder.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TYPES_MAX = 64, STACK_MAX = 1 << 14, LINES_MAX = 256 };

// An id of one byte may stand for all the functions that were inlined at its location: what stacks
// unfold to is bounded by what the profile has to say. Real ones have some 2 levels a byte, most of
// them of call paths that were there before.
enum { LEVELS_A_BYTE = 16, LEVELS_FREE = 1 << 24, PATHS_A_BYTE = 2, PATHS_FREE = 1 << 19 };

struct function {
    uint64_t name, file; // strings of the profile
};

struct location {
    struct wire body;
    uint32_t first_frame, frame_count; // in `frames`, leaf first, once used
    bool resolved;
};

struct value_type {
    uint64_t name, unit; // strings of the profile
    uint32_t event;      // of the stage
};

struct pprof {
    struct whole_decoder *decoder;
    struct stage *stage;
    const uint8_t *start;
    struct wire *strings;
    size_t string_count, string_capacity;
    struct function *functions;
    size_t function_count, function_capacity;
    uint64_t *mappings; // file names: strings of the profile
    size_t mapping_count, mapping_capacity;
    struct location *locations;
    size_t location_count, location_capacity;
    struct idmap function_rows, mapping_rows, location_rows;
    struct value_type types[TYPES_MAX];
    size_t type_count;
    uint64_t default_type; // string
    uint32_t *frames;      // of the stage
    size_t frame_count, frame_capacity;
    uint32_t comm; // of samples that do not say: the main program
    bool any_time;
    uint64_t levels, levels_most; // of all stacks
    uint64_t paths_most;
};

static void skip(struct pprof *pprof, const struct wire *at, const char *why)
{
    whole_decoder_skip(pprof->decoder, at->at ? (uint64_t)(at->at - pprof->start) : 0, why);
}

static struct wire string_at(const struct pprof *pprof, uint64_t index)
{
    return index < pprof->string_count ? pprof->strings[index] : (struct wire){0};
}

static uint32_t string_id(struct pprof *pprof, uint64_t index)
{
    struct wire text = string_at(pprof, index);
    return dict_string(&pprof->stage->dict, text.at ? (const char *)text.at : "", wire_len(&text));
}

static bool string_is(const struct pprof *pprof, uint64_t index, const char *text)
{
    struct wire string = string_at(pprof, index);
    return wire_len(&string) == strlen(text) &&
           !memcmp(string.at ? (const char *)string.at : "", text, strlen(text));
}

// --- tables --------------------------------------------------------------------------------------

static bool read_function(struct pprof *pprof, struct wire body)
{
    struct function function = {0};
    struct wire_field field;
    uint64_t id = 0;
    int more;
    while ((more = wire_next(&body, &field)) > 0) {
        if (field.number == PPROF_FUNCTION_ID)
            id = field.value;
        else if (field.number == PPROF_FUNCTION_NAME)
            function.name = field.value;
        else if (field.number == PPROF_FUNCTION_FILE)
            function.file = field.value;
    }
    if (!more && idmap_add(&pprof->function_rows, id, (uint32_t)pprof->function_count)) {
        array_reserve(&pprof->functions, &pprof->function_capacity, pprof->function_count + 1);
        pprof->functions[pprof->function_count++] = function;
    }
    return !more;
}

static bool read_mapping(struct pprof *pprof, struct wire body)
{
    struct wire_field field;
    uint64_t id = 0, file = 0;
    int more;
    while ((more = wire_next(&body, &field)) > 0) {
        if (field.number == PPROF_MAPPING_ID)
            id = field.value;
        else if (field.number == PPROF_MAPPING_FILE)
            file = field.value;
    }
    if (!more && idmap_add(&pprof->mapping_rows, id, (uint32_t)pprof->mapping_count)) {
        array_reserve(&pprof->mappings, &pprof->mapping_capacity, pprof->mapping_count + 1);
        pprof->mappings[pprof->mapping_count++] = file;
    }
    return !more;
}

static bool read_location(struct pprof *pprof, struct wire body)
{
    struct wire rest = body;
    struct wire_field field;
    uint64_t id = 0;
    int more;
    while ((more = wire_next(&rest, &field)) > 0) {
        if (field.number == PPROF_LOCATION_ID)
            id = field.value;
    }
    if (!more && idmap_add(&pprof->location_rows, id, (uint32_t)pprof->location_count)) {
        array_reserve(&pprof->locations, &pprof->location_capacity, pprof->location_count + 1);
        pprof->locations[pprof->location_count++] = (struct location){.body = body};
    }
    return !more;
}

static bool read_type(struct pprof *pprof, struct wire body)
{
    struct value_type type = {0};
    struct wire_field field;
    int more;
    while ((more = wire_next(&body, &field)) > 0) {
        if (field.number == PPROF_TYPE_NAME)
            type.name = field.value;
        else if (field.number == PPROF_TYPE_UNIT)
            type.unit = field.value;
    }
    if (!more && pprof->type_count == TYPES_MAX)
        skip(pprof, &body, "more than 64 types of values: the others are left out");
    else if (!more)
        pprof->types[pprof->type_count++] = type;
    return !more;
}

// Everything but the samples.
static int read_tables(struct pprof *pprof, struct wire all)
{
    struct wire_field field;
    int more;
    while ((more = wire_next(&all, &field)) > 0) {
        bool good = true;
        switch (field.number) {
        case PPROF_SAMPLE_TYPE:
            good = field.is_bytes && read_type(pprof, field.body);
            break;
        case PPROF_MAPPING:
            good = field.is_bytes && read_mapping(pprof, field.body);
            break;
        case PPROF_LOCATION:
            good = field.is_bytes && read_location(pprof, field.body);
            break;
        case PPROF_FUNCTION:
            good = field.is_bytes && read_function(pprof, field.body);
            break;
        case PPROF_STRING:
            array_reserve(&pprof->strings, &pprof->string_capacity, pprof->string_count + 1);
            pprof->strings[pprof->string_count++] = field.body;
            break;
        case PPROF_DEFAULT_TYPE:
            pprof->default_type = field.value;
            break;
        }
        if (!good)
            skip(pprof, &field.body, "a table entry that is malformed");
    }
    return more;
}

// --- frames --------------------------------------------------------------------------------------

static bool is_kernel(const char *module, uint64_t address)
{
    return !strncmp(module, "[kernel", 7) || !strncmp(module, "[guest.kernel", 13) ||
           address >= 0xffff800000000000u;
}

static void add_frame(struct pprof *pprof, const struct frame *frame)
{
    array_reserve(&pprof->frames, &pprof->frame_capacity, pprof->frame_count + 1);
    pprof->frames[pprof->frame_count++] = dict_frame(&pprof->stage->dict, frame);
}

// One Line of a location; the last is the function that the others were inlined into.
static void add_line(struct pprof *pprof, struct wire body, struct frame frame, bool inlined)
{
    struct wire_field field;
    uint64_t line = 0;
    const struct function *function = NULL;
    while (wire_next(&body, &field) > 0) {
        uint32_t row = field.number == PPROF_LINE_FUNCTION
                           ? idmap_find(&pprof->function_rows, field.value)
                           : IDMAP_NONE;
        if (row != IDMAP_NONE)
            function = pprof->functions + row;
        if (field.number == PPROF_LINE_LINE)
            line = field.value;
    }
    if (function) {
        frame.name = string_id(pprof, function->name);
        frame.file = string_id(pprof, function->file);
    }
    if (frame.file != DICT_EMPTY && line <= UINT32_MAX)
        frame.line = (uint32_t)line;
    if (frame.name != DICT_EMPTY)
        frame.address = 0;
    if (inlined)
        frame.kind = FRAME_INLINED;
    add_frame(pprof, &frame);
}

static void resolve_location(struct pprof *pprof, struct location *location)
{
    struct wire rest = location->body, lines[LINES_MAX];
    struct wire_field field;
    struct frame frame = {.kind = FRAME_USER};
    size_t line_count = 0;
    location->resolved = true;
    location->first_frame = (uint32_t)pprof->frame_count;
    while (wire_next(&rest, &field) > 0) {
        uint32_t row = field.number == PPROF_LOCATION_MAPPING
                           ? idmap_find(&pprof->mapping_rows, field.value)
                           : IDMAP_NONE;
        if (row != IDMAP_NONE)
            frame.module = string_id(pprof, pprof->mappings[row]);
        if (field.number == PPROF_LOCATION_ADDRESS)
            frame.address = field.value;
        if (field.number != PPROF_LOCATION_LINE || !field.is_bytes)
            continue;
        if (line_count < LINES_MAX)
            lines[line_count++] = field.body;
        else if (line_count++ == LINES_MAX)
            skip(pprof, &location->body, "more than 256 functions at one location");
    }
    line_count = line_count < LINES_MAX ? line_count : LINES_MAX;
    if (is_kernel(dict_text(&pprof->stage->dict, frame.module), frame.address))
        frame.kind = FRAME_KERNEL;
    for (size_t i = 0; i < line_count; i++)
        add_line(pprof, lines[i], frame, i + 1 < line_count);
    if (!line_count)
        add_frame(pprof, &frame);
    location->frame_count = (uint32_t)(pprof->frame_count - location->first_frame);
}

// --- samples -------------------------------------------------------------------------------------

struct sample_parts {
    uint64_t locations[STACK_MAX]; // ids, leaf first
    size_t location_count;
    int64_t values[TYPES_MAX];
    size_t value_count;
    struct sample sample;
    struct thread thread;
};

static bool each_number(const struct wire_field *field, struct wire *rest, uint64_t *out)
{
    if (!field->is_bytes) { // not packed
        *out = field->value;
        return rest->at++ != rest->end;
    }
    if (rest->at == rest->end)
        return false;
    const uint8_t *after = varint_read(rest->at, rest->end, out);
    rest->at = after ? after : rest->end;
    return after;
}

static void read_label(struct pprof *pprof, struct sample_parts *parts, struct wire body)
{
    struct wire_field field;
    uint64_t key = 0, str = 0, num = 0;
    while (wire_next(&body, &field) > 0) {
        if (field.number == PPROF_LABEL_KEY)
            key = field.value;
        else if (field.number == PPROF_LABEL_STR)
            str = field.value;
        else if (field.number == PPROF_LABEL_NUM)
            num = field.value;
    }
    if (str && (string_is(pprof, key, "comm") || string_is(pprof, key, "thread")))
        parts->thread.comm = string_id(pprof, str);
    else if (string_is(pprof, key, "pid") && num <= INT32_MAX)
        parts->thread.pid = (int32_t)num;
    else if (string_is(pprof, key, "tid") && num <= INT32_MAX)
        parts->thread.tid = (int32_t)num;
    else if (string_is(pprof, key, "cpu") && num < SAMPLE_NO_CPU)
        parts->sample.cpu = (uint16_t)num;
    else if (string_is(pprof, key, "timestamp_ns") || string_is(pprof, key, "end_timestamp_ns"))
        parts->sample.time_ns = (int64_t)num;
}

// NULL, or what is wrong.
static const char *read_parts(struct pprof *pprof, struct sample_parts *parts, struct wire body)
{
    struct wire_field field;
    int more;
    parts->location_count = parts->value_count = 0;
    parts->sample = (struct sample){.time_ns = SAMPLE_NO_TIME, .cpu = SAMPLE_NO_CPU};
    parts->thread = (struct thread){.pid = -1, .tid = -1, .comm = pprof->comm};
    while ((more = wire_next(&body, &field)) > 0) {
        static const uint8_t ONE[1];
        struct wire rest = field.is_bytes ? field.body : (struct wire){ONE, ONE + 1};
        uint64_t number;
        if (field.number == PPROF_SAMPLE_LOCATION) {
            while (each_number(&field, &rest, &number)) {
                if (parts->location_count == STACK_MAX)
                    return "a stack of more than 16384 locations";
                parts->locations[parts->location_count++] = number;
            }
        } else if (field.number == PPROF_SAMPLE_VALUE) {
            while (each_number(&field, &rest, &number)) {
                if (parts->value_count < TYPES_MAX)
                    parts->values[parts->value_count++] = (int64_t)number;
            }
        } else if (field.number == PPROF_SAMPLE_LABEL && field.is_bytes) {
            read_label(pprof, parts, field.body);
        }
    }
    return !more && parts->value_count == pprof->type_count
               ? NULL
               : "a sample that is malformed, or has not a value of each type";
}

// Finds the sample's node; NULL, or what is wrong.
static const char *find_node(struct pprof *pprof, struct sample_parts *parts)
{
    struct dict *dict = &pprof->stage->dict;
    uint32_t node = dict_comm_node(dict, parts->thread.comm);
    for (size_t i = parts->location_count; i-- > 0;) {
        uint32_t row = idmap_find(&pprof->location_rows, parts->locations[i]);
        if (row == IDMAP_NONE)
            return "a sample at a location that is not there";
        struct location *location = pprof->locations + row;
        if (!location->resolved)
            resolve_location(pprof, location);
        pprof->levels += location->frame_count;
        if (pprof->levels > pprof->levels_most || dict->node_count > pprof->paths_most)
            return "inlined functions unfold to many times the size of the profile";
        for (uint32_t j = location->frame_count; j-- > 0;)
            node = dict_node(dict, node, pprof->frames[location->first_frame + j]);
    }
    parts->sample.node = node;
    return NULL;
}

static void read_sample(struct pprof *pprof, struct sample_parts *parts, struct wire body)
{
    struct sample *sample = &parts->sample;
    const char *wrong = read_parts(pprof, parts, body);
    wrong = wrong ? wrong : find_node(pprof, parts);
    if (wrong) {
        skip(pprof, &body, wrong);
        return;
    }
    sample->thread = dict_thread(&pprof->stage->dict, &parts->thread);
    pprof->any_time |= sample->time_ns != SAMPLE_NO_TIME;
    bool negative = false;
    for (size_t i = 0; i < parts->value_count; i++) {
        negative |= parts->values[i] < 0;
        if (parts->values[i] <= 0)
            continue;
        sample->value = (uint64_t)parts->values[i];
        sample->event = (uint16_t)pprof->types[i].event;
        stage_add(pprof->stage, sample);
    }
    if (negative) // of a difference of two profiles
        skip(pprof, &body, "a negative value");
}

// --- the profile ---------------------------------------------------------------------------------

// The default type becomes the first event: what is looked at first.
static void make_events(struct pprof *pprof)
{
    size_t first = pprof->type_count - 1;
    for (size_t i = 0; i < pprof->type_count; i++) {
        if (pprof->default_type && pprof->types[i].name == pprof->default_type)
            first = i;
    }
    for (size_t n = 0; n < pprof->type_count; n++) {
        struct value_type *type = pprof->types + (n == 0 ? first : n <= first ? n - 1 : n);
        struct dict *dict = &pprof->stage->dict;
        struct event event = {.name = string_id(pprof, type->name), .by_value = true};
        event.unit = string_is(pprof, type->unit, "nanoseconds") ? dict_string_z(dict, "ns")
                     : string_is(pprof, type->unit, "count")     ? DICT_EMPTY
                                                                 : string_id(pprof, type->unit);
        type->event = dict_event(dict, &event);
    }
}

static void name_program(struct pprof *pprof)
{
    struct wire file = string_at(pprof, pprof->mapping_count ? pprof->mappings[0] : 0);
    const char *name = file.at ? (const char *)file.at : "";
    size_t len = wire_len(&file);
    const char *slash = len ? memrchr(name, '/', len) : NULL;
    if (slash) {
        len -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    pprof->comm = len ? dict_string(&pprof->stage->dict, name, len)
                      : dict_string_z(&pprof->stage->dict, "[profile]");
}

static void read_samples(struct pprof *pprof, struct wire all)
{
    struct sample_parts *parts = xmalloc(sizeof *parts);
    struct wire_field field;
    while (wire_next(&all, &field) > 0) {
        if (field.number == PPROF_SAMPLE && field.is_bytes)
            read_sample(pprof, parts, field.body);
    }
    free(parts);
}

static int read_profile(struct whole_decoder *decoder, const uint8_t *data, size_t len,
                        struct hello *hello, struct err *err)
{
    struct pprof pprof = {.decoder = decoder,
                          .stage = &decoder->stage,
                          .start = data,
                          .levels_most = LEVELS_A_BYTE * (uint64_t)len + LEVELS_FREE,
                          .paths_most = PATHS_A_BYTE * (uint64_t)len + PATHS_FREE};
    struct wire all = {data, data + len};
    bool cut = read_tables(&pprof, all) < 0;
    int code = 0;
    if (!pprof.type_count || !pprof.string_count) {
        code = err_set(err, -EBADMSG, "not a pprof profile: it has no sample types or no strings");
    } else {
        make_events(&pprof);
        name_program(&pprof);
        read_samples(&pprof, all);
        if (cut)
            whole_decoder_skip(decoder, len, "the profile is cut or malformed");
        hello->collector = "pprof";
        hello->clock = pprof.any_time ? CLOCK_KIND_UNKNOWN : CLOCK_KIND_NONE;
    }
    free(pprof.strings);
    free(pprof.functions);
    free(pprof.mappings);
    free(pprof.locations);
    free(pprof.frames);
    idmap_dispose(&pprof.function_rows);
    idmap_dispose(&pprof.mapping_rows);
    idmap_dispose(&pprof.location_rows);
    return code;
}

struct decoder *pprof_decoder_new(struct sink *sink, const struct decode_options *options)
{
    (void)options; // the profile says it all
    return whole_decoder_new(read_profile, sink);
}
