// What a terminal can show.
#include "viewer/term.h"

#include "viewer/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MIN_COLUMNS = 20, MAX_COLUMNS = 2000 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

// Without a locale a terminal of our days is taken to speak UTF-8; one that was set is believed.
static bool speaks_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *locale = variable(names[i]);
        if (*locale)
            return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
    }
    return true;
}

static enum term_color color_depth(void)
{
    const char *type = variable("TERM"), *depth = variable("COLORTERM");
    if (*variable("NO_COLOR") || !*type || strcmp(type, "dumb") == 0)
        return TERM_ASCII;
    if (strcasecmp(depth, "truecolor") == 0 || strcasecmp(depth, "24bit") == 0 ||
        strstr(type, "-direct"))
        return TERM_24BIT;
    if (strstr(type, "256color") || strncmp(type, "xterm", 5) == 0)
        return TERM_256;
    return TERM_ASCII;
}

static unsigned number_or(const char *text, unsigned otherwise)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return end != text && !*end && number > 0 && number <= MAX_COLUMNS ? (unsigned)number
                                                                       : otherwise;
}

void term_detect(struct term *out, int fd)
{
    *out = (struct term){.color = TERM_ASCII};
    out->columns = number_or(variable("COLUMNS"), 80);
    out->lines = number_or(variable("LINES"), 24);
    if (isatty(fd)) {
        struct winsize size;
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
            out->columns = size.ws_col;
            out->lines = size.ws_row;
        }
        out->utf8 = speaks_utf8();
        out->color = out->utf8 ? color_depth() : TERM_ASCII; // half blocks are not in ASCII
    }
    if (out->columns < MIN_COLUMNS)
        out->columns = MIN_COLUMNS;
    if (out->columns > MAX_COLUMNS)
        out->columns = MAX_COLUMNS;
}

void term_text(struct bytes *out, const char *text, size_t len)
{
    text_append_clean(out, text, len, false);
}
