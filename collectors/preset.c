// The table of presets; the assembler takes the programs in.
#include "collectors/preset.h"

#include <stdio.h>
#include <string.h>

// FLICKER_PRESETS is the directory of the programs: see collectors/presets.cmake.
#define PRESET_EMBED(name)                                                                         \
    __asm__(".section .rodata, \"a\"\n"                                                            \
            "preset_" #name ":\n"                                                                  \
            ".incbin \"" FLICKER_PRESETS "/" #name ".bt\"\n"                                       \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char preset_##name[];
PRESET_LIST(PRESET_EMBED)
#undef PRESET_EMBED

#define PRESET_ROW(name) {#name, preset_##name},
const struct preset preset_table[] = {PRESET_LIST(PRESET_ROW){NULL, NULL}};
#undef PRESET_ROW

const struct preset *preset_by_name(const char *name)
{
    for (const struct preset *preset = preset_table; preset->name; preset++) {
        if (!strcmp(preset->name, name))
            return preset;
    }
    return NULL;
}

void preset_put_summary(struct bytes *out, const struct preset *preset)
{
    const char *line = preset->text + strspn(preset->text, "/ ");
    bytes_append(out, line, strcspn(line, "\n"));
}

bool program_note(const char *text, const char *key, char note[PROGRAM_NOTE_BYTES])
{
    size_t key_len = strlen(key);
    while (!strncmp(text, "//", 2) || !strncmp(text, "#!", 2)) {
        const char *line = text + 2 + strspn(text + 2, " \t");
        size_t len = strcspn(line, "\n");
        if (len > key_len && !strncmp(line, key, key_len) && line[key_len] == ':') {
            const char *value = line + key_len + 1 + strspn(line + key_len + 1, " \t");
            snprintf(note, PROGRAM_NOTE_BYTES, "%.*s", (int)strcspn(value, "\n"), value);
            return true;
        }
        text = line + len + (line[len] == '\n');
    }
    return false;
}
