// Token, cookie, Host and Origin: what passes, and everything close to it that must not.
#include "tests/test.h"
#include "viewer/http_guard.h"

#include <stdio.h>
#include <string.h>

static void init(struct http_guard *guard)
{
    struct err err = {0};

    assert_int_equal(http_guard_init(guard, 4321, &err), 0);
}

static void secrets_are_drawn(void **state)
{
    struct http_guard a, b;

    (void)state;
    init(&a);
    init(&b);
    assert_int_equal(strlen(a.token), HTTP_SECRET_CHARS);
    assert_int_equal(strspn(a.token, "0123456789abcdef"), HTTP_SECRET_CHARS);
    assert_string_not_equal(a.token, a.session);
    assert_string_not_equal(a.token, b.token);
    assert_string_equal(a.cookie, "flicker-4321");
}

static void secrets_compare(void **state)
{
    (void)state;
    assert_true(http_secret_equal("abcd", "abcd"));
    assert_false(http_secret_equal("abcd", "abce"));
    assert_false(http_secret_equal("abcd", "bbcd"));
    assert_false(http_secret_equal("abcd", "abc"));
    assert_false(http_secret_equal("abcd", "abcde"));
    assert_false(http_secret_equal("abcd", ""));
    assert_false(http_secret_equal("abcd", NULL));
}

static void hosts(void **state)
{
    static const char *const refused[] = {
        "127.0.0.1",
        "127.0.0.1:4320",
        "127.0.0.1:43210",
        "127.0.0.1:4321 ",
        "localhost",
        "LOCALHOST:4321",
        "[::1]:4321",
        "evil.example:4321",
        "127.0.0.1.evil:4321",
        "127.0.0.1:4321.evil",
        "",
        "localhost:04321",
        "a@127.0.0.1:4321",
        "0.0.0.0:4321",
        "2130706433:4321",
    };
    struct http_guard guard;

    (void)state;
    init(&guard);
    assert_true(http_guard_host(&guard, "127.0.0.1:4321"));
    assert_true(http_guard_host(&guard, "localhost:4321"));
    assert_false(http_guard_host(&guard, NULL));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(http_guard_host(&guard, refused[i]));
}

static void origins(void **state)
{
    struct http_guard guard;

    (void)state;
    init(&guard);
    assert_true(http_guard_origin(&guard, NULL));
    assert_true(http_guard_origin(&guard, "http://127.0.0.1:4321"));
    assert_true(http_guard_origin(&guard, "http://localhost:4321"));
    assert_false(http_guard_origin(&guard, "https://127.0.0.1:4321"));
    assert_false(http_guard_origin(&guard, "http://127.0.0.1:4322"));
    assert_false(http_guard_origin(&guard, "http://evil.example"));
    assert_false(http_guard_origin(&guard, "null"));
    assert_false(http_guard_origin(&guard, ""));
    assert_true(http_guard_fetch_site(NULL));
    assert_true(http_guard_fetch_site("same-origin"));
    assert_true(http_guard_fetch_site("none"));
    assert_false(http_guard_fetch_site("cross-site"));
    assert_false(http_guard_fetch_site("same-site")); // another port of localhost
}

static void bearers(void **state)
{
    struct http_guard guard;
    char header[80];

    (void)state;
    init(&guard);
    snprintf(header, sizeof header, "Bearer %s", guard.token);
    assert_true(http_guard_bearer(&guard, header));
    header[strlen(header) - 1] = 'x';
    assert_false(http_guard_bearer(&guard, header));
    assert_false(http_guard_bearer(&guard, guard.token));
    assert_false(http_guard_bearer(&guard, "Bearer "));
    assert_false(http_guard_bearer(&guard, NULL));
}

static void cookies(void **state)
{
    struct http_guard guard;
    char header[400];

    (void)state;
    init(&guard);
    snprintf(header, sizeof header, "flicker-4321=%s", guard.session);
    assert_true(http_guard_cookie(&guard, header));
    snprintf(header, sizeof header, "a=b; flicker-9=%s; flicker-4321=%s; c", guard.token,
             guard.session);
    assert_true(http_guard_cookie(&guard, header));
    snprintf(header, sizeof header, "flicker-4321=%s", guard.token); // not the session's secret
    assert_false(http_guard_cookie(&guard, header));
    snprintf(header, sizeof header, "xflicker-4321=%s", guard.session);
    assert_false(http_guard_cookie(&guard, header));
    snprintf(header, sizeof header, "flicker-4321=%sx", guard.session);
    assert_false(http_guard_cookie(&guard, header));
    assert_false(http_guard_cookie(&guard, "flicker-4321="));
    assert_false(http_guard_cookie(&guard, "flicker-4321"));
    assert_false(http_guard_cookie(&guard, ";;; ; "));
    assert_false(http_guard_cookie(&guard, ""));
    assert_false(http_guard_cookie(&guard, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_drawn),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(hosts),
        cmocka_unit_test(origins),
        cmocka_unit_test(bearers),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
