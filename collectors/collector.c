// The table of collectors, and the choice among them.
#include "collectors/collector.h"

#include <errno.h>
#include <string.h>

#define COLLECTOR_ROW(name) &collector_##name,
const struct collector *const collector_table[] = {COLLECTOR_LIST(COLLECTOR_ROW) NULL};
#undef COLLECTOR_ROW

const struct collector *collector_by_name(const char *name)
{
    for (size_t i = 0; collector_table[i]; i++) {
        if (!strcmp(collector_table[i]->name, name))
            return collector_table[i];
    }
    return NULL;
}

static bool is_listed(const struct collector *collector, const char *option, size_t len)
{
    const char *at = collector->options ? collector->options : "";
    for (; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == len && !memcmp(at, option, len))
            return true;
        at += word;
    }
    return false;
}

bool collector_heeds(const struct collector *collector, const char *option)
{
    return is_listed(collector, option, strlen(option));
}

static int heeds(const struct collector *collector, const struct collect_request *request,
                 const char *option, struct err *err)
{
    size_t len = strcspn(option, "=");
    int status = collector->heeds ? collector->heeds(request, option, err) : 0;
    if (status || is_listed(collector, option, len))
        return status;
    return err_set(err, -EINVAL, "it has no option '%.*s'", (int)len, option);
}

int collector_serves(const struct collector *collector, const struct collect_request *request,
                     struct err *err)
{
    int status = 0;
    if (!collector->serves(request))
        return err_set(err, -EINVAL, "it does not record this");
    for (size_t i = 0; !status && i < request->option_count; i++)
        status = heeds(collector, request, request->options[i], err);
    if (!status && request->hz_given)
        status = heeds(collector, request, "hz", err);
    if (!status && request->pid)
        status = heeds(collector, request, "pid", err);
    return status;
}

// What would help stands on lines of its own, indented.
static void put_reason(struct bytes *out, const char *name, const char *message)
{
    bytes_printf(out, "%s: ", name);
    for (; *message; message++) {
        bytes_append_char(out, *message);
        if (*message == '\n')
            bytes_append_text(out, "    ");
    }
    bytes_append_char(out, '\n');
}

const struct collector *collector_choose(struct launcher *launcher,
                                         const struct collect_request *request,
                                         struct bytes *passed_over, struct err *why_not)
{
    struct bytes reasons = {0};
    struct err reason = {0};
    const struct collector *chosen = NULL;
    size_t serving = 0, refusing = 0; // the request, whatever this host is
    for (size_t i = 0; collector_table[i] && !chosen; i++) {
        const struct collector *collector = collector_table[i];
        if (!collector->serves(request))
            continue;
        serving++;
        bool refused = collector_serves(collector, request, &reason) != 0;
        refusing += refused;
        if (!refused && !collector->probe(launcher, request, &reason))
            chosen = collector;
        else
            put_reason(&reasons, collector->name, reason.message);
    }
    if (chosen && passed_over)
        bytes_append(passed_over, bytes_text(&reasons), reasons.len);
    if (!chosen && serving && refusing == serving) {
        if (serving > 1)
            err_set(why_not, -EINVAL, "this cannot be recorded so\n%s", bytes_text(&reasons));
        else
            *why_not = reason;
    } else if (!chosen) {
        err_set(why_not, -ENOTSUP, "no collector can record this here\n%s", bytes_text(&reasons));
    }
    bytes_dispose(&reasons);
    return chosen;
}
