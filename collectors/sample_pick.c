// Which samples of a stream are wanted, where the tool that writes it cannot choose them itself.
#include "collectors/sample_pick.h"

#include "proto/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_common(const char *option)
{
    static const char *const names[] = {"tid", "comm", "cpu", "kernel", "user", "depth"};
    size_t len = strcspn(option, "=");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == len && !memcmp(names[i], option, len))
            return true;
    }
    return false;
}

int sample_pick_options(struct native_options *options, const struct collect_request *request,
                        struct err *err)
{
    // The words mean what they mean to our own collector.
    const char **words = xcalloc(request->option_count + 2, sizeof *words);
    int count = 0;
    words[count++] = "";
    words[count++] = native_kind_name(NATIVE_CPU);
    for (size_t i = 0; i < request->option_count; i++) {
        if (is_common(request->options[i]))
            words[count++] = request->options[i];
    }
    int status = native_options_parse(options, count, (char *const *)words, err);
    options->pid = request->pid;
    free(words);
    return status;
}

void sample_pick_init(struct sample_pick *pick, const struct native_options *options)
{
    *pick = (struct sample_pick){
        .pid = (int32_t)options->pid, .tid = (int32_t)options->tid, .has_cpus = options->has_cpus};
    snprintf(pick->comm, sizeof pick->comm, "%s", options->comm ? options->comm : "");
    memcpy(pick->cpus, options->cpus, sizeof pick->cpus);
}

bool sample_pick_takes_all(const struct sample_pick *pick)
{
    return !pick->pid && !pick->tid && !*pick->comm && !pick->has_cpus;
}

static bool takes_cpu(const struct sample_pick *pick, uint16_t cpu)
{
    return cpu / 64 < NATIVE_CPU_WORDS && pick->cpus[cpu / 64] >> (cpu % 64) & 1;
}

uint32_t sample_pick_cpus(const struct sample_pick *pick, uint32_t count)
{
    uint32_t picked = 0;
    for (uint32_t cpu = 0; cpu < count && cpu < SAMPLE_NO_CPU; cpu++)
        picked += !pick->has_cpus || takes_cpu(pick, (uint16_t)cpu);
    return picked;
}

bool sample_pick_takes(const struct sample_pick *pick, const struct dict *dict,
                       const struct sample *sample)
{
    const struct thread *thread = &dict->threads[sample->thread];
    if ((pick->pid && thread->pid >= 0 && thread->pid != pick->pid) ||
        (pick->tid && thread->tid != pick->tid) ||
        (pick->has_cpus && !takes_cpu(pick, sample->cpu)))
        return false;
    return !*pick->comm ||
           !strncmp(dict_text(dict, thread->comm), pick->comm, sizeof pick->comm - 1);
}
