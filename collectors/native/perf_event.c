// Perf events by name. Names are those of perf's own list; the numbers are linux/perf_event.h's.
#include "collectors/native/perf_event.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char devices[] = "/sys/bus/event_source/devices";

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
} events[] = {
    {"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
    {"cgroup-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CGROUP_SWITCHES},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
};

static bool find_listed(struct perf_event_attr *attr, const char *name)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (strcmp(events[i].name, name) != 0)
            continue;
        attr->type = events[i].type;
        attr->config = events[i].config;
        return true;
    }
    return false;
}

// CACHE-OPERATION[-misses]: "LLC-load-misses", "dTLB-stores".
static bool find_cache(struct perf_event_attr *attr, const char *name)
{
    static const struct {
        const char *name;
        uint64_t id;
    } caches[] = {
        {"L1-dcache", PERF_COUNT_HW_CACHE_L1D}, {"L1-icache", PERF_COUNT_HW_CACHE_L1I},
        {"LLC", PERF_COUNT_HW_CACHE_LL},        {"dTLB", PERF_COUNT_HW_CACHE_DTLB},
        {"iTLB", PERF_COUNT_HW_CACHE_ITLB},     {"branch", PERF_COUNT_HW_CACHE_BPU},
        {"node", PERF_COUNT_HW_CACHE_NODE},
    };
    static const struct {
        const char *name;
        uint64_t operation, result;
    } ends[] = {
        {"-loads", PERF_COUNT_HW_CACHE_OP_READ, PERF_COUNT_HW_CACHE_RESULT_ACCESS},
        {"-load-misses", PERF_COUNT_HW_CACHE_OP_READ, PERF_COUNT_HW_CACHE_RESULT_MISS},
        {"-stores", PERF_COUNT_HW_CACHE_OP_WRITE, PERF_COUNT_HW_CACHE_RESULT_ACCESS},
        {"-store-misses", PERF_COUNT_HW_CACHE_OP_WRITE, PERF_COUNT_HW_CACHE_RESULT_MISS},
        {"-prefetches", PERF_COUNT_HW_CACHE_OP_PREFETCH, PERF_COUNT_HW_CACHE_RESULT_ACCESS},
        {"-prefetch-misses", PERF_COUNT_HW_CACHE_OP_PREFETCH, PERF_COUNT_HW_CACHE_RESULT_MISS},
    };
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        size_t len = strlen(caches[i].name);
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            if (strncmp(name, caches[i].name, len) || strcmp(name + len, ends[k].name))
                continue;
            attr->type = PERF_TYPE_HW_CACHE;
            attr->config = caches[i].id | ends[k].operation << 8 | ends[k].result << 16;
            return true;
        }
    }
    return false;
}

static bool find_raw(struct perf_event_attr *attr, const char *name)
{
    char *end = NULL;
    if (name[0] != 'r' || !isxdigit((unsigned char)name[1]))
        return false;
    attr->type = PERF_TYPE_RAW;
    attr->config = strtoull(name + 1, &end, 16);
    return !*end;
}

// The first line of a file below the devices.
static bool read_line(char *line, size_t size, const char *pmu, const char *folder,
                      const char *name)
{
    char path[PATH_MAX];
    if (strchr(pmu, '/') || strchr(name, '/') || *pmu == '.' || *name == '.')
        return false;
    snprintf(path, sizeof path, "%s/%s/%s%s", devices, pmu, folder, name);
    FILE *file = fopen(path, "re");
    bool got = file && fgets(line, (int)size, file);
    if (file)
        fclose(file);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

// Puts a value where the PMU's format file says: "config:0-7,32-35".
static bool set_term(struct perf_event_attr *attr, const char *pmu, const char *term,
                     uint64_t value)
{
    char format[128], *at = format;
    if (!read_line(format, sizeof format, pmu, "format/", term))
        return false;
    uint64_t word = 0;
    char *colon = strchr(format, ':');
    for (at = colon ? colon + 1 : format + strlen(format); *at;) {
        unsigned long from = strtoul(at, &at, 10), to = from;
        if (*at == '-')
            to = strtoul(at + 1, &at, 10);
        for (; from <= to && from < 64; from++, value >>= 1)
            word |= (value & 1) << from;
        if (*at != ',')
            break;
        at++;
    }
    if (!strncmp(format, "config1:", 8))
        attr->config1 |= word;
    else if (!strncmp(format, "config2:", 8))
        attr->config2 |= word;
    else
        attr->config |= word;
    return true;
}

// "event=0x3c,umask=1", or the name of an event of the PMU, which stands for such terms.
static bool set_terms(struct perf_event_attr *attr, const char *pmu, const char *terms, int nested)
{
    char copy[256], named[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", terms);
    for (char *term = strtok_r(copy, ",", &rest); term; term = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(term, '=');
        if (equals)
            *equals = '\0';
        if (!equals && !nested && read_line(named, sizeof named, pmu, "events/", term)) {
            if (!set_terms(attr, pmu, named, 1))
                return false;
            continue;
        }
        if (!set_term(attr, pmu, term, equals ? strtoull(equals + 1, NULL, 0) : 1))
            return false;
    }
    return true;
}

// "PMU/TERMS/"
static bool find_pmu(struct perf_event_attr *attr, const char *name)
{
    char pmu[64], terms[256], type[32], tail = '\0';
    if (sscanf(name, "%63[^/]/%255[^/]%c", pmu, terms, &tail) != 3 || tail != '/')
        return false;
    if (!read_line(type, sizeof type, pmu, "", "type"))
        return false;
    attr->type = (uint32_t)strtoul(type, NULL, 10);
    return set_terms(attr, pmu, terms, 0);
}

int perf_event_find(struct perf_event_attr *attr, const char *name, struct err *err)
{
    if (find_listed(attr, name) || find_cache(attr, name) || find_raw(attr, name) ||
        find_pmu(attr, name))
        return 0;
    return err_set(err, -ENOENT, "no event '%s'\n%s", name,
                   strchr(name, ':') ? "a tracepoint is recorded with tp=SYSTEM:NAME"
                                     : "'perf list' shows those of this host");
}

bool perf_event_is_clock(const struct perf_event_attr *attr)
{
    return attr->type == PERF_TYPE_SOFTWARE &&
           (attr->config == PERF_COUNT_SW_CPU_CLOCK || attr->config == PERF_COUNT_SW_TASK_CLOCK);
}

bool perf_event_is_counted(const struct perf_event_attr *attr)
{
    return attr->type == PERF_TYPE_SOFTWARE && !perf_event_is_clock(attr);
}

static bool has_counters(void)
{
    char path[PATH_MAX];
    static const char *const pmus[] = {"cpu", "cpu_core", "armv8_pmuv3", "armv8_pmuv3_0"};
    for (size_t i = 0; i < sizeof pmus / sizeof *pmus; i++) {
        snprintf(path, sizeof path, "%s/%s", devices, pmus[i]);
        if (!access(path, F_OK))
            return true;
    }
    return false;
}

int perf_event_why_not(const struct perf_event_attr *attr, const char *name, int error,
                       struct err *err)
{
    if (attr->type != PERF_TYPE_SOFTWARE && (error == -ENOENT || error == -EOPNOTSUPP)) {
        if (!has_counters())
            return err_set(err, error,
                           "'%s' needs a PMU, and this host shows none (most virtual machines do "
                           "not)\nevent=cpu-clock, context-switches, page-faults... work without",
                           name);
        return err_set(err, error, "the CPU does not count '%s'", name);
    }
    if (error == -EINVAL)
        return err_set(err, error,
                       "the kernel does not sample '%s' like this\nhz= is limited by "
                       "kernel.perf_event_max_sample_rate; some events count, but cannot sample",
                       name);
    if (error == -EACCES || error == -EPERM)
        return err_set(err, error, "not allowed to sample '%s'\nit needs root", name);
    return err_set(err, error, "cannot sample '%s': %s", name, strerror(-error));
}
