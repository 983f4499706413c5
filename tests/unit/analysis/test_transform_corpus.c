// Node.js transforms against the trees that nflxprofile makes of a profile of its own.
//
// $FLICKER_CORPUS/nflxprofile/nodejs1.json holds the functions' raw names (realName), too: a fold
// of those must become both trees. Skipped without the corpus, unless FLICKER_REQUIRE_CORPUS=1.
#include "analysis/transform.h"
#include "tests/unit/analysis/folds.h"

#include <ctype.h>
#include <stdio.h>

// Just enough JSON: walks a value, calling back for strings and numbers of objects.
struct json {
    const char *at;
};

static void json_space(struct json *json)
{
    while (isspace((unsigned char)*json->at))
        json->at++;
}

static void json_expect(struct json *json, char c)
{
    json_space(json);
    if (*json->at != c)
        fail_msg("expected '%c' at: %.40s", c, json->at);
    json->at++;
}

static bool json_next(struct json *json, char close)
{
    json_space(json);
    if (*json->at == ',')
        json->at++;
    json_space(json);
    if (*json->at != close)
        return true;
    json->at++;
    return false;
}

static void json_string(struct json *json, char *out, size_t out_bytes)
{
    json_expect(json, '"');
    size_t len = 0;
    for (; *json->at != '"'; json->at++) {
        assert_true(*json->at && *json->at != '\\' && len + 1 < out_bytes);
        out[len++] = *json->at;
    }
    out[len] = '\0';
    json->at++;
}

// One node of a tree.
struct tree_node {
    char name[256], libtype[256], real_name[256];
    uint64_t value;
    const char *children; // where their array begins
};

static void json_word(struct json *json, char *out, size_t out_bytes)
{
    json_space(json);
    if (*json->at == '"') {
        json_string(json, out, out_bytes);
        return;
    }
    size_t len = strspn(json->at, "-+.0123456789abcdefghijklmnopqrstuvwxyz");
    assert_true(len && len < out_bytes);
    memcpy(out, json->at, len);
    out[len] = '\0';
    json->at += len;
}

static void skip_array(struct json *json)
{
    size_t depth = 0;
    bool quoted = false;
    do {
        assert_true(*json->at);
        quoted ^= *json->at == '"';
        depth += !quoted && *json->at == '[';
        depth -= !quoted && *json->at == ']';
        json->at++;
    } while (depth);
}

static void read_node(struct json *json, struct tree_node *out)
{
    json_expect(json, '{');
    while (json_next(json, '}')) {
        char key[64], word[256];
        json_string(json, key, sizeof key);
        json_expect(json, ':');
        json_space(json);
        if (!strcmp(key, "children")) {
            out->children = json->at;
            skip_array(json);
        } else if (*json->at == '{') { // extras: of this object's keys only realName matters
            read_node(json, out);
        } else {
            json_word(json, word, sizeof word);
            if (!strcmp(key, "value"))
                out->value = strtoull(word, NULL, 10);
            else if (!strcmp(key, "name"))
                strcpy(out->name, word);
            else if (!strcmp(key, "libtype"))
                strcpy(out->libtype, word);
            else if (!strcmp(key, "realName"))
                strcpy(out->real_name, word);
        }
    }
}

static void grow(struct fold_edit *edit, struct dict *dict, uint32_t parent, const char *children,
                 bool real_names)
{
    struct json json = {children};
    json_expect(&json, '[');
    while (json_next(&json, ']')) {
        struct tree_node node = {0};
        read_node(&json, &node);
        bool real = real_names && node.real_name[0];
        struct frame frame = {
            .name = dict_string_z(dict, real ? node.real_name : node.name),
            .kind = !parent                           ? FRAME_COMM
                    : !strcmp(node.libtype, "kernel") ? FRAME_KERNEL
                    : !strcmp(node.libtype, "jit")    ? FRAME_JIT
                                                      : FRAME_USER,
        };
        uint32_t id = fold_edit_child(edit, parent, dict_frame(dict, &frame));
        fold_edit_add(edit, id, &(struct fold_node){.self_samples = node.value});
        grow(edit, dict, id, node.children, real_names);
    }
}

// Reads a tree. `comm` stands above all of it where the tree has no such level.
static struct fold read_tree(struct dict *dict, const char *text, bool real_names, const char *comm)
{
    struct fold fold = {.dict = dict, .totals.event = UINT32_MAX};
    struct fold_edit edit;
    fold_edit_init(&edit, &fold);
    struct json json = {text};
    struct tree_node root = {0};
    read_node(&json, &root);
    uint32_t parent =
        comm ? fold_edit_child(&edit, 0, folds_frame(dict, comm, strlen(comm), true)) : 0;
    grow(&edit, dict, parent, root.children, real_names);
    fold_edit_commit(&edit);
    return fold;
}

static char *read_corpus(const char *name)
{
    const char *corpus = getenv("FLICKER_CORPUS"), *require = getenv("FLICKER_REQUIRE_CORPUS");
    struct bytes path = {0}, text = {0};
    bytes_printf(&path, "%s/nflxprofile/%s", corpus ? corpus : "", name);
    FILE *file = corpus ? fopen(path.data, "r") : NULL;
    if (!file) {
        if (require && !strcmp(require, "1"))
            fail_msg("%s: not there, and FLICKER_REQUIRE_CORPUS=1", path.data);
        print_message("skipped: no %s (FLICKER_CORPUS is not set to the corpus)\n", path.data);
        bytes_dispose(&path);
        skip();
    }
    char chunk[4096];
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;)
        bytes_append(&text, chunk, len);
    fclose(file);
    bytes_dispose(&path);
    return text.data;
}

static void assert_tree(const struct transform *transform, const char *expected_name,
                        const char *expected_comm)
{
    char *given_text = read_corpus("nodejs1.json"), *expected_text = read_corpus(expected_name);
    struct dict dict;
    dict_init(&dict);
    struct fold fold = read_tree(&dict, given_text, true, NULL);
    struct fold expected = read_tree(&dict, expected_text, false, expected_comm);
    assert_int_equal(fold.totals.samples, 6);
    assert_int_equal(transform_apply(transform, &fold, NULL, NULL), 0);
    struct bytes text = {0};
    struct output_bytes output;
    output_bytes_init(&output, &text);
    assert_int_equal(fold_write_text(&expected, &output.base, NULL), 0);
    folds_assert(&fold, bytes_text(&text));
    assert_int_equal(fold.count, expected.count);
    bytes_dispose(&text);
    fold_dispose(&fold);
    fold_dispose(&expected);
    dict_dispose(&dict);
    free(given_text);
    free(expected_text);
}

static void test_functions_are_those_of_nflxprofile(void **state)
{
    (void)state;
    assert_tree(&transform_node, "nodejs1.json", NULL);
}

static void test_packages_are_those_of_nflxprofile(void **state)
{
    (void)state;
    assert_tree(&transform_node_packages, "nodejs1-package.json", "node");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_those_of_nflxprofile),
        cmocka_unit_test(test_packages_are_those_of_nflxprofile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
