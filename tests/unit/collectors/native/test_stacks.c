// From addresses to nodes: of this very program, which is its own reader of source lines, too.
#include "collectors/inline_worker.h"
#include "collectors/native/stacks.h"
#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(60000000000)

static volatile uintptr_t where; // an address inside of what is inlined
static inline __attribute__((always_inline)) void innermost(void)
{
    uintptr_t here;
#if defined(__x86_64__)
    __asm__ volatile("1: leaq 1b(%%rip), %0" : "=r"(here));
#else
    __asm__ volatile("adr %0, ." : "=r"(here));
#endif
    where = here;
}

__attribute__((noinline)) void outermost(void);
void outermost(void)
{
    innermost();
}

__attribute__((noinline)) void plain(void);
void plain(void)
{
    where += 0;
}

struct fixture {
    struct dict dict;
    struct launcher *launcher;
    struct symbols *symbols;
    struct kernel_symbols kernel; // knows no name
    struct stacks *stacks;
    uint32_t below;
};

static void set_up(struct fixture *fixture, struct inlines *inlines)
{
    *fixture = (struct fixture){.launcher = launcher_local(), .kernel = {.fd = -1}};
    dict_init(&fixture->dict);
    fixture->symbols = symbols_new(fixture->launcher);
    symbols_set_inlines(fixture->symbols, inlines);
    fixture->stacks = stacks_new(&fixture->dict, fixture->symbols, &fixture->kernel);
    fixture->below = dict_comm_node(&fixture->dict, dict_string_z(&fixture->dict, "test"));
}

static void tear_down(struct fixture *fixture)
{
    stacks_free(fixture->stacks);
    symbols_free(fixture->symbols);
    launcher_free(fixture->launcher);
    kernel_symbols_dispose(&fixture->kernel);
    dict_dispose(&fixture->dict);
}

static uint32_t node_of(struct fixture *fixture, unsigned short kernel, unsigned short user,
                        const uint64_t *frames)
{
    const struct native_event event = {
        .pid = (unsigned)getpid(), .kernel_frames = kernel, .user_frames = user};
    return stacks_node(fixture->stacks, &event, frames, fixture->below);
}

// The names from a node up to below it, the leaf first: "a;b;".
static void assert_names(const struct fixture *fixture, uint32_t node, const char *wanted)
{
    char found[256] = "";
    const struct dict *dict = &fixture->dict;
    for (; node != fixture->below; node = dict->nodes[node].parent) {
        strncat(found, dict_text(dict, dict->frames[dict->nodes[node].frame].name), 60);
        strcat(found, ";");
    }
    assert_string_equal(found, wanted);
}

static void a_call_is_before_where_it_returns_to(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, NULL);
    const uint64_t start = (uintptr_t)outermost;
    const uint64_t exact[] = {start}, caller[] = {start, start}, after[] = {start, start + 1};
    for (int i = 0; i < 2; i++) { // by what is remembered, too
        uint32_t node = node_of(&fixture, 0, 1, exact);
        assert_names(&fixture, node, "outermost;");
        uint32_t parent = fixture.dict.nodes[node_of(&fixture, 0, 2, caller)].parent;
        assert_int_not_equal(parent, node); // what lies before it called
        assert_names(&fixture, node_of(&fixture, 0, 2, after), "outermost;outermost;");
        assert_int_equal(fixture.dict.nodes[node_of(&fixture, 0, 2, after)].parent, node);
    }
    tear_down(&fixture);
}

static void an_address_is_of_the_kernel_or_of_the_user(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, NULL);
    const uint64_t start = (uintptr_t)outermost;
    const uint64_t called[] = {start, start + 1}, same[] = {start, start}; // as they are looked up
    for (int i = 0; i < 2; i++) {
        assert_names(&fixture, node_of(&fixture, 0, 2, called), "outermost;outermost;");
        assert_names(&fixture, node_of(&fixture, 2, 0, same), ";;");
        assert_names(&fixture, node_of(&fixture, 1, 1, same), ";outermost;");
    }
    tear_down(&fixture);
}

static void what_is_not_known_yet_is_not_remembered(void **state)
{
    (void)state;
    struct fixture fixture;
    struct inlines *inlines = inlines_new(INLINES_HANG_NS);
    set_up(&fixture, inlines);
    const uint64_t frames[] = {(uintptr_t)plain, where + 1, (uintptr_t)plain + 1};
    inlines_be_patient(inlines, 0);
    node_of(&fixture, 0, 3, frames);
    assert_true(stacks_waited(fixture.stacks));
    assert_false(stacks_waited(fixture.stacks));
    inlines_be_patient(inlines, PATIENCE_NS);
    uint32_t node = 0;
    for (int i = 0; i < 2; i++) {
        node = node_of(&fixture, 0, 3, frames);
        assert_names(&fixture, node, "plain;innermost;outermost;plain;");
        assert_false(stacks_waited(fixture.stacks));
    }
    // A stack that begins as this one goes on from the whole chain.
    const uint64_t other[] = {(uintptr_t)plain + 1, where + 1, (uintptr_t)plain + 1};
    uint32_t sibling = node_of(&fixture, 0, 3, other);
    assert_int_equal(fixture.dict.nodes[sibling].parent, fixture.dict.nodes[node].parent);
    tear_down(&fixture);
    inlines_free(inlines);
}

int main(int argc, char **argv)
{
    if (inline_worker_is_asked(argc, argv))
        inline_worker_serve();
    outermost();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_before_where_it_returns_to),
        cmocka_unit_test(an_address_is_of_the_kernel_or_of_the_user),
        cmocka_unit_test(what_is_not_known_yet_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
