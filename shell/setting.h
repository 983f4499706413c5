// The table of settings: what `set` shows and changes, and what `key=value` on a command overrides
// for that one command.
//
// Adding one: a field here, a row in setting.c.
#ifndef FLICKER_SHELL_SETTING_H
#define FLICKER_SHELL_SETTING_H

#include "proto/bytes.h"
#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTING_TEXT_BYTES = 64, SETTING_PATTERN_BYTES = 256 };

enum setting_color { COLOR_AUTO, COLOR_24BIT, COLOR_256, COLOR_OFF };

// Copied by value: a one-off key=value works on a copy.
struct settings {
    double hz;
    double max_overhead;   // percent of one CPU; 0: off
    uint64_t buffer_bytes; // 0: chosen from the memory that is free
    uint64_t rows;         // 0: as many as fit
    uint64_t color;        // enum setting_color
    uint64_t top;          // how many rows tables have
    bool follow;
    bool idle;
    bool inlines;
    bool timing;
    char event[SETTING_TEXT_BYTES]; // "": that of the newest source
    // How stacks are shown, see analysis/transform.h.
    char transform[SETTING_PATTERN_BYTES]; // "": each where it detects its language
    bool invert;
    uint64_t group; // 0: by function; else a word of the row's choices
    uint64_t root;  // enum query_first
    char focus[SETTING_PATTERN_BYTES], ignore[SETTING_PATTERN_BYTES], from[SETTING_PATTERN_BYTES],
        prune[SETTING_PATTERN_BYTES], hide[SETTING_PATTERN_BYTES]; // "": off
};

enum setting_type {
    SETTING_BOOL,
    SETTING_COUNT,
    SETTING_NUMBER,
    SETTING_SIZE,
    SETTING_CHOICE,
    SETTING_TEXT,
    SETTING_TRANSFORMS, // a list of names
    SETTING_PATTERN     // a regular expression; "name~pattern" is "name=pattern"
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t field;         // offset in struct settings
    double least, most;   // of COUNT, NUMBER and SIZE
    const char *choices;  // of CHOICE: space-separated, in the order of their numbers
    const char *zero;     // a word that stands for 0 ("auto"); NULL: none
    const char *standard; // the default, as it would be typed
    const char *unit;     // "" when there is none
    const char *text;     // one line for help
};

// All rows; the last has no name.
extern const struct setting setting_table[];

const struct setting *setting_by_name(const char *name);
void settings_init(struct settings *settings);
// -EINVAL says what was expected.
int setting_set(struct settings *settings, const struct setting *setting, const char *value,
                struct err *err) MUST_CHECK;
// The value as it would be typed.
void setting_put(struct bytes *out, const struct settings *settings, const struct setting *setting);
// The type and its bounds, for people: "10 to 100", "on or off".
void setting_put_bounds(struct bytes *out, const struct setting *setting);

#endif
