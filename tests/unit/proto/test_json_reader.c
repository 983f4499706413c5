// The JSON reader: paths, escapes, splits, what is and is not JSON.
#include "proto/alloc.h"
#include "proto/json_reader.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 1, NUMBER, TREE, TREE_NAME, RUNS, ROW, ROW_VALUE, SET, SET_ITEM };

static const struct json_path PATHS[] = {
    {"a.name", NAME, NULL},
    {"a.list[]", NUMBER, NULL},
    {"a.grid[][]", NUMBER, NULL},
    {"tree", TREE, NULL},
    {"tree.name", TREE_NAME, NULL},
    {"tree.children[]", TREE, "tree"},
    {"[].name", NAME, NULL},
    {"a.runs[+]", RUNS, NULL},
    {"a.rows[=]", ROW, NULL},
    {"a.rows[].x", ROW_VALUE, NULL},
    {"a.rows[].name", ROW_VALUE, NULL},
    {"a.rows[].at.x", ROW_VALUE, NULL},
    {"a.sets[]!", SET, NULL},
    {"a.sets[][]", SET_ITEM, NULL},
    {"a.sets[].name", SET_ITEM, NULL},
    {NULL, 0, NULL},
};

enum { TEXTS_MOST = 1000 };

// What is noted of a document, and what came of texts that may come again.
struct notes {
    struct bytes *out;
    size_t begun; // in out, what comes of the text in hand
    struct known {
        char *text, *gave;
    } known[TEXTS_MOST];
    size_t known_count;
    unsigned records, again; // JSON_RECORD; texts that were known
};

static void note_value(struct bytes *out, const struct json_value *value)
{
    if (value->id == RUNS && value->kind == JSON_NUMBER && value->len <= 15 &&
        strspn(value->text, "0123456789") >= value->len) { // as it is within JSON_INTEGERS
        bytes_printf(out, "%d:%lld ", value->id, (long long)json_value_int(value));
        return;
    }
    static const char *const KINDS[] = {"{", "}", "[", "]", "'", "", "true", "false", "null"};
    bool has_text = value->kind == JSON_STRING || value->kind == JSON_NUMBER;
    bytes_printf(out, "%d:%s", value->id, KINDS[value->kind]);
    bytes_append(out, value->text, has_text ? value->len : 0);
    if (value->kind == JSON_NUMBER && value->is_integer) // is what the digits say
        assert_true(value->integer == strtoll(value->text, NULL, 10));
    bytes_append_char(out, ' ');
}

static void note_record(struct notes *notes, const struct json_value *value)
{
    notes->records++;
    bytes_printf(notes->out, "%d:{ ", value->id);
    for (size_t i = 0; i < value->len; i++)
        note_value(notes->out, value->members + i);
    bytes_printf(notes->out, "%d:} ", value->id);
}

// A text that was seen whole gives again what it gave.
static int note_set(struct notes *notes, const struct json_value *value)
{
    if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT) {
        for (size_t i = 0; value->len && i < notes->known_count; i++) {
            const struct known *known = &notes->known[i];
            if (strlen(known->text) == value->len &&
                !memcmp(known->text, value->text, value->len)) {
                bytes_append_text(notes->out, known->gave);
                notes->again++;
                return JSON_KNOWN;
            }
        }
        notes->begun = notes->out->len;
    }
    note_value(notes->out, value);
    bool ends = value->kind == JSON_ARRAY_END || value->kind == JSON_OBJECT_END;
    if (ends && value->len && notes->known_count < TEXTS_MOST)
        notes->known[notes->known_count++] = (struct known){
            xstrndup(value->text, value->len), xstrdup(bytes_text(notes->out) + notes->begun)};
    return 0;
}

static int note(void *arg, const struct json_value *value, struct err *err)
{
    struct notes *notes = arg;
    (void)err;
    for (size_t i = 0; value->kind == JSON_INTEGERS && i < value->len; i++)
        bytes_printf(notes->out, "%d:%lld ", value->id, (long long)value->integers[i]);
    if (value->kind == JSON_INTEGERS)
        return 0;
    if (value->id == SET)
        return note_set(notes, value);
    if (value->kind == JSON_RECORD)
        note_record(notes, value);
    else
        note_value(notes->out, value);
    return 0;
}

// What a text gives, in chunks; "!" and the message's start when it fails, "..." when it is cut.
// Returns how many records and known texts there were.
static unsigned read_text(struct bytes *out, const char *text, size_t len, size_t chunk)
{
    struct notes *notes = xcalloc(1, sizeof *notes);
    notes->out = out;
    struct json_reader *json = json_reader_new(PATHS, note, notes);
    struct err err = {0};
    bool complete = true;
    int code = 0;
    for (size_t at = 0; !code && at < len; at += chunk) {
        size_t bite = len - at < chunk ? len - at : chunk;
        char *exact = xmalloc(bite);
        memcpy(exact, text + at, bite);
        code = json_reader_push(json, exact, bite, &err);
        free(exact);
    }
    if (!code)
        code = json_reader_finish(json, &complete, &err);
    if (code)
        bytes_printf(out, "!%s", err.message);
    else if (!complete)
        bytes_append_text(out, "...");
    json_reader_free(json);
    unsigned found = notes->records + notes->again;
    for (size_t i = 0; i < notes->known_count; i++) {
        free(notes->known[i].text);
        free(notes->known[i].gave);
    }
    free(notes);
    return found;
}

static void check(const char *text, const char *expected)
{
    for (size_t chunk = strlen(text) + 1; chunk; chunk = chunk > 5 ? 5 : chunk - 1) {
        struct bytes got = {0};
        read_text(&got, text, strlen(text), chunk);
        if (strcmp(bytes_text(&got), expected))
            fail_msg("in chunks of %zu: %s\ngives %s\nnot %s", chunk, text, bytes_text(&got),
                     expected);
        bytes_dispose(&got);
    }
}

static void test_paths(void **state)
{
    (void)state;
    check(
        "{\"b\": [1, {\"name\": 2}], \"a\": {\"x\": {\"name\": 1}, \"name\": \"n\", \"list\": [1, "
        "-2.5e3, true, null, {\"a\": 1}]}}",
        "1:'n 2:1 2:-2.5e3 2:true 2:null 2:{ 2:} ");
    check("{\"a\": {\"grid\": [[1, 2], [], [3]]}}", "2:1 2:2 2:3 ");
    check("[{\"name\": \"x\"}, {\"name\": false}]", "1:'x 1:false ");
    check("{\"tree\": {\"name\": \"r\", \"children\": [{\"name\": \"s\", \"children\": [{\"name\": "
          "\"t\"}]}]}}",
          "3:{ 4:'r 3:{ 4:'s 3:{ 4:'t 3:} 3:} 3:} ");
}

static void test_strings(void **state)
{
    (void)state;
    check("[{\"name\": \"a\\n\\t\\\"\\\\\\/\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}]",
          "1:'a\n\t\"\\/A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ");
    check("[{\"n\\u0061me\": \"\"}]", "1:' ");
    check("[{\"name\": \"\xc3\xa9 \xff \xc3\"}]", "1:'\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd ");
    check("[{\"name\": \"\\ud83d x\"}]", "1:'\xef\xbf\xbd x ");
    check("[{\"name\": \"\\udc00\"}]", "1:'\xef\xbf\xbd ");
}

static void test_lenient_where_profiles_are(void **state)
{
    (void)state;
    check("[{\"name\": 1,}, ]", "1:1 ");
    check("[{\"name\": NaN}, {\"name\": -Infinity}", "1:null 1:null ...");
    check("[{\"name\": 1}, {\"na", "1:1 ...");
    check("", "...");
    check("17", "");
}

static void test_what_is_no_json(void **state)
{
    (void)state;
    check("[1 2]", "!byte 3: '2' where ',' or ']' was expected");
    check("{1: 2}", "!byte 1: '1' where a key or '}' was expected");
    check("{\"a\" 2}", "!byte 5: '2' where ':' was expected");
    check("[\"\\x\"]", "!byte 3: 'x' where an escape was expected");
    check("[}", "!byte 1: '}' where a value was expected");
    check("{} x", "!byte 3: 'x' where the end was expected");
    check("[ maybe]", "!byte 2: 'm' where a value was expected");
    check("maybe", "!byte 0: 'm' where a value was expected");
}

// A number is one by its grammar, wherever it lies and whether it is wanted or not.
static void test_numbers_are_checked(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"0",
                                       "-0",
                                       "12",
                                       "1.5",
                                       "-1.25e10",
                                       "1E+5",
                                       "12e-09",
                                       "007",
                                       "123456789012345678901234567890",
                                       "12345678",
                                       "123456789012345"};
    static const char *const BAD[] = {"-",   "1.",    ".5",  "+1",    "1e",       "1e+",      "1-2",
                                      "--1", "1.2.3", "0x1", "1e5.5", "1234567a", "12345678-"};
    static const char *const FRAMES[][2] = {{"[{\"name\": ", "}]"},
                                            {"[{\"other\": ", "}]"},
                                            {"{\"a\": {\"list\": [", ", 1]}}"},
                                            {"[[", ",                              1]]"},
                                            {"{\"a\": {\"runs\": [", "]}}                       "}};
    for (size_t i = 0; i < sizeof FRAMES / sizeof *FRAMES; i++) {
        for (size_t j = 0; j < sizeof GOOD / sizeof *GOOD + sizeof BAD / sizeof *BAD; j++) {
            bool good = j < sizeof GOOD / sizeof *GOOD;
            const char *number = good ? GOOD[j] : BAD[j - sizeof GOOD / sizeof *GOOD];
            char *text = xasprintf("%s%s%s", FRAMES[i][0], number, FRAMES[i][1]);
            char *seen = xasprintf("!byte %zu: '%c' where a value was expected",
                                   strlen(FRAMES[i][0]), *number);
            for (size_t chunk = 1; chunk < strlen(text) + 1; chunk++) {
                struct bytes got = {0};
                read_text(&got, text, strlen(text), chunk);
                if (good ? strchr(bytes_text(&got), '!') != NULL
                         : strcmp(bytes_text(&got), seen) != 0)
                    fail_msg("in chunks of %zu: %s\ngives %s", chunk, text, bytes_text(&got));
                bytes_dispose(&got);
            }
            free(text);
            free(seen);
        }
    }
    static char text[2000];
    memset(text, '1', sizeof text);
    for (size_t chunk = 1; chunk < 4000; chunk *= 3) {
        struct bytes got = {0};
        read_text(&got, text, sizeof text, chunk);
        assert_string_equal(bytes_text(&got), "!byte 0: '1' where a value was expected");
        bytes_dispose(&got);
    }
}

// Integers come together or one by one, as the chunks are, but all of them and in order.
static void test_runs(void **state)
{
    (void)state;
    check(
        "{\"a\": {\"runs\": [1,-22, 333,4444,55555,666666,7777777,88888888,-999999999,\n12, 3.5,"
        "123456789012345,1234567890123456,12345678901234567890,null,17,18,]}}                    ",
        "5:1 5:-22 5:333 5:4444 5:55555 5:666666 5:7777777 5:88888888 5:-999999999 5:12 5:3.5 "
        "5:123456789012345 5:1234567890123456 5:12345678901234567890 5:null 5:17 5:18 ");
    check("{\"a\": {\"runs\": [0], \"name\": \"x\", \"list\": [1,2,3], \"runs\": []}}             ",
          "5:0 1:'x 2:1 2:2 2:3 ");
    struct bytes text = {0}, expected = {0};
    bytes_append_text(&text, "{\"a\": {\"runs\": [");
    for (int i = 0; i < 1000; i++) {
        bytes_printf(&text, "%d%s", i * i, i < 999 ? "," : "]}}");
        bytes_printf(&expected, "5:%d ", i * i);
    }
    check(bytes_text(&text), bytes_text(&expected));
    bytes_dispose(&text);
    bytes_dispose(&expected);
}

// How many come as records, or are known, where the text is pushed whole.
static unsigned found_in(const char *text)
{
    struct bytes got = {0};
    unsigned found = read_text(&got, text, strlen(text), strlen(text));
    bytes_dispose(&got);
    return found;
}

#define ROWS(rows) "{\"a\": {\"rows\": [" rows "]}}                                  "

static void test_records(void **state)
{
    (void)state;
    static const char ALIKE[] = ROWS("{\"x\":1,\"b\":\"c\",\"name\":\"n\"},{\"x\":-22,\"b\":\"\","
                                     "\"name\":\"longer than a word\"},"
                                     "{\"x\":1.5e3,\"b\":\"d\",\"name\":\"\"}, "
                                     "{\"x\":123456789012345678,\"b\":\"d\",\"name\":\"m\"}");
    check(ALIKE, "6:{ 7:1 7:'n 6:} 6:{ 7:-22 7:'longer than a word 6:} 6:{ 7:1.5e3 7:' 6:} "
                 "6:{ 7:123456789012345678 7:'m 6:} ");
    assert_int_equal(found_in(ALIKE), 3);
    // Each other spelling is another shape; what is not flat, or not plain, has none.
    static const char OTHERS[] = ROWS("{\"x\":1},{ \"x\":2},{\"x\" : 3},{\"x\":4 "
                                      "},{\"x\":\"5\"},{\"x\":null},{\"x\":{\"y\":1}},{\"x\":[7]},"
                                      "{\"x\":\"\\n\"},{\"x\":\"\xc3\xa9\"},{\"\\u0078\":8},{\"x\":"
                                      "9,},{},{\"x\":10,\"x\":11},{\"at\":{\"x\":12}}");
    check(OTHERS, "6:{ 7:1 6:} 6:{ 7:2 6:} 6:{ 7:3 6:} 6:{ 7:4 6:} 6:{ 7:'5 6:} 6:{ 7:null 6:} 6:{ "
                  "7:{ 7:} 6:} "
                  "6:{ 7:[ 7:] 6:} 6:{ 7:'\n 6:} 6:{ 7:'\xc3\xa9 6:} 6:{ 7:8 6:} 6:{ 7:9 6:} 6:{ "
                  "6:} 6:{ 7:10 7:11 6:} "
                  "6:{ 7:12 6:} ");
    assert_int_equal(found_in(OTHERS), 0);
    check(ROWS("{\"x\":1},{\"x\":01x}"),
          "6:{ 7:1 6:} 6:{ !byte 29: '0' where a value was expected");
    check(ROWS("{\"x\":1},{\"x\":2]"),
          "6:{ 7:1 6:} 6:{ 7:2 !byte 30: ']' where ',' or '}' was expected");
}

#define SETS(sets) "{\"a\": {\"sets\": [" sets "]}}                                  "

static void test_known_texts(void **state)
{
    (void)state;
    static const char ALIKE[] = SETS("[1,2],[1,2], [1,2 ],[1,2],{\"name\":1},{\"name\":1}");
    check(
        ALIKE,
        "8:[ 9:1 9:2 8:] 8:[ 9:1 9:2 8:] 8:[ 9:1 9:2 8:] 8:[ 9:1 9:2 8:] 8:{ 9:1 8:} 8:{ 9:1 8:} ");
    assert_int_equal(found_in(ALIKE), 3);
    // What is passed over is closed: what lies as deep elsewhere is not taken for it.
    static const char BEHIND[] = "{\"a\":{\"sets\":[[1],[1]],\"other\":[[2]],\"grid\":[[3]]}}";
    check(BEHIND, "8:[ 9:1 8:] 8:[ 9:1 8:] 2:3 ");
    assert_int_equal(found_in(BEHIND), 1);
    // Where the first bracket is not the one that closes, nothing is remembered.
    static const char OTHERS[] =
        SETS("[[1],2],[[1],2],{\"name\":\"}\"},{\"name\":\"}\"},[\"]\"],[\"]\"]");
    check(OTHERS, "8:[ 9:[ 9:] 9:2 8:] 8:[ 9:[ 9:] 9:2 8:] 8:{ 9:'} 8:} 8:{ 9:'} 8:} 8:[ 9:'] 8:] "
                  "8:[ 9:'] 8:] ");
    assert_int_equal(found_in(OTHERS), 0);
    check(SETS("[1],[1 2]"), "8:[ 9:1 8:] 8:[ 9:1 !byte 23: '2' where ',' or ']' was expected");
}

static const char *pick(const char *const *texts, size_t count)
{
    return texts[(size_t)rand() % count];
}
static void put_value(struct bytes *out)
{
    static const char *const VALUES[] = {
        "1",        "-7",          "12.5",
        "12345678", "123456789",   "1234567890123456",
        "\"\"",     "\"O\"",       "\"a longer text, of more than sixteen\"",
        "1e5",
        "null", // from here on no shape has it
        "true",     "\"\\u0041\"", "\"\xc3\xa9\"",
        "[1]",      "{\"x\":2}",
        "-", // nor has JSON
        "1x"};
    int which = rand() % 1000;
    size_t usual = which > 20 ? 10 : which ? 16 : 18;
    bytes_append_text(out, pick(VALUES, usual));
}

static void put_members(struct bytes *out)
{
    static const char *const KEYS[] = {"x", "name", "at", "other",
                                       "a key that is longer than any word is"};
    static const char *const SPACES[] = {"", "", "", "", "", " ", "\n"};
    static unsigned shape; // changes now and then
    shape = rand() % 4 ? shape : (unsigned)rand();
    for (unsigned i = 0, bits = shape; i < shape % 14; i++, bits = bits * 1103515245u + 12345u) {
        bytes_printf(out, "%s%s\"%s\"%s:", i ? "," : "", SPACES[bits / 16 % 7],
                     KEYS[bits / 128 % 5], SPACES[bits / 1024 % 7]);
        put_value(out);
    }
}

// Documents of what may come together, some of them damaged.
static void put_document(struct bytes *out)
{
    static const char *const COMMAS[] = {",", ",", ",", ", ", ",\n", " "};
    bytes_append_text(out, "{\"a\":{\"rows\":[");
    for (int i = 0; i < 30; i++) {
        bytes_printf(out, "%s{", i ? pick(COMMAS, rand() % 300 ? 5 : 6) : "");
        put_members(out);
        bytes_append_text(out, "}");
    }
    bytes_append_text(out, "],\"sets\":[");
    for (int i = 0; i < 30; i++)
        bytes_printf(out, "%s[%d,%d%s]", i ? "," : "", rand() % 3, rand() % 3,
                     rand() % 5 ? "" : ",[0]");
    bytes_append_text(out, "],\"runs\":[");
    for (int i = rand() % 2 ? 200 : 600; i; i--) {
        bytes_printf(out, "%d%s", rand() >> (rand() % 31), i > 1 ? "," : "");
        if (rand() % 100 == 0)
            put_value(out);
    }
    bytes_append_text(out, "]}}");
    for (int flips = rand() % 2; flips; flips--)
        out->data[(size_t)rand() % out->len] = "{}[],:\"0 x\\"[rand() % 11];
}

// Whatever comes together, or is passed over, gives what it gives byte by byte.
static void test_together_and_one_by_one(void **state)
{
    (void)state;
    unsigned found = 0;
    srand(3);
    for (int round = 0; round < 1500; round++) {
        struct bytes text = {0}, whole = {0}, one = {0}, some = {0};
        put_document(&text);
        found += read_text(&whole, text.data, text.len, text.len);
        read_text(&some, text.data, text.len, 200 + (size_t)rand() % 1000);
        assert_int_equal(read_text(&one, text.data, text.len, 1), 0);
        if (strcmp(bytes_text(&whole), bytes_text(&one)) ||
            strcmp(bytes_text(&some), bytes_text(&one)))
            fail_msg("%s\ngives %s\nor %s\nnot %s", text.data, bytes_text(&whole),
                     bytes_text(&some), bytes_text(&one));
        bytes_dispose(&text);
        bytes_dispose(&whole);
        bytes_dispose(&one);
        bytes_dispose(&some);
    }
    assert_true(found > 1500 * 10);
}

static void test_surrogates(void **state)
{
    (void)state;
    check("[{\"name\": \"\\ud83d\\n\\ude00\"}]", "1:'\xef\xbf\xbd\n\xef\xbf\xbd ");
    check("[{\"name\": \"\\ud83d\\ud83d\\ude00\"}]", "1:'\xef\xbf\xbd\xf0\x9f\x98\x80 ");
    check("[{\"name\": \"x\\uD83D\"}]", "1:'x\xef\xbf\xbd ");
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    static char text[2000000];
    memset(text, '[', sizeof text);
    struct bytes got = {0};
    read_text(&got, text, sizeof text, sizeof text);
    assert_string_equal(bytes_text(&got), "!byte 512: nested deeper than 512");
    bytes_dispose(&got);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t integer;
        double real;
    } CASES[] = {
        {"0", 0, 0},
        {"-17", -17, -17},
        {"123456789012345678", 123456789012345678, 123456789012345678.0},
        {"1.9", 1, 1.9},
        {"-1e3", -1000, -1000},
        {"1e30", INT64_MAX, 1e30},
        {"-1e30", INT64_MIN, -1e30},
        {"9223372036854775807", INT64_MAX, 9223372036854775807.0},
        {"25253326720.125", 25253326720, 25253326720.125},
        {"-0.1", 0, -0.1},
        {"0.3", 0, 0.3},
        {"123456789.123456", 123456789, 123456789.123456},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct json_value value = {
            .kind = JSON_NUMBER, .text = CASES[i].text, .len = strlen(CASES[i].text)};
        assert_true(json_value_int(&value) == CASES[i].integer);
        assert_true(json_value_double(&value) == CASES[i].real);
    }
    struct json_value yes = {.kind = JSON_TRUE, .text = ""};
    assert_true(json_value_int(&yes) == 0 && json_value_double(&yes) == 0);
}

static void test_quoting(void **state)
{
    (void)state;
    struct bytes out = {0};
    json_quote(&out, "a\"\\\n\x01\xc3\xa9\xff", 8);
    assert_string_equal(bytes_text(&out), "\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\xef\xbf\xbd\"");
    bytes_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_lenient_where_profiles_are),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_numbers_are_checked),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_known_texts),
        cmocka_unit_test(test_together_and_one_by_one),
        cmocka_unit_test(test_surrogates),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
