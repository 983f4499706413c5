// Text that strangers chose (comms, symbols, file names), made safe to show and measured in cells.
#ifndef FLICKER_VIEWER_TEXT_H
#define FLICKER_VIEWER_TEXT_H

#include "proto/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The next code point of UTF-8 in [*at, end), which *at then passes. What cannot be shown is '?':
// control characters, malformed bytes (one '?' a byte), direction overrides, noncharacters.
uint32_t text_next(const char **at, const char *end);

// Columns that a code point takes in a terminal: 0 (combining), 1 or 2 (East Asian wide, emoji).
unsigned text_cell_width(uint32_t code_point);
// Of a whole text.
unsigned text_width(const char *text, size_t len);

// Appends the text with everything that cannot be shown replaced; as ASCII, other letters too.
void text_append_clean(struct bytes *out, const char *text, size_t len, bool ascii);
// The same for XML: & < > " escaped.
void text_append_xml(struct bytes *out, const char *text, size_t len);

// Appends a name cut to `width` cells: from the front at "::" ("..Scavenger::Process"), then from
// the end ("..Proces~"); nothing when not even three cells are free. Returns the cells used. The
// text must be clean already.
unsigned text_append_short(struct bytes *out, const char *text, size_t len, unsigned width);

#endif
