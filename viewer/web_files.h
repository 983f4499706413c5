// The page's files, inside the program: no path of a request ever meets the file system.
#ifndef FLICKER_VIEWER_WEB_FILES_H
#define FLICKER_VIEWER_WEB_FILES_H

struct web_file {
    const char *path;                // "/app.js"
    const char *type;                // of its content
    const unsigned char *data, *end; // gzip
};

// NULL when there is none.
const struct web_file *web_file_find(const char *path);

#endif
