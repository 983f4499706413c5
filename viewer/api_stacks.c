// The stacks that the page asks about.
#include "viewer/api_stacks.h"

#include "analysis/transform.h"
#include "viewer/api_params.h"

#include <errno.h>
#include <string.h>

// The selection's query with the ranges of the parameter `name`, and with the values, in place of
// its own, if given. The caller frees *filter, which the query then has.
static int selected(struct query *query, struct range *ranges, struct filter **filter,
                    const struct server_host *host, const struct api_params *params,
                    const char *name, struct err *err)
{
    const char *values = params->get(params->arg, "values");
    struct axis axis;
    size_t count;

    store_axis(host->store, &axis);
    int rc = api_ranges(ranges, &count, params, name, &axis, err);
    if (rc)
        return rc;
    selection_query(host->selection, query);
    if (count) {
        query->ranges = ranges;
        query->range_count = count;
        query->outside = false;
    }
    if (!values)
        return 0;
    query->filter = *filter = filter_with_values(query->filter, values, err);
    return *filter ? 0 : -EINVAL;
}

static int is_on(bool *out, const struct api_params *params, const char *name, struct err *err)
{
    const char *value = params->get(params->arg, name);

    *out = value && strcmp(value, "on") == 0;
    if (value && !*out && strcmp(value, "off") != 0)
        return err_set(err, -EINVAL, "%s='%.20s': expected on or off", name, value);
    return 0;
}

// What the session's settings say, then what this request does.
static int read_transforms(struct transforms *out, enum query_first *first,
                           const struct server_host *host, const struct api_params *params,
                           struct err *err)
{
    const char *words = params->get(params->arg, "transform");
    const char *group = params->get(params->arg, "group");
    bool invert;

    *out = (struct transforms){0};
    *first = QUERY_FIRST_COMM;
    if (host->stacks)
        host->stacks(host->arg, out, first);
    int rc = is_on(&invert, params, "invert", err);
    if (rc == 0 && params->get(params->arg, "invert"))
        rc = transforms_list(out, invert ? "invert" : "-invert", err);
    if (rc == 0 && words)
        rc = transforms_list(out, words, err);
    if (rc == 0 && group)
        rc = transforms_argue(out, "group", strcmp(group, "function") != 0 ? group : NULL, err);
    if (rc == 0)
        transforms_first(out, first);
    return rc;
}

static int ask_one(struct fold *out, const struct server_host *host,
                   const struct api_params *params, const char *name, bool upright, struct err *err)
{
    struct range ranges[API_RANGES_MAX];
    struct transforms transforms;
    struct filter *filter = NULL;
    struct query query;
    enum query_first first;
    int rc = read_transforms(&transforms, &first, host, params, err);

    if (rc == 0 && upright)
        rc = transforms_list(&transforms, "-invert", err);
    if (rc == 0)
        rc = selected(&query, ranges, &filter, host, params, name, err);
    if (rc == 0) {
        query.first = first;
        query.by_line = transforms_by_line(&transforms);
        rc = store_fold(host->store, &query, out, err);
    }
    if (rc == 0)
        rc = transforms_apply(&transforms, out, host->names, NULL, err);
    transforms_dispose(&transforms);
    filter_free(filter);
    return rc;
}

static void compare(struct api_stacks *stacks)
{
    const struct fold *a = &stacks->here, *b = &stacks->base;

    if (b->totals.samples == 0 || a->totals.samples == 0) {
        err_set(&stacks->reason, -ENODATA, "the %s holds no samples: there is nothing to compare",
                b->totals.samples ? "selection" : "baseline");
        return;
    }
    if (diff_folds(&stacks->diff, a, b, DIFF_BY_FUNCTION, &stacks->reason))
        return;
    stacks->compared = true;
    stacks->too_few = diff_samples(&stacks->diff.a) < DIFF_MIN_SAMPLES ||
                      diff_samples(&stacks->diff.b) < DIFF_MIN_SAMPLES;
    if (stacks->too_few)
        err_set(&stacks->reason, -ENODATA, "fewer than %d samples on one side: too few to compare",
                DIFF_MIN_SAMPLES);
    if (!stacks->elided)
        return;
    diff_elided(&stacks->gone, &stacks->diff);
    if (!fold_total(&stacks->gone, &stacks->gone.nodes[0]))
        err_set(&stacks->reason, -ENODATA, "the baseline did nothing that is not done here, too");
}

int api_stacks_ask(struct api_stacks *out, const struct server_host *host,
                   const struct api_params *params, bool upright, struct err *err)
{
    bool elided;

    *out = (struct api_stacks){.has_base = params->get(params->arg, "base") != NULL};
    int rc = is_on(&elided, params, "elided", err);
    if (rc == 0)
        rc = ask_one(&out->here, host, params, "ranges", upright, err);
    if (rc == 0 && out->has_base)
        rc = ask_one(&out->base, host, params, "base", upright, err);
    out->elided = elided && out->has_base;
    if (rc == 0 && out->has_base)
        compare(out);
    return rc;
}

const struct fold *api_stacks_shown(const struct api_stacks *stacks)
{
    if (!stacks->compared)
        return &stacks->here;
    return stacks->elided ? &stacks->gone : &stacks->diff.a;
}

void api_stacks_dispose(struct api_stacks *stacks)
{
    fold_dispose(&stacks->gone);
    diff_dispose(&stacks->diff);
    fold_dispose(&stacks->here);
    fold_dispose(&stacks->base);
}
