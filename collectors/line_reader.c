// Puts the fragments of a stream together to lines: bpftrace writes a message word by word.
#include "collectors/line_reader.h"

#include <stdbool.h>
#include <string.h>

static void hand_over(struct line_reader *reader, line_fn *line, void *arg)
{
    if (reader->held.len && reader->held.data[reader->held.len - 1] == '\r')
        reader->held.data[--reader->held.len] = '\0';
    line(arg, bytes_text(&reader->held), reader->held.len);
    bytes_clear(&reader->held);
}

void line_reader_push(struct line_reader *reader, const char *data, size_t len, line_fn *line,
                      void *arg)
{
    while (len) {
        const char *newline = memchr(data, '\n', len);
        size_t part = newline ? (size_t)(newline - data) : len;
        size_t room = LINE_READER_MAX_BYTES - reader->held.len;
        bool cut = part > room;
        part = cut ? room : part;
        bytes_append(&reader->held, data, part);
        if (cut || newline)
            hand_over(reader, line, arg);
        size_t taken = part + (!cut && newline ? 1 : 0);
        data += taken;
        len -= taken;
    }
}

void line_reader_finish(struct line_reader *reader, line_fn *line, void *arg)
{
    if (reader->held.len)
        hand_over(reader, line, arg);
}

void line_reader_dispose(struct line_reader *reader)
{
    bytes_dispose(&reader->held);
}
