// The table of the page's files. The build compresses them; the assembler takes them in.
#include "viewer/web_files.h"

#include <stddef.h>
#include <string.h>

// FLICKER_WEB_ASSETS is the directory of the compressed files: see viewer/web/assets.cmake.
#define EMBED(symbol, file)                                                                        \
    __asm__(".section .rodata, \"a\"\n"                                                            \
            ".balign 16\n"                                                                         \
            "web_" #symbol ":\n"                                                                   \
            ".incbin \"" FLICKER_WEB_ASSETS "/" file ".gz\"\n"                                     \
            "web_" #symbol "_end:\n"                                                               \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const unsigned char web_##symbol[], web_##symbol##_end[]

EMBED(index, "index.html");
EMBED(style, "style.css");
EMBED(app, "app.js");
EMBED(icon, "icon.svg");

static const struct web_file files[] = {
    {"/", "text/html; charset=utf-8", web_index, web_index_end},
    {"/style.css", "text/css; charset=utf-8", web_style, web_style_end},
    {"/app.js", "text/javascript; charset=utf-8", web_app, web_app_end},
    {"/icon.svg", "image/svg+xml", web_icon, web_icon_end},
};

const struct web_file *web_file_find(const char *path)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}
