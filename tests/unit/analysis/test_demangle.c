// Demangling: what compilers write, and what nobody should.
#include "analysis/demangle.h"
#include "tests/test.h"

#include <string.h>

static void assert_demangles(const char *mangled, const char *expected)
{
    struct bytes out = {0};
    assert_true(demangle(&out, mangled, strlen(mangled)));
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void assert_left_alone(const char *name, size_t len)
{
    struct bytes out = {0};
    bytes_append_text(&out, "before");
    assert_false(demangle(&out, name, len));
    assert_string_equal(bytes_text(&out), "before");
    bytes_dispose(&out);
}

static void assert_shortens(const char *name, const char *expected)
{
    struct bytes out = {0};
    demangle_shorten(&out, name, strlen(name));
    assert_string_equal(bytes_text(&out), expected);
    bytes_dispose(&out);
}

static void test_cplusplus(void **state)
{
    (void)state;
    assert_demangles("_ZN5space1C1fEiPKc", "space::C::f(int, char const*)");
    assert_demangles("_ZNSt6vectorIiSaIiEE9push_backERKi",
                     "std::vector<int, std::allocator<int> >::push_back(int const&)");
    assert_demangles("_Z1fIicET_T0_", "f<int, char>(char)"); // no return type
    assert_demangles("_ZN12_GLOBAL__N_11gEv", "(anonymous namespace)::g()");
    assert_demangles("_GLOBAL__I__Z1fv", "global constructors keyed to f()");
}

static void test_clones_and_versions_are_the_function(void **state)
{
    (void)state;
    assert_demangles("_ZN1A1bEv.isra.0.cold", "A::b()");
    assert_demangles("_ZNSo3putEc@@GLIBCXX_3.4", "std::ostream::put(char)");
}

static void test_rust(void **state)
{
    (void)state;
    assert_demangles("_ZN4core3fmt9Formatter3pad17h5b4a8e1c2d3f6079E", "core::fmt::Formatter::pad");
    assert_demangles("_ZN33_$LT$alloc..vec..Vec$LT$T$GT$$GT$4push17h0123456789abcdefE",
                     "<alloc::vec::Vec<T>>::push");
    assert_demangles("_RNvCskwGfYPst2Cb_3foo3bar", "foo::bar");
    assert_demangles("_RNvXCs1234_7mycrateNtB2_3FooNtB2_3Bar3baz",
                     "<mycrate::Foo as mycrate::Bar>::baz");
}

static void test_other_names_are_left_alone(void **state)
{
    (void)state;
    const char *const names[] = {"main", "",    "_",  "_Z",    "_R",       "_Zebra crossing",
                                 "_RAM", "Zoo", "_Y", "_ZN3a", "_GLOBAL_", "_GLOBAL_OFFSET_TABLE_"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_left_alone(names[i], strlen(names[i]));
    assert_left_alone("_Z1fv\0_Z1gv", 11);
}

static void test_overlong_names_are_left_alone(void **state)
{
    (void)state;
    char name[DEMANGLE_MAX_BYTES + 16];
    memset(name, 'P', sizeof name);
    memcpy(name, "_Z1f", 4);
    assert_left_alone(name, sizeof name);
}

static void test_deep_nesting_ends(void **state)
{
    (void)state;
    char name[DEMANGLE_MAX_BYTES];
    memset(name, 'P', sizeof name); // pointers to pointers to...
    memcpy(name, "_Z1f", 4);
    assert_left_alone(name, sizeof name);
    memset(name, 'N', sizeof name);
    memcpy(name, "_R", 2);
    assert_left_alone(name, sizeof name);
}

static void append_base62(struct bytes *out, unsigned number)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    number--;
    if (number >= 62)
        bytes_append_char(out, digits[number / 62]);
    bytes_append_char(out, digits[number % 62]);
    bytes_append_char(out, '_');
}

// Pairs of the same pair: each level doubles what is written.
static void rust_bomb(struct bytes *out, unsigned levels)
{
    bytes_append_text(out, "_RIC3foo");
    for (unsigned i = 0; i < levels; i++)
        bytes_append_char(out, 'T');
    bytes_append_char(out, 'u');
    for (unsigned i = 0; i < levels; i++) {
        bytes_append_char(out, 'B');
        append_base62(out, 6 + levels - i);
        bytes_append_char(out, 'E');
    }
    bytes_append_char(out, 'E');
}

static void test_names_that_unfold_without_end_are_left_alone(void **state)
{
    (void)state;
    struct bytes name = {0};
    rust_bomb(&name, 2);
    assert_demangles(name.data, "foo::<(((), ()), ((), ()))>");
    bytes_clear(&name);
    rust_bomb(&name, 60);
    assert_left_alone(name.data, name.len);
    bytes_clear(&name);
    bytes_append_text(&name, "_Z1f"); // f(pair<T, T>) of pair<T, T> of...
    for (int i = 0; i < 40; i++)
        bytes_append_text(&name, "1aI");
    bytes_append_char(&name, 'i');
    for (int i = 0; i < 40; i++) {
        if (i == 0)
            bytes_append_char(&name, 'i');
        else
            bytes_printf(&name, "S%c_", i == 1 ? '0' : '0' + (i > 9 ? 9 : i - 1));
        bytes_append_char(&name, 'E');
    }
    struct bytes out = {0};
    if (demangle(&out, name.data, name.len))
        assert_true(out.len <= DEMANGLE_MAX_OUT_BYTES);
    bytes_dispose(&out);
    bytes_dispose(&name);
}

static void test_every_cut_and_flip_of_a_name_ends(void **state)
{
    (void)state;
    static const char *const names[] = {
        "_ZNSt6vectorIN12_GLOBAL__N_13FooESaIS1_EE12emplace_backIJRKS1_EEERS1_DpOT_",
        "_RINvMs_NtCs1234_5alloc3vecINtB3_3VecNtNtB5_6string6StringE4pushNCNvC1m4main0E",
        "_ZN60_$LT$std..io..Stdout$u20$as$u20$std..io..Write$GT$5write17h0123456789abcdefE",
    };
    struct bytes out = {0};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t len = strlen(names[n]);
        for (size_t cut = 0; cut <= len; cut++)
            (void)demangle(&out, names[n], cut);
        for (size_t bit = 16; bit < len * 8; bit++) {
            char flipped[256];
            memcpy(flipped, names[n], len);
            flipped[bit / 8] ^= (char)(1 << bit % 8);
            bytes_clear(&out);
            (void)demangle(&out, flipped, len);
            demangle_shorten(&out, flipped, len);
        }
    }
    bytes_dispose(&out);
}

// The time must not grow with the square of the length.
static void test_shortening_of_brackets_that_nothing_closes(void **state)
{
    (void)state;
    enum { PAIRS = 1 << 21 };
    struct bytes name = {0}, out = {0};
    for (size_t i = 0; i < PAIRS; i++)
        bytes_append(&name, "a<", 2);
    demangle_shorten(&out, name.data, name.len);
    assert_int_equal(out.len, name.len);
    assert_memory_equal(out.data, name.data, name.len);
    bytes_dispose(&name);
    bytes_dispose(&out);
    assert_shortens("a(b<c)d>e", "a(...)d>e");
    assert_shortens("a<b<c>::d", "a<b<...>::d");
    assert_shortens("a<b->c>::d", "a<...>::d");
}

static void test_shortening_drops_arguments(void **state)
{
    (void)state;
    assert_shortens("f<int, char>(char)", "f<...>(...)");
    assert_shortens("std::vector<int, std::allocator<int> >::push_back(int const&)",
                    "std::vector<...>::push_back(...)");
    assert_shortens("std::function<int (char)>::operator()(char) const",
                    "std::function<...>::operator()(...) const");
    assert_shortens("main::{lambda(int)#1}::operator()(int) const",
                    "main::{lambda(...)#1}::operator()(...) const");
    assert_shortens("std::rt::lang_start::<()>", "std::rt::lang_start::<...>");
    assert_shortens("f()", "f()");
}

static void test_shortening_knows_operators(void **state)
{
    (void)state;
    assert_shortens("S::operator<(S const&) const", "S::operator<(...) const");
    assert_shortens("S::operator<< <int>(int)", "S::operator<<<...>(...)");
    assert_shortens("operator-<int*>(it<int*> const&)", "operator-<...>(...)");
    assert_shortens("S::operator->() const", "S::operator->() const");
    assert_shortens("S::operator bool() const", "S::operator bool() const");
    assert_shortens("my_operator<int>(int)", "my_operator<...>(...)");
    assert_shortens("operator", "operator");
}

static void test_shortening_keeps_what_are_names(void **state)
{
    (void)state;
    assert_shortens("(anonymous namespace)::g(int)", "(anonymous namespace)::g(...)");
    assert_shortens("<mycrate::Foo<T> as mycrate::Bar>::baz",
                    "<mycrate::Foo<...> as mycrate::Bar>::baz");
    assert_shortens("main.(*Server).Serve", "main.(*Server).Serve");
    assert_shortens("(native)", "(native)");
    assert_shortens("<module>", "<module>");
    assert_shortens("a<b(c", "a<b(c"); // nothing closes
    assert_shortens("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cplusplus),
        cmocka_unit_test(test_clones_and_versions_are_the_function),
        cmocka_unit_test(test_rust),
        cmocka_unit_test(test_other_names_are_left_alone),
        cmocka_unit_test(test_overlong_names_are_left_alone),
        cmocka_unit_test(test_deep_nesting_ends),
        cmocka_unit_test(test_names_that_unfold_without_end_are_left_alone),
        cmocka_unit_test(test_every_cut_and_flip_of_a_name_ends),
        cmocka_unit_test(test_shortening_of_brackets_that_nothing_closes),
        cmocka_unit_test(test_shortening_drops_arguments),
        cmocka_unit_test(test_shortening_knows_operators),
        cmocka_unit_test(test_shortening_keeps_what_are_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
