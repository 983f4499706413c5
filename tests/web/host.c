// A session around the page's server, for the web tests: a real buffer, filled by a made-up but
// exactly known workload through its sink, the real server, and a prompt of two commands on stdin.
//
// PAST seconds are there from the start; -1: no samples at all.
//
//   web_host [--past SECONDS] [--hz HZ] [--still]
//
// Prints "url URL", then "selection GENERATION FROM TO ..." (seconds from the start) whenever the
// selection changes. Reads "slice WORDS" and "quit".
#include "analysis/buffer.h"
#include "analysis/selection.h"
#include "proto/alloc.h"
#include "shell/timewords.h"
#include "viewer/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

struct host {
    struct buffer *buffer;
    struct store *store;
    struct selection *selection;
    struct sink *sink;
    uint32_t source;
    struct server *server;
    unsigned hz;
    bool live;
    int64_t started_ns, made_ns; // samples exist up to here
    uint64_t random;
    uint64_t samples;
    uint32_t threads[4], event;
    uint32_t nodes[4][64];
    size_t node_count[4];
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static uint32_t draw(struct host *host, uint32_t below)
{
    host->random = host->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(host->random >> 33) % below;
}

// --- the workload -------------------------------------------------------------------------------

// A stack as "frame;frame;frame" below a thread's comm; "k:" marks the kernel's, "j:" JIT's.
static uint32_t stack(struct dict *dict, const char *comm, const char *text)
{
    uint32_t node = dict_comm_node(dict, dict_string_z(dict, comm));

    while (*text) {
        size_t len = strcspn(text, ";");
        struct frame frame = {.kind = FRAME_USER};
        const char *name = text;
        size_t name_len = len;
        if (len > 2 && text[1] == ':') {
            frame.kind = text[0] == 'k' ? FRAME_KERNEL : text[0] == 'j' ? FRAME_JIT : FRAME_INLINED;
            name += 2;
            name_len -= 2;
        }
        if (name_len == 1 && *name == '?')
            frame.address = 0x7f31c0de0;
        else
            frame.name = dict_string(dict, name, name_len);
        frame.module =
            dict_string_z(dict, frame.kind == FRAME_KERNEL ? "[kernel]" : "/usr/bin/demo");
        node = dict_node(dict, node, dict_frame(dict, &frame));
        text += len + (text[len] == ';');
    }
    return node;
}

static void add_stacks(struct host *host, size_t thread, const char *comm,
                       const char *const *stacks, size_t count)
{
    struct dict *dict = host->sink->dict;
    struct thread row = {.pid = 7000 + (int)thread, .tid = 7000 + (int)thread};

    row.comm = dict_string_z(dict, comm);
    host->threads[thread] = dict_thread(dict, &row);
    host->node_count[thread] = count;
    for (size_t i = 0; i < count; i++)
        host->nodes[thread][i] = stack(dict, comm, stacks[i]);
}

static void add_names(struct host *host)
{
    static const char *const serve[] = {
        "main;server::Loop::run();server::Http::accept(int);server::Http::parse(std::string_view);"
        "<img src=x onerror=alert(1)>",
        "main;server::Loop::run();server::Http::accept(int);k:entry_SYSCALL_64;k:do_syscall_64;k:__"
        "x64_sys_recvfrom;k:tcp_recvmsg;k:tcp_recvmsg_locked",
        "main;server::Loop::run();server::Orders::handle(server::Request "
        "const&);server::Orders::price(int);i:std::vector<int>::at;j:comparePrice",
        "main;server::Loop::run();server::Orders::handle(server::Request "
        "const&);server::Json::write(server::Order const&);server::Json::escape",
        "main;server::Loop::run();server::Orders::handle(server::Request const&);?",
        "main;server::Loop::run();epoll_wait;k:entry_SYSCALL_64;k:do_syscall_64;k:__x64_sys_epoll_"
        "wait;k:ep_poll",
    };
    static const char *const rebuild[] = {
        "main;server::Loop::run();server::Timers::fire();server::Catalog::tick();rebuild_index;"
        "server::Catalog::sort(server::Catalog::Order);std::__introsort_loop<server::Item*, long, "
        "server::ByPrice>;server::ByPrice::operator()",
        "main;server::Loop::run();server::Timers::fire();server::Catalog::tick();rebuild_index;"
        "server::Catalog::clone();operator new;malloc;_int_malloc",
        "main;server::Loop::run();server::Timers::fire();server::Catalog::tick();rebuild_index;j:"
        "buildPostings;j:hashTerm",
        "main;server::Loop::run();server::Timers::fire();server::Catalog::tick();rebuild_index;"
        "server::Catalog::clone();operator "
        "new;malloc;sysmalloc;k:asm_exc_page_fault;k:exc_page_fault;k:handle_mm_fault;k:clear_page_"
        "erms",
    };
    static const char *const metrics[] = {
        "start_thread;metrics::flush;metrics::Encoder::varint",
        "start_thread;metrics::flush;write;k:entry_SYSCALL_64;k:do_syscall_64;k:ksys_write;k:vfs_"
        "write",
    };
    static const char *const gzip[] = {"main;treat_file;deflate;longest_match",
                                       "main;treat_file;deflate;compress_block"};

    add_stacks(host, 0, "shop-api", serve, 6);
    add_stacks(host, 1, "shop-api", rebuild, 4);
    add_stacks(host, 2, "metrics", metrics, 2);
    add_stacks(host, 3, "gzip", gzip, 2);
    struct event event = {.name = dict_string_z(host->sink->dict, "cpu-clock"),
                          .unit = dict_string_z(host->sink->dict, "ns")};
    host->event = dict_event(host->sink->dict, &event);
}

static struct sample sample_of(struct host *host, int64_t time_ns, unsigned cpu, size_t thread)
{
    return (struct sample){.time_ns = time_ns,
                           .value = (uint64_t)(SECOND / host->hz),
                           .node =
                               host->nodes[thread][draw(host, (uint32_t)host->node_count[thread])],
                           .thread = host->threads[thread],
                           .cpu = (uint16_t)cpu,
                           .event = (uint16_t)host->event};
}

// What a CPU runs at that time: steady requests, an index rebuild of 300 ms every 5.035 s, metrics
// at 600 ms of each second, gzip for 4 s of each minute; -1: idle.
static int running(struct host *host, int64_t since_ns, unsigned cpu)
{
    int64_t in_rebuild = since_ns % 5035000000, in_second = since_ns % SECOND;
    int64_t in_minute = since_ns % (60 * SECOND);

    if (in_minute > 50 * SECOND && in_minute < 54 * SECOND && draw(host, 100) < 92)
        return 3;
    if (cpu == 0 && in_rebuild >= 3120000000 && in_rebuild < 3420000000)
        return 1;
    if (cpu == 1 && in_second >= 600000000 && in_second < 620000000)
        return 2;
    return draw(host, 100) < 18 ? 0 : -1;
}

// CPU 0 loses one second in each minute.
static bool loses(int64_t since_ns, unsigned cpu)
{
    return cpu == 0 && since_ns / SECOND % 60 == 35;
}

static void give(struct host *host, const struct sample *samples, size_t count)
{
    struct err err = {0};

    if (sink_samples(host->sink, samples, count, &err)) {
        fprintf(stderr, "web_host: %s\n", err.message);
        exit(1);
    }
    host->samples += count;
}

static void make_until(struct host *host, int64_t to_ns)
{
    struct sample batch[512];
    struct err err = {0};
    size_t count = 0;
    int64_t period_ns = SECOND / host->hz, from_ns = host->made_ns;

    for (; host->made_ns + period_ns <= to_ns; host->made_ns += period_ns) {
        int64_t since_ns = host->made_ns - host->started_ns;
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            int thread = running(host, since_ns, cpu);
            if (thread >= 0 && !loses(since_ns, cpu))
                batch[count++] = sample_of(host, host->made_ns + cpu * 1000, cpu, (size_t)thread);
        }
        if (loses(since_ns, 0) && !loses(since_ns + period_ns, 0)) {
            struct loss loss = {.from_ns = since_ns / SECOND * SECOND + host->started_ns,
                                .to_ns = host->made_ns + period_ns,
                                .count = host->hz / 5,
                                .cpu = 0,
                                .where = LOSS_RING};
            if (sink_loss(host->sink, &loss, &err))
                exit(1);
        }
        if (count >= 500) {
            give(host, batch, count);
            count = 0;
        }
    }
    give(host, batch, count);
    buffer_source_watched(host->buffer, host->source, from_ns, host->made_ns);
}

static void start_workload(struct host *host, int64_t past_ns)
{
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    struct hello hello = {.collector = "made up",
                          .command = "web_host",
                          .host = "demo-1",
                          .rate_hz = host->hz,
                          .cpus = 2,
                          .clock = CLOCK_KIND_MONOTONIC,
                          .wall_offset_ns = clock_ns(CLOCK_REALTIME) - now_ns,
                          .wall_known = true};
    struct err err = {0};

    if (sink_hello(host->sink, &hello, &err))
        exit(1);
    add_names(host);
    host->started_ns = host->made_ns = now_ns - past_ns;
    if (past_ns > 70 * SECOND) { // two seconds without a collector
        make_until(host, host->started_ns + 60 * SECOND + SECOND / 3);
        host->made_ns += 2 * SECOND + SECOND / 10;
    }
    make_until(host, now_ns);
}

// --- the session --------------------------------------------------------------------------------

static void status(void *arg, struct server_status *out)
{
    const struct host *host = arg;
    struct buffer_stats stats;
    double seconds = (double)(host->made_ns - host->started_ns) / 1e9;

    buffer_stats(host->buffer, &stats);
    *out =
        (struct server_status){.recording = host->live,
                               .title = "demo-1",
                               .source = "cpu-clock, 499 Hz, 2 CPUs",
                               .recording_s = seconds,
                               .samples_per_s = seconds > 0 ? (double)host->samples / seconds : 0,
                               .lost_share = 0.004,
                               .unresolved_share = 0.05,
                               .collector_cpu_share = 0.002,
                               .buffer_s = seconds,
                               .cpus = 2,
                               .buffer_bytes = stats.column_bytes + stats.table_bytes};
}

static int slice(void *arg, const char *words, const char *values, struct err *err)
{
    struct host *host = arg;
    struct range *ranges = NULL;
    size_t count = 0;
    struct axis axis;
    int rc = 0;

    store_axis(host->store, &axis);
    if (strcmp(words, "all") != 0) {
        size_t bad_at;
        rc = timewords_parse(&ranges, &count, words, &axis,
                             host->live ? clock_ns(CLOCK_MONOTONIC) : axis.last_ns, &bad_at, err);
    }
    if (rc == 0 && values)
        rc = selection_set_values(host->selection, values, err);
    if (rc == 0)
        selection_set_ranges(host->selection, ranges, count);
    free(ranges);
    return rc;
}

static void print_selection(struct host *host, uint64_t *printed)
{
    size_t count;
    const struct range *ranges = selection_ranges(host->selection, &count);
    struct axis axis;

    if (*printed == selection_generation(host->selection))
        return;
    *printed = selection_generation(host->selection);
    store_axis(host->store, &axis);
    printf("selection %llu", (unsigned long long)*printed);
    for (size_t i = 0; i < count; i++)
        printf(" %.3f %.3f", (double)(ranges[i].from_ns - axis.start_ns) / 1e9,
               (double)(ranges[i].to_ns - axis.start_ns) / 1e9);
    printf("\n");
}

// One line of the prompt; false: leave.
static bool command(struct host *host, char *line)
{
    struct err err = {0};

    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "slice ", 6) == 0 && slice(host, line + 6, NULL, &err))
        printf("error %s\n", err.message);
    return strcmp(line, "quit") != 0;
}

static void loop(struct host *host)
{
    uint64_t printed = selection_generation(host->selection);
    char line[4096];
    size_t len = 0;

    for (bool more = true; more;) {
        struct pollfd fds[] = {{.fd = 0, .events = POLLIN},
                               {.fd = server_fd(host->server), .events = POLLIN}};
        int timeout_ms = server_timeout_ms(host->server);
        if (host->live && (timeout_ms < 0 || timeout_ms > 50))
            timeout_ms = 50;
        if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
            break;
        if (host->live)
            make_until(host, clock_ns(CLOCK_MONOTONIC));
        buffer_tick(host->buffer);
        if (fds[0].revents) {
            ssize_t got = read(0, line + len, sizeof line - 1 - len);
            if (got <= 0)
                break;
            len += (size_t)got;
            line[len] = 0;
            for (char *end; more && (end = strchr(line, '\n'));) {
                size_t used = (size_t)(end - line) + 1;
                *end = 0;
                more = command(host, line);
                memmove(line, line + used, len - used + 1);
                len -= used;
            }
        }
        server_run(host->server, clock_ns(CLOCK_MONOTONIC));
        print_selection(host, &printed);
    }
}

int main(int argc, char **argv)
{
    struct host host = {.hz = 499, .live = true, .random = 20261122};
    struct err err = {0};
    int64_t past_s = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--past") == 0 && i + 1 < argc)
            past_s = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--hz") == 0 && i + 1 < argc)
            host.hz = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--still") == 0)
            host.live = false;
    }
    host.buffer = buffer_new(256 << 20, 0);
    host.store = buffer_store(host.buffer);
    host.selection = selection_new();
    host.source = buffer_source_add(host.buffer, "made up", &host.sink);
    if (past_s >= 0)
        start_workload(&host, past_s * SECOND);
    struct server_host page = {.store = host.store,
                               .selection = host.selection,
                               .status = status,
                               .slice = slice,
                               .arg = &host};
    if (server_start(&host.server, &page, &err)) {
        fprintf(stderr, "web_host: %s\n", err.message);
        return 1;
    }
    printf("url %s\n", server_url(host.server));
    loop(&host);
    server_stop(host.server);
    selection_free(host.selection);
    buffer_free(host.buffer);
    return 0;
}
