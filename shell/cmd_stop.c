// stop: ends collectors.
#include "proto/alloc.h"
#include "shell/session.h"
#include "shell/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool gone(struct session *session, const unsigned *numbers)
{
    for (; *numbers; numbers++) {
        if (job_by_number(&session->jobs, *numbers))
            return false;
    }
    return true;
}

// Waits until what was told to stop has handed over its last samples.
static enum run_result step(struct session *session, struct invocation *run, int64_t now_ns,
                            struct err *err)
{
    (void)now_ns;
    if (gone(session, run->state))
        return RUN_OK;
    if (atomic_load(&session->signals.interrupted)) {
        err_set(err, -ECANCELED, "not waited for; the collectors are stopping");
        return RUN_ERROR;
    }
    return RUN_WAIT;
}

static enum run_result run(struct session *session, struct invocation *run, struct err *err)
{
    const char *word = invocation_word(run, 0);
    struct jobs *jobs = &session->jobs;
    uint64_t number = 0;
    if (word && !strcmp(word, "all"))
        word = NULL;
    if (word && (!units_parse_count(word, &number) || !number || number > UINT32_MAX))
        return invocation_usage(run, run->words[0]->at, err,
                                "'%s' is not a job's number; see 'jobs'", word);
    if (word && !job_by_number(jobs, (unsigned)number))
        return invocation_usage(run, run->words[0]->at, err,
                                "there is no job %s (any more); see 'jobs'", word);
    if (!jobs->count) {
        session_say(session, "nothing is recording");
        return RUN_OK;
    }
    unsigned *numbers = xcalloc(jobs->count + 1, sizeof *numbers);
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        if (number && jobs->items[i]->number != number)
            continue;
        numbers[count++] = jobs->items[i]->number;
        job_stop(jobs->items[i]);
    }
    run->state = numbers;
    run->dispose = free;
    run->step = step;
    run->wake_ns = INT64_MAX;
    return RUN_WAIT;
}

const struct command command_stop = {
    .name = "stop",
    .group = "collect",
    .usage = "stop [JOB | all]",
    .summary = "end a collector, or all",
    .details =
        "What was recorded stays in the buffer. A second 'stop' of a collector that does not "
        "end kills it.",
    .example = "stop",
    .words = {ARG_JOB},
    .choices = "all",
    .max_words = 1,
    .run = run,
};
