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

const struct collector *collector_choose(struct launcher *launcher,
                                         const struct collect_request *request,
                                         struct bytes *passed_over, struct err *why_not)
{
    struct bytes reasons = {0};
    const struct collector *chosen = NULL;
    for (size_t i = 0; collector_table[i] && !chosen; i++) {
        const struct collector *collector = collector_table[i];
        struct err reason = {0};
        if (!collector->serves(request))
            continue;
        if (!collector->probe(launcher, &reason))
            chosen = collector;
        else
            bytes_printf(&reasons, "%s: %s\n", collector->name, reason.message);
    }
    if (chosen && passed_over)
        bytes_append(passed_over, bytes_text(&reasons), reasons.len);
    if (!chosen)
        err_set(why_not, -ENOTSUP, "no collector can record this here\n%s", bytes_text(&reasons));
    bytes_dispose(&reasons);
    return chosen;
}
