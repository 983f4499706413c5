// The colours that terminal, SVG and page share.
#include "viewer/color.h"

#include <stddef.h>

#define RGB(hex)                                                                                   \
    {                                                                                              \
        (hex) >> 16 & 0xff, (hex) >> 8 & 0xff, (hex)&0xff                                          \
    }

static const struct rgb tokens[THEMES][COLOR_TOKENS] = {
    [THEME_LIGHT] =
        {
            [COLOR_BACKGROUND] = RGB(0xfbfbf9),
            [COLOR_INK] = RGB(0x1a1c1f),
            [COLOR_INK2] = RGB(0x51565e),
            [COLOR_INK3] = RGB(0x656a72),
            [COLOR_FILL] = RGB(0xf1f1ed),
            [COLOR_SELECTION] = RGB(0xc2410c),
            [COLOR_BASELINE] = RGB(0x1f5fa8),
            [COLOR_BAD] = RGB(0xb3261e),
            [COLOR_OK] = RGB(0x2f7d4f),
            [COLOR_ZERO] = RGB(0xf3f4ee),
            [COLOR_HATCH] = RGB(0x9a9f9f),
            [COLOR_FAINT] = RGB(0xe4e4df),
        },
    [THEME_DARK] =
        {
            [COLOR_BACKGROUND] = RGB(0x101215),
            [COLOR_INK] = RGB(0xe8e9eb),
            [COLOR_INK2] = RGB(0xb9bec5),
            [COLOR_INK3] = RGB(0x8b919a),
            [COLOR_FILL] = RGB(0x191c20),
            [COLOR_SELECTION] = RGB(0xff8f45),
            [COLOR_BASELINE] = RGB(0x6fb1f2),
            [COLOR_BAD] = RGB(0xff7a70),
            [COLOR_OK] = RGB(0x5fbf86),
            [COLOR_ZERO] = RGB(0x16181d),
            [COLOR_HATCH] = RGB(0x5c626a),
            [COLOR_FAINT] = RGB(0x25282d),
        },
};

static const struct {
    const char *name;
    struct rgb color[THEMES];
    uint8_t xterm;
} fills[FILLS] = {
    [FILL_USER] = {"user", {RGB(0xf2dfc2), RGB(0x51412c)}, 94},
    [FILL_KERNEL] = {"kernel", {RGB(0xcddff4), RGB(0x2a466d)}, 24},
    [FILL_JIT] = {"jit", {RGB(0xcbe7d3), RGB(0x234f38)}, 22},
    [FILL_INLINED] = {"inlined", {RGB(0xe3e4c4), RGB(0x474b25)}, 58},
    [FILL_INTERPRETED] = {"interpreted", {RGB(0xdcead0), RGB(0x38462b)}, 64},
    [FILL_COMM] = {"process", {RGB(0xe6e6e1), RGB(0x2a2d31)}, 236},
    [FILL_UNRESOLVED] = {"unresolved", {RGB(0xdedede), RGB(0x3a3b3d)}, 240},
};

enum { STOPS = 11 };

static const struct rgb scale[THEMES][STOPS] = {
    [THEME_LIGHT] = {RGB(0xf0f2e9), RGB(0xcfdfca), RGB(0xa5ceb4), RGB(0x74bda9), RGB(0x3ca9a5),
                     RGB(0x0391a1), RGB(0x007798), RGB(0x025d8e), RGB(0x214476), RGB(0x272e58),
                     RGB(0x201b37)},
    [THEME_DARK] = {RGB(0x191822), RGB(0x1e2949), RGB(0x0a3f6d), RGB(0x015978), RGB(0x027283),
                    RGB(0x078c8b), RGB(0x0ca88c), RGB(0x51bf83), RGB(0x97d082), RGB(0xcddf8f),
                    RGB(0xfaefad)},
};

// The same scale among the 256 colours, chosen by hand so that lightness keeps rising.
static const uint8_t scale_xterm[STOPS] = {234, 17, 18, 23, 24, 30, 36, 72, 114, 186, 229};

struct rgb color_token(enum theme theme, enum color_token token)
{
    return tokens[theme][token];
}

enum fill fill_of_frame(const struct frame *frame)
{
    static const enum fill by_kind[FRAME_KINDS] = {
        [FRAME_USER] = FILL_USER,
        [FRAME_KERNEL] = FILL_KERNEL,
        [FRAME_JIT] = FILL_JIT,
        [FRAME_INLINED] = FILL_INLINED,
        [FRAME_INTERPRETED] = FILL_INTERPRETED,
        [FRAME_COMM] = FILL_COMM,
    };
    if (frame->kind != FRAME_COMM && frame_is_unresolved(frame))
        return FILL_UNRESOLVED;
    return frame->kind < FRAME_KINDS ? by_kind[frame->kind] : FILL_UNRESOLVED;
}

const char *fill_name(enum fill fill)
{
    return fills[fill].name;
}

struct rgb fill_color(enum theme theme, enum fill fill)
{
    return fills[fill].color[theme];
}

uint8_t fill_xterm(enum fill fill)
{
    return fills[fill].xterm;
}

static uint8_t blend(uint8_t from, uint8_t to, double share)
{
    return (uint8_t)(from + (to - from) * share + 0.5);
}

struct rgb color_scale(enum theme theme, double share)
{
    double at = share > 0 ? (share < 1 ? share : 1) * (STOPS - 1) : 0; // also takes in NaN
    size_t stop = (size_t)at;
    if (stop >= STOPS - 1)
        return scale[theme][STOPS - 1];
    const struct rgb *low = &scale[theme][stop], *high = low + 1;
    double rest = at - (double)stop;
    return (struct rgb){blend(low->red, high->red, rest), blend(low->green, high->green, rest),
                        blend(low->blue, high->blue, rest)};
}

uint8_t color_scale_xterm(double share)
{
    double at = share > 0 ? (share < 1 ? share : 1) * (STOPS - 1) : 0;
    return scale_xterm[(size_t)(at + 0.5)];
}

static int distance(struct rgb a, struct rgb b)
{
    int red = a.red - b.red, green = a.green - b.green, blue = a.blue - b.blue;
    return red * red + green * green + blue * blue;
}

uint8_t color_xterm(struct rgb color)
{
    static const uint8_t levels[6] = {0, 95, 135, 175, 215, 255};
    unsigned best = 16;
    int best_distance = INT32_MAX;
    for (unsigned i = 16; i < 256; i++) {
        unsigned cube = i - 16;
        uint8_t grey = (uint8_t)(8 + 10 * (i - 232));
        struct rgb candidate =
            i < 232 ? (struct rgb){levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6]}
                    : (struct rgb){grey, grey, grey};
        int d = distance(color, candidate);
        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    return (uint8_t)best;
}
