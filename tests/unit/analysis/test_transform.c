// Transforms: the table, each row on small folds, and what a session switches.
#include "analysis/transform.h"
#include "tests/unit/analysis/folds.h"

#include <errno.h>

// Applies one row by name to a fold in text.
static void assert_becomes(const char *name, const char *argument, const char *before,
                           const char *after)
{
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, before);
    struct err err = {0};
    uint64_t value_before = fold.totals.value, samples_before = fold.totals.samples;
    assert_int_equal(transform_apply(transform_by_name(name), &fold, argument, &err), 0);
    folds_assert(&fold, after);
    assert_int_equal(fold.totals.value * samples_before, fold.totals.samples * value_before);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static bool detects(const char *name, const char *text)
{
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, text);
    const struct transform *transform = transform_by_name(name);
    bool found = false;
    for (size_t i = 1; i < fold.count; i++)
        found |= transform->detect(&dict, &dict.frames[fold.nodes[i].frame]);
    fold_dispose(&fold);
    dict_dispose(&dict);
    return found;
}

static void test_every_row_is_complete(void **state)
{
    (void)state;
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        const struct transform *transform = transform_table[row];
        assert_non_null(transform->name);
        assert_non_null(transform->summary);
        assert_int_equal(!!transform->apply, !transform->rewrite && !transform->join);
        assert_false(transform->detect && transform->argument);
        assert_ptr_equal(transform_by_name(transform->name), transform);
        assert_null(strchr(transform->name, '_'));
    }
    assert_null(transform_table[TRANSFORM_COUNT]);
    assert_null(transform_by_name("jav"));
    assert_null(transform_by_name(""));
}

// Every row leaves an empty fold, a fold without frames and any other a valid fold.
static void test_every_row_keeps_what_a_fold_promises(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "demo 3\n",
        ("demo;main;_ZN1aD1Ev;?;?;f.isra.0;f 2\ndemo;main 1\nsh;Lx/Y;::m->Lx/Z;::n_[j] 4\n"
         "node;JS:*a /x/node_modules/@s/p/i.js:1:2_[j];Builtin:X_[j] 5\npy;py::f:/a.py_[j] 1\n"),
    };
    static const char *const arguments[] = {"module", "package", "file", "comm", ".", "m|a", "zzz"};
    for (size_t row = 0; row < TRANSFORM_COUNT; row++) {
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            for (size_t a = 0; a < sizeof arguments / sizeof *arguments; a++) {
                struct dict dict;
                dict_init(&dict);
                struct fold fold = folds_read(&dict, texts[t]);
                struct err err = {0};
                int rc = transform_apply(transform_table[row], &fold, arguments[a], &err);
                assert_true(rc == 0 || rc == -EINVAL);
                assert_int_equal(rc < 0, err.message[0] != '\0');
                folds_check(&fold);
                fold_dispose(&fold);
                dict_dispose(&dict);
            }
        }
    }
}

static void test_demangle(void **state)
{
    (void)state;
    assert_becomes("demangle", NULL, "demo;main;_ZN1a1bEi 2\n_Zdemo;_RNvCskwGfYPst2Cb_3foo3bar 1\n",
                   "_Zdemo;foo::bar 1\ndemo;main;a::b(int) 2\n");
    assert_true(detects("demangle", "demo;_ZN1a1bEi 2\n"));
    assert_false(detects("demangle", "demo;main;Zoo 2\n"));
}

static void test_names_that_become_one_are_one_node(void **state)
{
    (void)state;
    assert_becomes("demangle", NULL, "demo;_ZN1a1bEi;x 2\ndemo;_ZN1a1bEi.cold;x 3\n",
                   "demo;a::b(int);x 5\n");
    assert_becomes("clones", NULL, "demo;f.isra.0.part.3;g.cold 2\ndemo;f;g.abi0 1\n",
                   "demo;f;g 3\n");
}

static void test_clones_leaves_other_names(void **state)
{
    (void)state;
    assert_becomes("clones", NULL, "demo;.cold 1\ndemo;a.b.1 1\ndemo;main.f 1\ndemo;v1.0 1\n",
                   "demo;.cold 1\ndemo;a.b.1 1\ndemo;main.f 1\ndemo;v1.0 1\n");
    assert_false(detects("clones", "demo;main.func1;a.1;is.isra_;cold 1\n"));
    assert_true(detects("clones", "demo;tcp_ack.constprop.0_[k] 1\n"));
}

static void test_shorten(void **state)
{
    (void)state;
    assert_becomes("shorten", NULL, "demo;f<int>(int) 1\ndemo;f<char>(char) 1\nd;(native)_[j] 1\n",
                   "d;(native) 1\ndemo;f<...>(...) 2\n");
}

static void test_java(void **state)
{
    (void)state;
    assert_becomes("java", NULL,
                   "java;start_thread;Interpreter;Interpreter;Lcom/x/Y;::m_[j];read_[k] 2\n"
                   "java;start_thread;Interpreter 3\n"
                   "java;java/io/PrintStream:::print 4\njava;LBusy:::main 5\n",
                   "java;Busy::main 5\njava;java.io.PrintStream::print 4\njava;start_thread 3\n"
                   "java;start_thread;com.x.Y::m;read 2\n");
    assert_true(detects("java", "java;Lcom/x/Y;::m 1\n"));
    assert_false(detects("java", "a;std::f;node::Start;net/http.serve;<a::b>::c;x::y::z;::w 1\n"));
}

static void test_java_inlining_is_split(void **state)
{
    (void)state;
    assert_becomes("java", NULL, "java;Lx/A;::a->Lx/B;::b->Lx/C;::c_[j];f 1\njava;Lx/A;::a_[j] 1\n",
                   "java;x.A::a 1\njava;x.A::a;x.B::b;x.C::c;f 1\n");
}

static void test_java_generated_classes_are_one(void **state)
{
    (void)state;
    assert_becomes("java", NULL,
                   "j;Lx/Y$$Lambda$14/0x0000000800c03000;::run_[j] 1\n"
                   "j;Lx/Y$$Lambda$9/0x0000000800c04000;::run_[j] 1\n"
                   "j;Lx/Y$$Lambda+0x0000000800c04000;::run_[j] 1\n"
                   "j;Lcom/sun/proxy/$Proxy12;::get_[j] 1\n"
                   "j;Lcom/sun/proxy/$Proxy7;::get_[j] 1\n"
                   "j;Ljava/lang/invoke/LambdaForm$MH/0x00000008;::invoke_[j] 1\n"
                   "j;Lsun/reflect/GeneratedMethodAccessor3;::invoke(I)V_[j] 1\n"
                   "j;Lx/Y$1;::run_[j] 1\nj;Lx/Y2;::run_[j] 1\n",
                   "j;com.sun.proxy.$Proxy::get 2\nj;java.lang.invoke.LambdaForm$MH::invoke 1\n"
                   "j;sun.reflect.GeneratedMethodAccessor::invoke 1\nj;x.Y$$Lambda::run 3\n"
                   "j;x.Y$1::run 1\nj;x.Y2::run 1\n");
}

static void test_java_as_the_jvm_itself_writes_perf_maps(void **state)
{
    (void)state;
    assert_becomes("java", NULL,
                   "java;call_stub;Interpreter_[j];void com.x.Y.main(java.lang.String[])_[j];"
                   "int com.x.Y$$Lambda$7/0x00007fb824000c18.applyAsInt(int)_[j] 1\n"
                   "java;call_stub;java.lang.Object[] Busy.work(int, long[])_[j] 2\n",
                   "java;call_stub;Busy::work 2\n"
                   "java;call_stub;com.x.Y::main;com.x.Y$$Lambda::applyAsInt 1\n");
    assert_true(detects("java", "java;void Busy.<init>()_[j] 1\n"));
    // C++ has its types in front, too, and .NET its assemblies.
    assert_false(detects("java", "a;void f.g(int) 1\n"));
    assert_false(detects("java",
                         "a;void f(int)_[j];I2C/C2I adapters_[j];void [System] A::B(int)_[j];"
                         "JS:*f /x.js:1:1_[j] 1\n"));
}

static void test_go(void **state)
{
    (void)state;
    assert_becomes("go", NULL,
                   "a;main.main;gopkg.in/yaml%2ev2.(*T).M;main.Map[go.shape.int_0,go.shape.[]int_1]"
                   ".func1;main.T.M-fm 1\na;x%2ey 2\n",
                   "a;main.main;gopkg.in/yaml.v2.(*T).M;main.Map[...].func1;main.T.M 1\n"
                   "a;x%2ey 2\n");
    assert_true(detects("go", "a;gopkg.in/yaml%2ev2.U 1\n"));
    assert_false(detects("go", "a;main.main;operator%;a/b%;-fm;f[int] 1\n"));
    // Cut short, brackets and escapes end with the name.
    assert_becomes("go", NULL, "a;g/x%2e%2;f[go.shape.[int 1\n", "a;g/x.%2;f[...] 1\n");
}

static void test_node(void **state)
{
    (void)state;
    assert_becomes("node", NULL,
                   "node;node::Start;LazyCompile:*b /a.js:1_[j];read_[k] 1\n"
                   "node;node::Start;LazyCompile:~b /a.js:1_[j] 2\n"
                   "node;node::Start;JS:^b /a.js:9:1_[j] 4\n"
                   "node;Builtins_ArgumentsAdaptorTrampoline 8\n"
                   "node;Function:get size /a b.js:2_[j] 16\nnode;JS:+ node:fs:1:1_[j] 32\n"
                   "node;Eval:~_[j] 64\n",
                   "node 8\nnode;(anonymous) 96\nnode;get size 16\nnode;node::Start;b 6\n"
                   "node;node::Start;b;read 1\n");
    assert_true(detects("node", "node;JS:~f node:fs:1:1_[j] 1\n"));
    assert_false(detects("node", "node;node::Start;Builtin:X;RegExp:a 1\n"));
}

static void test_functions_of_one_name_in_two_places_are_two(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, "node;JS:*f /a.js:1:5_[j] 1\nnode;JS:~f /a.js:9:5_[j] 1\n"
                                         "node;JS:~f /a.js:1:5_[j] 1\n");
    assert_int_equal(transform_apply(&transform_node, &fold, NULL, NULL), 0);
    assert_int_equal(fold.count, 4);
    const struct frame *frame = &fold.dict->frames[fold.nodes[2].frame];
    assert_string_equal(dict_text(fold.dict, frame->name), "f");
    assert_string_equal(dict_text(fold.dict, frame->file), "/a.js");
    assert_string_equal(dict_text(fold.dict, frame->module), "/a.js:1:5");
    assert_int_equal(frame->line, 1);
    assert_int_equal(fold.nodes[2].self_samples, 2);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_node_tiers_keeps_optimised_code_apart(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold fold =
        folds_read(&dict, "node;JS:*f /a.js:1:5_[j] 1\nnode;JS:~f /a.js:1:5_[j] 2\n");
    assert_int_equal(transform_apply(&transform_node_tiers, &fold, NULL, NULL), 0);
    folds_check(&fold);
    assert_int_equal(fold.count, 4);
    assert_int_equal(fold.dict->frames[fold.nodes[2].frame].kind, FRAME_JIT);
    assert_int_equal(fold.dict->frames[fold.nodes[3].frame].kind, FRAME_INTERPRETED);
    assert_int_equal(fold.nodes[3].self_samples, 2);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_node_packages(void **state)
{
    (void)state;
    assert_becomes("node-packages", NULL,
                   "node;node::Start;JS:*main /app/i.js:1:1_[j];Builtin:CallFunction_[j];"
                   "Builtins_LoadIC;JS:*get /app/node_modules/@s/p/i.js:1:1_[j];"
                   "JS:~x /app/node_modules/a/node_modules/lodash/x.js:1:1_[j];read_[k] 1\n"
                   "node;tick_[k] 2\nnode;JS:~f node:fs:1:1_[j];JS:~g file:///app/x.mjs:1:1_[j] 3\n"
                   "node;JS:~h internal/fs.js:1_[j];JS:~h [eval]:1_[j] 4\n",
                   "node;(native);(app code);(native);@s/p;lodash;(kernel) 1\n"
                   "node;(native);(kernel) 2\nnode;(native);(node api);(app code) 7\n");
}

static void test_python(void **state)
{
    (void)state;
    assert_becomes("python", NULL,
                   "py;Py_RunMain;py::<module>:/a.py_[j];_PyEval_EvalFrameDefault;"
                   "py::C.f:/a.py_[j];_PyEval_EvalFrameDefault.cold;list_sort 2\n"
                   "py;Py_RunMain;py::<module>:/a.py_[j];_PyEval_EvalFrameDefault 1\n",
                   "py;Py_RunMain;<module> 1\npy;Py_RunMain;<module>;C.f;list_sort 2\n");
    assert_true(detects("python", "py;py::f:/a.py 1\n"));
    assert_false(detects("python", "py;_PyEval_EvalFrameDefault;pyx::f 1\n"));
}

static const char paths[] =
    "a;main;f;g;h 1\na;main;f;g 2\na;main;g;x 4\nb;idle 8\nb;main;g;f;g;y 16\n";

static void test_focus_and_ignore_are_each_others_rest(void **state)
{
    (void)state;
    assert_becomes("focus", "^f$", paths, "a;main;f;g 2\na;main;f;g;h 1\nb;main;g;f;g;y 16\n");
    assert_becomes("ignore", "^f$", paths, "a;main;g;x 4\nb;idle 8\n");
    assert_becomes("focus", "^[ab]$", paths, ""); // threads' names are no functions
    assert_becomes("ignore", "", paths, "");
}

static void test_from_begins_at_the_first_match(void **state)
{
    (void)state;
    assert_becomes("from", "^[fg]$", paths, "a;f;g 2\na;f;g;h 1\na;g;x 4\nb;g;f;g;y 16\n");
}

static void test_prune_ends_at_the_last_match(void **state)
{
    (void)state;
    assert_becomes("prune", "^g$", paths, "a;main;f;g 3\na;main;g 4\nb;idle 8\nb;main;g;f;g 16\n");
    assert_becomes("prune", "^main$", paths, "a;main 7\nb;idle 8\nb;main 16\n");
}

static void test_hide_leaves_weight_with_the_caller(void **state)
{
    (void)state;
    assert_becomes("hide", "^[gh]$", paths, "a;main;f 3\na;main;x 4\nb;idle 8\nb;main;f;y 16\n");
    assert_becomes("hide", ".", paths, "a 7\nb 24\n");
}

// As in pprof: where its focus, ignore, hide and show_from look.
static void test_patterns_look_at_files_and_modules(void **state)
{
    (void)state;
    const char *text =
        "a;main@@/bin/app;read@@/lib/libc.so;vfs_read@@[ext4]_[k] 1\na;main@@/bin/app 2\n";
    assert_becomes("focus", "libc", text, "a;main;read;vfs_read 1\n");
    assert_becomes("ignore", "ext4", text, "a;main 2\n");
    assert_becomes("hide", "^/bin/", text, "a 2\na;read;vfs_read 1\n");
    assert_becomes("from", "^/lib/", text, "a;read;vfs_read 1\n");
    assert_becomes("prune", "libc", text, "a;main 2\na;main;read;vfs_read 1\n");
}

static void test_what_is_left_out_is_not_counted(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, "a 5\na;? 3\na;f;? 2\na;f 1\n");
    fold.totals.no_stack = 5;
    fold.totals.unresolved = 5;
    assert_int_equal(transform_apply(&transform_focus, &fold, "f", NULL), 0);
    folds_assert(&fold, "a;f 1\na;f;[unknown] 2\n");
    assert_int_equal(fold.totals.samples, 3);
    assert_int_equal(fold.totals.no_stack, 0);
    assert_int_equal(fold.totals.unresolved, 2);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_bad_patterns_change_nothing(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, "a;f 5\na;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! 1\n");
    struct err err = {0};
    assert_int_equal(transform_apply(&transform_hide, &fold, "(", &err), -EINVAL);
    assert_non_null(strstr(err.message, "'('"));
    assert_int_equal(transform_apply(&transform_prune, &fold, "^(a+)+$", &err), -E2BIG);
    folds_assert(&fold, "a;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! 1\na;f 5\n");
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_unknown_and_recursion(void **state)
{
    (void)state;
    const char *text = "a;f;f;?;?;g;?@@/lib/x.so;?@@/lib/x.so;? 1\na;f;f;f 2\n";
    assert_becomes("unknown", NULL, text, "a;f;f;[unknown];g;[x.so];[unknown] 1\na;f;f;f 2\n");
    assert_becomes("recursion", NULL, text, "a;f 2\na;f;[unknown];g;[x.so];[unknown] 1\n");
}

static void test_invert_shows_callers(void **state)
{
    (void)state;
    assert_becomes("invert", NULL, "a;main;f;g 1\na;main;g 2\nb;main;g 4\na 8\n",
                   "a 8\ng;f;main;a 1\ng;main;a 2\ng;main;b 4\n");
}

static void test_group(void **state)
{
    (void)state;
    const char *text = "a;main@@/bin/app;f@@/bin/app;read@@/lib/libc.so.6;sys_read_[k] 1\n"
                       "a;main@@/bin/app;com.x.Y::m_[j];com.x.Z::n_[j] 2\n";
    assert_becomes("group", "module", text, "a;app;[jit] 2\na;app;libc.so.6;[kernel] 1\n");
    assert_becomes("group", "package", text, "a;app;com.x 2\na;app;libc.so.6;[kernel] 1\n");
}

static void test_group_by_packages_of_go(void **state)
{
    (void)state;
    assert_becomes("group", "package",
                   "a;main.main;github.com/x/y.(*T).M;github.com/x/y.f.func1;gopkg.in/z.v2.F;"
                   "runtime.mallocgc;foo.bar;std::x.y 1\n",
                   "a;main;github.com/x/y;gopkg.in/z.v2;runtime;[unknown] 1\n");
}

static void test_groups_of_who_ran_are_functions_to_top(void **state)
{
    (void)state;
    static const char *const names[] = {"comm", "pid", "tid", "cpu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dict dict;
        dict_init(&dict);
        struct fold fold = folds_read(&dict, "a-1;main;f 1\na-1;g 2\nb-2 4\n");
        assert_int_equal(transform_apply(&transform_group, &fold, names[i], NULL), 0);
        folds_assert(&fold, "a-1 3\nb-2 4\n");
        assert_int_equal(fold.dict->frames[fold.nodes[1].frame].kind, FRAME_USER);
        fold_dispose(&fold);
        dict_dispose(&dict);
    }
}

static void test_group_by_files_of_scripts(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    const char *text = "n;JS:*a /x/node_modules/@s/p/i.js:1:2_[j];JS:*b /x/node_modules/q/i.js:7:2_"
                       "[j] 1\nn;JS:*a /x/node_modules/@s/p/i.js:5:2_[j] 2\n";
    for (int by_package = 0; by_package < 2; by_package++) {
        struct fold fold = folds_read(&dict, text);
        assert_int_equal(transform_apply(&transform_node, &fold, NULL, NULL), 0);
        assert_int_equal(
            transform_apply(&transform_group, &fold, by_package ? "package" : "file", NULL), 0);
        folds_assert(&fold, by_package ? "n;@s/p 2\nn;@s/p;q 1\n"
                                       : "n;/x/node_modules/@s/p/i.js 2\n"
                                         "n;/x/node_modules/@s/p/i.js;/x/node_modules/q/i.js 1\n");
        fold_dispose(&fold);
    }
    dict_dispose(&dict);
}

static void assert_session(const struct transforms *transforms, const char *before,
                           const char *after, const char *applied_text)
{
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, before);
    struct err err = {0};
    uint64_t applied;
    assert_int_equal(transforms_apply(transforms, &fold, NULL, &applied, &err), 0);
    folds_assert(&fold, after);
    struct bytes text = {0};
    transforms_text(transforms, applied, &text);
    assert_string_equal(bytes_text(&text), applied_text);
    bytes_dispose(&text);
    fold_dispose(&fold);
    dict_dispose(&dict);
}

static void test_a_session_applies_what_it_detects(void **state)
{
    (void)state;
    struct transforms transforms = {0};
    assert_session(&transforms, "a;main;_Z1fv 1\n", "a;main;f() 1\n", "demangle");
    assert_session(&transforms, "a;main;f<int>() 1\n", "a;main;f<int>() 1\n", "");
    assert_session(&transforms, "a;JS:*_Z1fv /x.js:1:1_[j];Lx/Y;::m_[j] 1\n", "a;_Z1fv;x.Y::m 1\n",
                   "java, node");
    transforms_dispose(&transforms);
}

static void test_a_session_switches_rows(void **state)
{
    (void)state;
    struct transforms transforms = {0};
    struct err err = {0};
    assert_int_equal(transforms_list(&transforms, "none,shorten", &err), 0);
    assert_session(&transforms, "a;_Z1fv;g<int>() 1\n", "a;_Z1fv;g<...>() 1\n", "shorten");
    assert_int_equal(transforms_list(&transforms, "auto invert", &err), 0);
    assert_int_equal(transforms_argue(&transforms, "hide", "^m", &err), 0);
    assert_session(&transforms, "a;main;_Z1fv 1\n", "f();a 1\n", "demangle, hide=^m, invert");
    struct transforms copy;
    transforms_copy(&copy, &transforms);
    assert_int_equal(transforms_argue(&transforms, "hide", "", &err), 0);
    assert_int_equal(transforms_list(&transforms, "-demangle,-invert", &err), 0);
    assert_session(&transforms, "a;main;_Z1fv 1\n", "a;main;_Z1fv 1\n", "");
    assert_session(&copy, "a;main;_Z1fv 1\n", "f();a 1\n", "demangle, hide=^m, invert");
    transforms_dispose(&transforms);
    transforms_dispose(&copy);
}

static void test_a_session_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    struct transforms transforms = {0};
    struct err err = {0};
    assert_int_equal(transforms_list(&transforms, "invert,jav", &err), -EINVAL);
    assert_non_null(strstr(err.message, "'jav'"));
    assert_int_equal(transforms_list(&transforms, "group", &err), -EINVAL);
    assert_int_equal(transforms_list(&transforms, "-auto", &err), -EINVAL);
    assert_int_equal(transforms_argue(&transforms, "group", "cpus", &err), -EINVAL);
    assert_non_null(strstr(err.message, "tid, cpu or cgroup"));
    assert_non_null(strstr(err.message, "'cpus'"));
    assert_int_equal(transforms_argue(&transforms, "focus", "[", &err), -EINVAL);
    assert_int_equal(transforms_argue(&transforms, "java", "x", &err), -EINVAL);
    assert_int_equal(transforms_argue(&transforms, "nothing", "x", &err), -EINVAL);
    assert_session(&transforms, "a;main 1\n", "a;main 1\n", ""); // nothing changed
    transforms_dispose(&transforms);
}

static void test_the_event_is_kept_in_the_folds_own_dictionary(void **state)
{
    (void)state;
    struct dict dict;
    dict_init(&dict);
    struct fold fold = folds_read(&dict, "a;_Z1fv 1\n");
    struct event event = {.name = dict_string_z(&dict, "offcpu"),
                          .unit = dict_string_z(&dict, "ns"),
                          .by_value = true};
    struct event other = {.name = dict_string_z(&dict, "cpu-clock")};
    dict_event(&dict, &other);
    fold.totals.event = dict_event(&dict, &event);
    fold.totals.by_value = true;
    assert_int_equal(transform_apply(&transform_demangle, &fold, NULL, NULL), 0);
    assert_ptr_equal(fold.dict, &fold.own->dict);
    const struct event *kept = &fold.dict->events[fold.totals.event];
    assert_string_equal(dict_text(fold.dict, kept->name), "offcpu");
    assert_string_equal(dict_text(fold.dict, kept->unit), "ns");
    folds_assert(&fold, "a;f() 10\n");
    fold_dispose(&fold);
    dict_dispose(&dict);
}

// A fold of `dict` as a session with these words and this group shows it, names kept.
static struct fold apply_kept(struct dict *dict, const char *before, const char *words,
                              const char *group, struct names **kept)
{
    struct transforms transforms = {0};
    struct fold fold = folds_read(dict, before);
    assert_int_equal(transforms_list(&transforms, words, NULL), 0);
    assert_int_equal(transforms_argue(&transforms, "group", group, NULL), 0);
    assert_int_equal(transforms_apply(&transforms, &fold, kept, NULL, NULL), 0);
    transforms_dispose(&transforms);
    return fold;
}

static void test_names_that_are_kept_are_those_of_this_argument_and_dictionary(void **state)
{
    (void)state;
    const char *text = "a;_Z1fv@@/lib/x.so;_Z1gv.cold@@/lib/y.so 1\na;_Z1fv@@/lib/x.so;?;? 2\n";
    const char *plain = "a;f();[unknown] 2\na;f();g() 1\n";
    struct names *kept = NULL;
    for (int generation = 0; generation < 2; generation++) {
        struct dict dict;
        dict_init(&dict);
        struct fold first = apply_kept(&dict, text, "auto", NULL, &kept);
        folds_assert(&first, plain);
        struct fold more = apply_kept(&dict, "b;_Z1hv 3\n", "auto", NULL, &kept);
        folds_assert(&more, "b;h() 3\n");
        struct fold grouped = apply_kept(&dict, text, "auto", "module", &kept);
        folds_assert(&grouped, "a;x.so;[unknown] 2\na;x.so;y.so 1\n");
        struct fold other = apply_kept(&dict, text, "auto", "comm", &kept);
        folds_assert(&other, "a 3\n");
        struct fold inverted = apply_kept(&dict, text, "auto,invert", NULL, &kept);
        folds_assert(&inverted, "[unknown];f();a 2\ng();f();a 1\n");
        struct fold again = apply_kept(&dict, text, "auto", NULL, &kept);
        folds_assert(&again, plain);
        struct fold untouched = apply_kept(&dict, "b;main 3\n", "auto", NULL, &kept);
        assert_ptr_equal(untouched.dict, &dict);
        assert_ptr_equal(again.dict, first.dict);
        assert_ptr_equal(inverted.dict, first.dict);
        // A fold outlives both what it was made of and what is kept.
        dict_dispose(&dict);
        if (generation)
            names_release(kept);
        folds_assert(&first, plain);
        struct fold *all[] = {&first, &more, &grouped, &other, &inverted, &again, &untouched};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            fold_dispose(all[i]);
    }
}

// Compaction renumbers a dictionary: frames of the same numbers are others then.
static void test_names_follow_a_dictionary_that_was_renumbered(void **state)
{
    (void)state;
    struct names *kept = NULL;
    struct dict dict;
    dict_init(&dict);
    struct fold before = apply_kept(&dict, "a;_Z1fv 1\n", "auto", NULL, &kept);
    struct dict_renumbering renumbering;
    uint64_t none = 0;
    dict_compact(&dict, &none, &none, &renumbering);
    dict_renumbering_dispose(&renumbering);
    struct fold after = apply_kept(&dict, "b;_Z1gv 1\n", "auto", NULL, &kept);
    folds_assert(&before, "a;f() 1\n");
    folds_assert(&after, "b;g() 1\n");
    fold_dispose(&before);
    fold_dispose(&after);
    names_release(kept);
    dict_dispose(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_complete),
        cmocka_unit_test(test_every_row_keeps_what_a_fold_promises),
        cmocka_unit_test(test_demangle),
        cmocka_unit_test(test_names_that_become_one_are_one_node),
        cmocka_unit_test(test_clones_leaves_other_names),
        cmocka_unit_test(test_shorten),
        cmocka_unit_test(test_java),
        cmocka_unit_test(test_java_inlining_is_split),
        cmocka_unit_test(test_java_generated_classes_are_one),
        cmocka_unit_test(test_java_as_the_jvm_itself_writes_perf_maps),
        cmocka_unit_test(test_go),
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_functions_of_one_name_in_two_places_are_two),
        cmocka_unit_test(test_node_tiers_keeps_optimised_code_apart),
        cmocka_unit_test(test_node_packages),
        cmocka_unit_test(test_python),
        cmocka_unit_test(test_focus_and_ignore_are_each_others_rest),
        cmocka_unit_test(test_from_begins_at_the_first_match),
        cmocka_unit_test(test_prune_ends_at_the_last_match),
        cmocka_unit_test(test_hide_leaves_weight_with_the_caller),
        cmocka_unit_test(test_patterns_look_at_files_and_modules),
        cmocka_unit_test(test_what_is_left_out_is_not_counted),
        cmocka_unit_test(test_bad_patterns_change_nothing),
        cmocka_unit_test(test_unknown_and_recursion),
        cmocka_unit_test(test_invert_shows_callers),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_group_by_files_of_scripts),
        cmocka_unit_test(test_group_by_packages_of_go),
        cmocka_unit_test(test_groups_of_who_ran_are_functions_to_top),
        cmocka_unit_test(test_a_session_applies_what_it_detects),
        cmocka_unit_test(test_a_session_switches_rows),
        cmocka_unit_test(test_a_session_refuses_what_it_does_not_know),
        cmocka_unit_test(test_the_event_is_kept_in_the_folds_own_dictionary),
        cmocka_unit_test(test_names_that_are_kept_are_those_of_this_argument_and_dictionary),
        cmocka_unit_test(test_names_follow_a_dictionary_that_was_renumbered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
