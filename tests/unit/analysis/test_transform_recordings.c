// Transforms on what perf recorded of real programs: the names that each language's tools write, as
// a session shows them when it has detected what they need. fixtures/README.md says how each was
// made.
#include "analysis/buffer.h"
#include "analysis/transform.h"
#include "proto/output.h"
#include "tests/collect.h"
#include "tests/test.h"

extern const struct format format_perf_script;

static struct buffer *load(const char *name)
{
    char *path = xasprintf("%s/fixtures/%s", FLICKER_TESTS, name);
    size_t len;
    char *text = collect_file(path, &len);
    struct buffer *buffer = buffer_new(1 << 26, 0);
    struct sink *sink;
    buffer_source_add(buffer, name, &sink);
    struct decoder *decoder = format_perf_script.decoder_new(sink, NULL);
    struct err err = {0};
    assert_int_equal(decoder->ops->push(decoder, text, len, &err), 0);
    assert_int_equal(decoder->ops->finish(decoder, &err), 0);
    assert_int_equal(decoder->report.skipped, 0);
    decoder_free(decoder);
    free(text);
    free(path);
    return buffer;
}

// The fold of a recording as text, with these words switched; *applied: the rows, by name.
static void show(struct bytes *out, struct bytes *applied, const char *name, const char *words)
{
    struct buffer *buffer = load(name);
    struct transforms transforms = {0};
    struct query query = {.idle = true, .source = QUERY_ANY_SOURCE};
    struct fold fold;
    struct err err = {0};
    struct output_bytes output;
    uint64_t rows = 0, samples;
    output_bytes_init(&output, out);
    assert_int_equal(transforms_list(&transforms, words, &err), 0);
    if (store_fold(buffer_store(buffer), &query, &fold, &err))
        fail_msg("%s", err.message);
    samples = fold.totals.samples;
    assert_int_equal(transforms_apply(&transforms, &fold, NULL, &rows, &err), 0);
    assert_int_equal(fold.totals.samples, samples);
    assert_int_equal(fold_write_text(&fold, &output.base, &err), 0);
    for (size_t i = 0; i < TRANSFORM_COUNT; i++) {
        if (rows >> i & 1)
            bytes_printf(applied, "%s%s", applied->len ? "," : "", transform_table[i]->name);
    }
    fold_dispose(&fold);
    transforms_dispose(&transforms);
    buffer_free(buffer);
}

// Each of these is in the text, up to an empty one.
static void has_all(const char *text, const char *const *stacks)
{
    for (; *stacks; stacks++) {
        if (!strstr(text, *stacks))
            fail_msg("'%s' is not in\n%s", *stacks, text);
    }
}

static void check(const char *name, const char *words, const char *row, const char *const *stacks,
                  const char *const *gone)
{
    struct bytes text = {0}, rows = {0};
    show(&text, &rows, name, words);
    has_all(bytes_text(&text), stacks);
    for (; *gone; gone++) {
        if (strstr(bytes_text(&text), *gone))
            fail_msg("'%s' is in\n%s", *gone, bytes_text(&text));
    }
    if (row)
        assert_non_null(strstr(bytes_text(&rows), row));
    bytes_dispose(&text);
    bytes_dispose(&rows);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_go(void **state)
{
    (void)state;
    check("perf-go.txt", "none", NULL,
          LIST("example.com/counter/queue%2ev2.(*Queue).Push", "main.Sum[go.shape.uint64_0]",
               "main.(*Counter).Add-fm;main.(*Counter).Add", "runtime.goexit.abi0"),
          LIST("[...]"));
    check("perf-go.txt", "auto", "go",
          LIST("counter;runtime.goexit;main.main.func1;example.com/counter/queue.v2.(*Queue).Push ",
               "counter;runtime.goexit;main.main.func1;main.Sum[...] ",
               "counter;runtime.goexit;runtime.main;main.main;main.(*Counter).Add;main.(*Counter)."
               "Add "),
          LIST("%2e", "go.shape", "-fm", ".abi0"));
}

static void test_rust_in_both_manglings(void **state)
{
    (void)state;
    check("perf-rust.txt", "none", NULL,
          LIST("_ZN8workload5apply17h", "_RINvCs", "_ZN8workload5index14Words$LT$T$GT$5total17h"),
          LIST("workload::"));
    check("perf-rust.txt", "auto", "demangle",
          LIST(";workload::main;workload::apply ",
               ";workload::main;<workload::index::Words<u32> "
               "as workload::Work>::run;workload::index::Words<T>::total ",
               ";workload::main;workload::apply::<workload::main::{closure#0}> ",
               "as workload::Work>::run;<workload::index::Words<u32>>::total "),
          LIST("_ZN", "_R", "$LT$", "17h"));
}

static void test_templates_of_cplusplus(void **state)
{
    (void)state;
    check("perf-cplusplus.txt", "auto", "demangle",
          LIST(";(anonymous namespace)::repeat<main::{lambda(int)#1}>(int, main::{lambda(int)#1} "
               "const&);shop::Index<std::__cxx11::basic_string<char, std::char_traits<char>, "
               "std::allocator<char> >, double>::add(std::vector<"),
          LIST("_ZN"));
    check("perf-cplusplus.txt", "auto,shorten", "shorten",
          LIST(";main;(anonymous namespace)::repeat<...>(...);shop::Index<...>::add(...) ",
               "std::__introsort_loop<...>(...)"),
          LIST("char_traits", "lambda"));
}

static void test_trampolines_of_python(void **state)
{
    (void)state;
    check("perf-python.txt", "none", NULL,
          LIST("PyEval_EvalCode;py::<module>:/src/workload.py;_PyEval_EvalFrameDefault;"
               "PyObject_Vectorcall;py::main:/src/workload.py;_PyEval_EvalFrameDefault;",
               "py::Index.add:/src/workload.py", "gen_iternext;gen_send_ex2;py::squares:"),
          LIST("<module>;"));
    check("perf-python.txt", "auto", "python",
          LIST(";run_eval_code_obj;<module>;main;Index.add", ";main;fib;fib;fib",
               ";main;builtin_sum;", ";squares"),
          LIST("py::", "_PyEval_EvalFrame", "gen_send_ex", "Vectorcall;"));
}

// Without frame pointers perf follows the unwind tables, which end at the first trampoline.
static void test_trampolines_of_python_3_12(void **state)
{
    (void)state;
    check("perf-python312.txt", "none", NULL,
          LIST("python3.12;py::Index.add:/src/workload.py;_PyEval_EvalFrameDefault;dict_get;",
               "py::main.<locals>.<genexpr>:/src/workload.py;_PyEval_EvalFrameDefault ",
               "gen_send_ex2;_PyEval_EvalFrame;py_trampoline_evaluator "),
          LIST(";fib "));
    check("perf-python312.txt", "auto", "python",
          LIST("python3.12;Index.add;dict_get;", "python3.12;Index.ranked;builtin_sorted;",
               "python3.12;main.<locals>.<genexpr> ", "python3.12;fib ", "python3.12;squares ",
               "python3.12;main;builtin_sum;"),
          LIST("py::", "_PyEval_EvalFrame", "gen_send_ex", "Vectorcall;", "trampoline"));
}

// gcc made copies and parts of the kernel's functions, and of a program's.
static void test_decorations_of_the_kernel(void **state)
{
    (void)state;
    check("perf-kernel.txt", "none", NULL,
          LIST(";vfs_fstatat;getname_flags.part.0;", ";__slab_alloc.isra.0;___slab_alloc",
               ";update_iter;kallsyms_expand_symbol.constprop.0 ",
               ";schedule;__schedule;finish_"
               "task_switch.isra.0 ",
               "cold;__libc_start_call_main;main;digest.cold "),
          LIST(";getname_flags;"));
    check("perf-kernel.txt", "auto", "clones",
          LIST(";entry_SYSCALL_64_after_hwframe;do_syscall_64;__do_sys_newfstatat;vfs_fstatat;"
               "getname_flags;",
               ";__slab_alloc;___slab_alloc", ";update_iter;kallsyms_expand_symbol ",
               ";schedule;__schedule;finish_task_switch ", ";do_syscall_64;__x64_sys_getdents64;",
               "cold;__libc_start_call_main;main;digest "),
          LIST(".isra", ".part", ".constprop", ".cold"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go),
        cmocka_unit_test(test_rust_in_both_manglings),
        cmocka_unit_test(test_templates_of_cplusplus),
        cmocka_unit_test(test_trampolines_of_python),
        cmocka_unit_test(test_trampolines_of_python_3_12),
        cmocka_unit_test(test_decorations_of_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
