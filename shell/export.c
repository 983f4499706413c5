// Samples into files.
#include "shell/export.h"

#include "proto/hold.h"
#include "proto/inventory.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool ends_in(const char *path, const char *ending)
{
    size_t len = strlen(path), ending_len = strlen(ending);
    return len > ending_len && !strcmp(path + len - ending_len, ending);
}

static const struct format *by_path(const char *path, bool *packs)
{
    const struct format *format = format_by_extension(path); // ".pb.gz" is one of them
    if (!format && ends_in(path, ".gz")) {
        char *plain = strndup(path, strlen(path) - 3);
        format = plain ? format_by_extension(plain) : NULL;
        *packs = format != NULL;
        free(plain);
    }
    return format || strchr(path, '.') ? format : format_by_name("fks");
}

int export_format(const struct format **out, bool *packs, const char *path, const char *name,
                  struct err *err)
{
    *packs = false;
    const struct format *format = by_path(path, packs);
    if (name) {
        format = format_by_name(name);
        *packs = ends_in(path, ".gz") && format != format_by_name("pprof");
    }
    *out = format;
    if (format && format->encoder_new)
        return 0;
    struct bytes known = {0};
    for (size_t i = 0; format_table[i]; i++) {
        const char *text = name ? format_table[i]->name : format_table[i]->extension;
        if (format_table[i]->encoder_new && text)
            bytes_printf(&known, "%s%s", known.len ? ", " : "", text);
    }
    int code = name ? err_set(err, -EINVAL, "'%s' is no format that can be written; expected %s",
                              name, bytes_text(&known))
                    : err_set(err, -EINVAL, "no format for '%s'; expected a name that ends in %s",
                              path, bytes_text(&known));
    bytes_dispose(&known);
    return code;
}

void export_note(struct export_file *file, const struct inventory *inventory)
{
    file->samples = inventory->samples;
    inventory_put_lost(&file->lost, inventory);
    if ((file->format->loses & HOLD_EVENT) && !file->event_asked)
        inventory_put_choice(&file->choice, inventory);
}

void export_file_dispose(struct export_file *file)
{
    bytes_dispose(&file->lost);
    bytes_dispose(&file->choice);
}

int export_samples(struct session *session, const struct query *query, struct export_file *file,
                   struct err *err)
{
    bool packs;
    struct part_file part;
    struct query asked = *query;
    int code = export_format(&file->format, &packs, file->path, file->format_name, err);
    if (code)
        return code;
    bool all = asked.event && !strcmp(asked.event, "*");
    if (all && (file->format->loses & HOLD_EVENT))
        asked.event = NULL;                         // the one in view
    asked.weighs = file->format->loses & HOLD_TIME; // nothing else tells then where it was cut
    code = part_file_open(&part, file->path, packs, err);
    part.base.cancel = query->cancel;
    if (!code) {
        // The encoder reads names only; the dictionary stays the store's.
        struct encoder *encoder =
            file->format->encoder_new((struct dict *)store_dict(session->store), &part.base);
        struct inventory inventory;
        inventory_init(&inventory, &encoder->sink, file->format, NULL);
        code = store_replay(session->store, &asked, &inventory.sink, err);
        if (!code)
            code = encoder->ops->finish(encoder, err);
        if (!code)
            export_note(file, &inventory);
        inventory_dispose(&inventory);
        encoder_free(encoder);
    }
    if (!code)
        code = part_file_commit(&part, err);
    file->bytes = part.written;
    part_file_dispose(&part);
    return code;
}

void export_say(struct session *session, const struct export_file *file, const char *of_what)
{
    struct bytes text = {0};
    term_text(&text, file->path, strlen(file->path));
    bytes_printf(&text, ": %s%s, ", of_what, file->format->name);
    units_put_things(&text, file->samples, "sample");
    bytes_append_text(&text, ", ");
    units_put_size(&text, file->bytes);
    if (file->lost.len)
        bytes_printf(&text, "\n  %s: %s has no place for %s", bytes_text(&file->lost),
                     file->format->name,
                     strstr(bytes_text(&file->lost), " is lost") ? "it" : "them");
    if (file->choice.len)
        bytes_printf(&text, "\n  it holds %s: event= chooses", bytes_text(&file->choice));
    session_say(session, "%s", bytes_text(&text));
    bytes_dispose(&text);
}
