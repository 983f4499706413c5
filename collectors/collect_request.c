// A request that outlives the line that it was read from.
#include "collectors/collector.h"
#include "proto/alloc.h"

#include <stdlib.h>

static char *copy_text(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static const char *const *copy_list(const char *const *list, size_t count)
{
    const char **copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

void collect_request_copy(struct collect_request *out, const struct collect_request *request)
{
    *out = *request;
    out->dry_run = NULL;
    out->what = copy_text(request->what);
    out->program = copy_text(request->program);
    out->file = copy_text(request->file);
    out->preset = copy_text(request->preset);
    out->args = copy_list(request->args, request->arg_count);
    out->options = copy_list(request->options, request->option_count);
}

static void free_list(const char *const *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        free((char *)list[i]);
    free((const char **)list);
}

void collect_request_dispose(struct collect_request *request)
{
    free((char *)request->what);
    free((char *)request->program);
    free((char *)request->file);
    free((char *)request->preset);
    free_list(request->args, request->arg_count);
    free_list(request->options, request->option_count);
    *request = (struct collect_request){0};
}
