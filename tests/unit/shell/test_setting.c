// The table of settings: each row is whole, and its values survive a round trip.
#include "shell/setting.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static void every_row_is_whole(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    const char *before = "";
    for (const struct setting *row = setting_table; row->name; row++) {
        assert_true(strcmp(before, row->name) < 0); // sorted, for people
        before = row->name;
        assert_non_null(row->standard);
        assert_non_null(row->unit);
        assert_true(strlen(row->text) > 10);
        assert_ptr_equal(setting_by_name(row->name), row);
        struct bytes value = {0};
        setting_put(&value, &settings, row);
        assert_string_equal(bytes_text(&value), row->standard);
        bytes_clear(&value);
        setting_put_bounds(&value, row);
        assert_true(value.len > 0);
        bytes_dispose(&value);
    }
    assert_null(setting_by_name("nothing"));
}

static void set(struct settings *settings, const char *name, const char *value)
{
    struct err err = {0};
    if (setting_set(settings, setting_by_name(name), value, &err))
        fail_msg("%s", err.message);
}

static void refused(const char *name, const char *value, const char *expected)
{
    struct settings settings, before;
    settings_init(&settings);
    before = settings;
    struct err err = {0};
    assert_int_equal(setting_set(&settings, setting_by_name(name), value, &err), -EINVAL);
    assert_memory_equal(&settings, &before, sizeof settings);
    if (!strstr(err.message, expected))
        fail_msg("'%s' does not say '%s'", err.message, expected);
}

static void values(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    set(&settings, "hz", "999");
    assert_true(settings.hz == 999);
    set(&settings, "buffer", "64M");
    assert_int_equal(settings.buffer_bytes, 64 << 20);
    struct bytes text = {0};
    setting_put(&text, &settings, setting_by_name("buffer"));
    assert_string_equal(bytes_text(&text), "64M");
    bytes_clear(&text);
    set(&settings, "color", "256");
    assert_int_equal(settings.color, COLOR_256);
    setting_put(&text, &settings, setting_by_name("color"));
    assert_string_equal(bytes_text(&text), "256");
    bytes_dispose(&text);
    set(&settings, "timing", "yes");
    assert_true(settings.timing);
    set(&settings, "event", "offcpu");
    assert_string_equal(settings.event, "offcpu");
    set(&settings, "event", "auto");
    assert_string_equal(settings.event, "");
}

static void bounds(void **state)
{
    (void)state;
    refused("hz", "0", "1 to 10000");
    refused("hz", "fast", "'fast' is not a value for hz");
    refused("hz", "", "1 to 10000");
    refused("hz", "nan", "1 to 10000");
    refused("rows", "1", "auto or 2 to 1000");
    refused("buffer", "1K", "1M to 1T");
    refused("color", "blue", "auto, 24bit, 256 or off");
    refused("idle", "perhaps", "on or off");
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refused("event", longest, "at most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(values),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
