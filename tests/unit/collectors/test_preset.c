// The table of presets, and what programs say of themselves.
#include "collectors/preset.h"
#include "tests/test.h"

#include <string.h>

static void every_preset_says_what_it_is(void **state)
{
    (void)state;
    for (const struct preset *preset = preset_table; preset->name; preset++) {
        struct bytes summary = {0};
        char event[PROGRAM_NOTE_BYTES];
        preset_put_summary(&summary, preset);
        assert_true(summary.len > 10 && summary.len < 90);
        assert_null(memchr(summary.data, '\n', summary.len));
        assert_true(program_note(preset->text, "event", event));
        assert_non_null(strchr(event, ' ')); // a name and a unit
        assert_ptr_equal(preset_by_name(preset->name), preset);
        bytes_dispose(&summary);
    }
    assert_null(preset_by_name(""));
    assert_null(preset_by_name("off"));
}

static void notes_stand_in_the_leading_comment(void **state)
{
    (void)state;
    char note[PROGRAM_NOTE_BYTES] = "untouched";
    assert_true(program_note("#!/usr/bin/bpftrace\n// x\n//event:\treads bytes\n", "event", note));
    assert_string_equal(note, "reads bytes");
    assert_false(program_note("i:s:1 { }\n// event: a b\n", "event", note));
    assert_false(program_note("// events: a b\n", "event", note));
    assert_false(program_note("//", "event", note));
    assert_false(program_note("", "event", note));
    assert_true(program_note("// event:", "event", note));
    assert_string_equal(note, "");
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "// event: ", 10);
    longest[sizeof longest - 1] = '\0';
    assert_true(program_note(longest, "event", note));
    assert_int_equal(strlen(note), PROGRAM_NOTE_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_says_what_it_is),
        cmocka_unit_test(notes_stand_in_the_leading_comment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
