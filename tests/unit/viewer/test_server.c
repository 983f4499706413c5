// The page's server over real sockets: who is let in, what is answered, streams and their ends.
#include "analysis/buffer.h"
#include "tests/test.h"
#include "viewer/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

struct fixture {
    struct buffer *buffer;
    struct sink *sink;
    uint32_t source;
    struct selection *selection;
    struct server *server;
    unsigned port;
    char token[33];
    char cookie[128]; // "Cookie: ...\r\n"
    char words[128];  // of the last slice
    bool recording;   // then the collector's CPU is another with every question
    unsigned asked;   // for the status
    int64_t now_ns;
};

static void status(void *arg, struct server_status *out)
{
    struct fixture *fixture = arg;

    fixture->asked++;
    *out = (struct server_status){.title = "test \"host\"",
                                  .source = "made up",
                                  .lost_share = 0.25,
                                  .recording = fixture->recording,
                                  .collector_cpu_share =
                                      fixture->recording ? fixture->asked / 1e4 : 0};
}

// Understands "1-2" only, in seconds of the axis itself, and does not follow "elsewhere".
static int slice(void *arg, const char *words, const char *values, struct err *err)
{
    struct fixture *fixture = arg;
    struct range range = {.from_ns = SECOND, .to_ns = 2 * SECOND};

    if (values && selection_set_values(fixture->selection, values, err))
        return -EINVAL;

    snprintf(fixture->words, sizeof fixture->words, "%s", words);
    if (!strcmp(words, "elsewhere"))
        return err_set(err, -EBUSY, "not followed");
    if (strcmp(words, "1-2") != 0)
        return err_set(err, -EINVAL, "'%s' is not a time", words);
    selection_set_ranges(fixture->selection, &range, 1);
    return 0;
}

// Ten samples a second for four seconds: main;work, and main;spin between 1 s and 2 s.
static void fill(struct fixture *fixture)
{
    struct dict *dict = fixture->sink->dict;
    uint32_t comm = dict_string_z(dict, "demo");
    struct frame frames[] = {{.name = dict_string_z(dict, "main")},
                             {.name = dict_string_z(dict, "work<&>")},
                             {.name = dict_string_z(dict, "spin")}};
    uint32_t root = dict_node(dict, dict_comm_node(dict, comm), dict_frame(dict, &frames[0]));
    uint32_t work = dict_node(dict, root, dict_frame(dict, &frames[1]));
    uint32_t spin = dict_node(dict, root, dict_frame(dict, &frames[2]));
    struct thread thread = {.pid = 1, .tid = 1, .comm = comm};
    struct event event = {.name = dict_string_z(dict, "cpu-clock")};
    struct hello hello = {.collector = "test", .rate_hz = 10, .cpus = 1};
    struct err err = {0};

    assert_int_equal(sink_hello(fixture->sink, &hello, &err), 0);
    for (int i = 0; i < 40; i++) {
        struct sample sample = {.time_ns = i * SECOND / 10 + 1000,
                                .value = 1,
                                .node = i / 10 == 1 ? spin : work,
                                .thread = dict_thread(dict, &thread),
                                .event = (uint16_t)dict_event(dict, &event)};
        assert_int_equal(sink_samples(fixture->sink, &sample, 1, &err), 0);
    }
    buffer_source_watched(fixture->buffer, fixture->source, 0, 4 * SECOND);
}

static void pump(struct fixture *fixture)
{
    fixture->now_ns += SECOND / 10; // every pump is a tick
    server_run(fixture->server, fixture->now_ns);
}

static int dial(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fixture->port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// Reads until `until` was seen or the other side closed; *got grows. True when it was seen.
static bool hear(struct fixture *fixture, int fd, struct bytes *got, const char *until)
{
    for (int turns = 0; turns < 20000; turns++) {
        char block[65536];
        ssize_t len = recv(fd, block, sizeof block, MSG_DONTWAIT);
        if (len > 0)
            bytes_append(got, block, (size_t)len);
        if (until && strstr(bytes_text(got), until))
            return true;
        if (len == 0 || (len < 0 && errno != EAGAIN))
            return false;
        if (len < 0) {
            pump(fixture);
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            poll(&ready, 1, 1);
        }
    }
    fail_msg("no '%s' in '%s'", until ? until : "end", bytes_text(got));
    return false;
}

// One request whose connection ends with the answer; the caller frees it.
static char *ask_raw(struct fixture *fixture, const char *request)
{
    struct bytes got = {0};
    int fd = dial(fixture);

    say(fd, request);
    hear(fixture, fd, &got, NULL);
    close(fd);
    pump(fixture);
    return got.data ? got.data : strdup("");
}

static char *ask(struct fixture *fixture, const char *method, const char *path, const char *headers,
                 const char *body)
{
    char request[8192];

    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%sConnection: close\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, fixture->port, headers, strlen(body), body);
    return ask_raw(fixture, request);
}

static void expect(struct fixture *fixture, const char *method, const char *path,
                   const char *headers, const char *body, int code, const char *text)
{
    char *answer = ask(fixture, method, path, headers, body), line[32];

    snprintf(line, sizeof line, "HTTP/1.1 %d ", code);
    if (strncmp(answer, line, strlen(line)) != 0 || !strstr(answer, text))
        fail_msg("%s %s: expected %d and '%s' in: %s", method, path, code, text, answer);
    free(answer);
}

static void get(struct fixture *fixture, const char *path, int code, const char *text)
{
    expect(fixture, "GET", path, fixture->cookie, "", code, text);
}

static void sign_in(struct fixture *fixture)
{
    char header[80];

    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", fixture->token);
    char *answer = ask(fixture, "GET", "/api/login", header, "");
    char *cookie = strstr(answer, "Set-Cookie: ");
    assert_non_null(cookie);
    assert_non_null(strstr(cookie, "; HttpOnly; SameSite=Strict"));
    snprintf(fixture->cookie, sizeof fixture->cookie, "Cookie: %.*s\r\n",
             (int)strcspn(cookie + 12, ";"), cookie + 12);
    free(answer);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err err = {0};

    fixture->buffer = buffer_new(16 << 20, 0);
    fixture->source = buffer_source_add(fixture->buffer, "test", &fixture->sink);
    fixture->selection = selection_new();
    fill(fixture);
    struct server_host host = {.store = buffer_store(fixture->buffer),
                               .selection = fixture->selection,
                               .status = status,
                               .slice = slice,
                               .arg = fixture};
    assert_int_equal(server_start(&fixture->server, &host, &err), 0);
    assert_int_equal(sscanf(server_url(fixture->server), "http://127.0.0.1:%u/#%32[0-9a-f]",
                            &fixture->port, fixture->token),
                     2);
    sign_in(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    server_stop(fixture->server);
    selection_free(fixture->selection);
    buffer_free(fixture->buffer);
    free(fixture);
    return 0;
}

static void page_is_served_to_anyone(void **state)
{
    get(*state, "/", 200, "Content-Encoding: gzip");
    expect(*state, "GET", "/", "", "", 200,
           "Content-Security-Policy: default-src 'none'; script-src 'self'");
    expect(*state, "GET", "/app.js", "", "", 200, "X-Content-Type-Options: nosniff");
    expect(*state, "GET", "/style.css", "", "", 200, "Referrer-Policy: no-referrer");
    expect(*state, "GET", "/index.html", "", "", 404, "no such page");
    expect(*state, "GET", "/../server.c", "", "", 404, "no such page");
    expect(*state, "GET", "/%2e%2e/%2e%2e/etc/passwd", "", "", 404, "no such page");
    expect(*state, "POST", "/", "", "", 405, "only GET");
}

static void strangers_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = {"/api/stream", "/api/heatmap", "/api/flame",
                                        "/api/top",    "/api/slice",   "/api/nothing"};
    char wrong[128];

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        expect(fixture, "GET", paths[i], "", "", 401, "use the link");
    expect(fixture, "POST", "/api/slice", "", "1-2", 401, "use the link");
    snprintf(wrong, sizeof wrong, "Cookie: flicker-%u=%s\r\n", fixture->port, fixture->token);
    expect(fixture, "GET", "/api/top", wrong, "", 401, "use the link");
    snprintf(wrong, sizeof wrong, "Authorization: Bearer %.31sx\r\n", fixture->token);
    expect(fixture, "GET", "/api/login", wrong, "", 401, "not this session's");
    assert_string_equal(fixture->words, "");
}

static void foreign_requests_are_refused_before_routing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example:%u\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: http://evil.example\r\nConnection: "
        "close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: null\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nSec-Fetch-Site: cross-site\r\nConnection: "
        "close\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char request[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(request, sizeof request, requests[i], fixture->port);
#pragma GCC diagnostic pop
        char *answer = ask_raw(fixture, request);
        if (!strstr(answer, " 403 ") && !strstr(answer, " 400 "))
            fail_msg("not refused: %s -> %s", request, answer);
        free(answer);
    }
}

// The usual reason is a tunnel with another port at its near end.
static void a_refusal_says_the_way_in(void **state)
{
    struct fixture *fixture = *state;
    char tunnel[64];
    char *answer =
        ask_raw(fixture, "GET / HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n");

    snprintf(tunnel, sizeof tunnel, "ssh -L %u:127.0.0.1:%u", fixture->port, fixture->port);
    assert_non_null(strstr(answer, tunnel));
    free(answer);
}

// What never becomes a request; the sender has said all it will.
static void say_rubbish(struct fixture *fixture, const char *text)
{
    struct bytes got = {0};
    int fd = dial(fixture);

    say(fd, text);
    pump(fixture);
    shutdown(fd, SHUT_WR);
    hear(fixture, fd, &got, NULL);
    assert_true(got.len == 0 || strstr(got.data, " 4"));
    bytes_dispose(&got);
    close(fd);
}

static void rubbish_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char *huge = malloc(1 << 20);

    say_rubbish(fixture, "\r\n\r\n\r\nGET\r\n\r\n");
    say_rubbish(fixture, "\x16\x03\x01\x02\n\n\n");
    memset(huge, 'a', (1 << 20) - 1);
    memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
    huge[(1 << 20) - 1] = 0;
    int fd = dial(fixture);
    struct bytes got = {0};
    int sent = (int)send(fd, huge, 60000, MSG_NOSIGNAL);
    assert_true(sent > 0);
    pump(fixture);
    shutdown(fd, SHUT_WR);
    hear(fixture, fd, &got, NULL);
    assert_true(got.len == 0 || strstr(got.data, " 4"));
    bytes_dispose(&got);
    close(fd);
    free(huge);
    get(fixture, "/api/top", 200, "\"rows\""); // still there
}

static void questions_are_answered(void **state)
{
    struct fixture *fixture = *state;

    get(fixture, "/api/flame", 200, "\"totals\":{\"samples\":40");
    get(fixture, "/api/flame", 200, "{\"n\":\"work\\u003c&>\",\"k\":0,\"v\":30,\"s\":30}");
    get(fixture, "/api/flame?ranges=1000000000:2000000000", 200,
        "\"root\":{\"n\":\"all\",\"v\":10");
    get(fixture, "/api/flame?ranges=1000000000:2000000000&base=0:1000000000", 200,
        "\"n\":\"main\",\"k\":0,\"v\":10,\"b\":10,\"c\"");
    get(fixture, "/api/flame?least=0.5", 200, "\"pruned\":1");
    get(fixture, "/api/top?n=1", 200, "\"functions\":3,\"rows\":[{\"n\":\"work");
    get(fixture, "/api/top?by=total&n=1", 200, "\"rows\":[{\"n\":\"main\"");
    get(fixture, "/api/heatmap?columns=4&rows=2", 200,
        "\"columns\":[{\"t\":0,\"n\":[5,5]},{\"t\":1000000000,\"n\":[5,5]}");
    get(fixture, "/api/heatmap?columns=2&rows=1&from=1000000000&search=spin", 200,
        "{\"t\":1000000000,\"n\":[10]},{\"t\":2000000000,\"n\":[]}");
    get(fixture, "/api/heatmap?columns=1", 200, "\"title\":\"test \\\"host\\\"\"");
}

// Two seconds of work and spin, then two of work: what is new, gone, too few, and nothing at all.
static void a_baseline_is_compared(void **state)
{
    struct fixture *fixture = *state;

    get(fixture, "/api/flame?ranges=0:2000000000&base=2000000000:4000000000", 200,
        "{\"n\":\"spin\",\"k\":0,\"v\":10,\"s\":10,\"d\":5},"
        "{\"n\":\"work\\u003c&>\",\"k\":0,\"v\":10,\"s\":10,\"b\":20,\"bs\":20,\"d\":-5}");
    get(fixture, "/api/flame?ranges=0:2000000000&base=2000000000:4000000000", 200,
        "\"tooFew\":false,\"elided\":false,\"kinds\"");
    // What only the baseline has is no part of the picture, but of the elided one.
    get(fixture, "/api/flame?least=0&base=0:2000000000&ranges=2000000000:4000000000", 200,
        "\"c\":[{\"n\":\"work\\u003c&>\",\"k\":0,\"v\":20,\"s\":20,\"b\":10,\"bs\":10,\"d\":5}]}]}]"
        "},"
        "\"pruned\":0}");
    get(fixture, "/api/flame?elided=on&base=0:2000000000&ranges=2000000000:4000000000", 200,
        "\"c\":[{\"n\":\"spin\",\"k\":0,\"v\":10,\"s\":10}]");
    get(fixture, "/api/flame?elided=on&ranges=0:2000000000&base=2000000000:4000000000", 200,
        "\"note\":\"the baseline did nothing that is not done here, too\"");
    get(fixture, "/api/flame?ranges=0:1000000000&base=1000000000:4000000000", 200,
        "\"tooFew\":true,\"note\":\"fewer than 20 samples on one side");
    get(fixture, "/api/flame?ranges=0:1000000000&base=8000000000:9000000000", 200,
        "\"note\":\"the baseline holds no samples: there is nothing to compare\"");
    get(fixture, "/api/flame?ranges=8000000000:9000000000&base=0:1000000000", 200,
        "\"root\":{\"n\":\"all\",\"v\":0}");
    get(fixture, "/api/top?ranges=0:2000000000&base=2000000000:4000000000&n=1", 200,
        "\"n\":\"spin\",\"k\":0,\"m\":\"\",\"f\":\"\",\"line\":0,\"self\":10,\"total\":10,"
        "\"baseSelf\":0,\"baseTotal\":0,\"low\":0.");
    get(fixture, "/api/top?ranges=0:2000000000&base=2000000000:4000000000&n=1", 200,
        "\"moved\":true");
}

// Opens a stream and reads its first event.
static int open_stream(struct fixture *fixture, const char *query, struct bytes *got)
{
    char request[512];
    int fd = dial(fixture);

    snprintf(request, sizeof request, "GET /api/stream?%s HTTP/1.1\r\nHost: localhost:%u\r\n%s\r\n",
             query, fixture->port, fixture->cookie);
    say(fd, request);
    assert_true(hear(fixture, fd, got, "\n\n\r\n"));
    return fd;
}

// A sample of 10 ns in the first column and one of 2 us in the last, of an event of its own.
static void values_are_rows(void **state)
{
    struct fixture *fixture = *state;
    struct dict *dict = fixture->sink->dict;
    struct event event = {.name = dict_string_z(dict, "blocked"),
                          .unit = dict_string_z(dict, "ns"),
                          .by_value = true};
    struct sample samples[] = {{.time_ns = 1000, .value = 10, .node = 1},
                               {.time_ns = 3 * SECOND, .value = 2000, .node = 2}};
    struct err err = {0};

    samples[0].event = samples[1].event = (uint16_t)dict_event(dict, &event);
    assert_int_equal(sink_samples(fixture->sink, samples, 2, &err), 0);
    selection_set_event(fixture->selection, "blocked");
    get(fixture, "/api/heatmap?columns=4&rows=3&y=value", 200,
        "\"unit\":\"ns\",\"byValue\":true,\"edges\":[10,79,630,5000]");
    get(fixture, "/api/heatmap?columns=4&rows=3&y=value", 200,
        "\"columns\":[{\"t\":0,\"n\":[1]},{\"t\":1000000000,\"n\":[]},{\"t\":2000000000,\"n\":[]},"
        "{\"t\":3000000000,\"n\":[0,0,1]}],\"spikes\":[]");
    get(fixture, "/api/heatmap?columns=4&rows=2&y=1..100", 200, "\"edges\":[1,10,100]");
    // What is selected stays in the map, and is said.
    assert_int_equal(selection_set_values(fixture->selection, "1000..", &err), 0);
    get(fixture, "/api/heatmap?columns=4&rows=3&y=value", 200, "{\"t\":0,\"n\":[1]}");
    get(fixture, "/api/heatmap?columns=4&rows=3&y=value", 200,
        "\"values\":[1000,18446744073709551615]");
    get(fixture, "/api/heatmap?columns=4&rows=1", 200, "{\"t\":0,\"n\":[]}");
    get(fixture, "/api/flame", 200, "\"totals\":{\"samples\":1,\"value\":2000");
    get(fixture, "/api/flame?values=..100", 200, "\"totals\":{\"samples\":1,\"value\":10");
    get(fixture, "/api/flame?values=all", 200, "\"totals\":{\"samples\":2,\"value\":2010");
    // A stream says the scale, too.
    struct bytes got = {0};
    int fd = open_stream(fixture, "columns=4&rows=3&y=value", &got);
    assert_non_null(strstr(got.data, "\"edges\":[10,79,630,5000]"));
    bytes_dispose(&got);
    close(fd);
    selection_set_event(fixture->selection, NULL);
    get(fixture, "/api/heatmap?y=value", 404, "nothing to see by value");
}

static void stacks_are_shown_as_asked(void **state)
{
    struct fixture *fixture = *state;

    get(fixture, "/api/flame?invert=on&ranges=1000000000:2000000000", 200,
        "\"c\":[{\"n\":\"spin\",\"k\":0,\"v\":10,\"c\":[{\"n\":\"main\"");
    get(fixture, "/api/top?invert=on&n=1", 200, "\"line\":0,\"self\":30,\"total\":30}]");
    get(fixture, "/api/top?group=pid", 200, "\"functions\":1,\"rows\":[{\"n\":\"demo-1\"");
    get(fixture, "/api/top?group=tid", 200, "[{\"n\":\"demo-1/1\"");
    get(fixture, "/api/top?transform=shorten", 200, "[{\"n\":\"work\\u003c...>\"");
    get(fixture, "/api/top?group=function", 200, "\"functions\":3");
}

static void bad_questions_say_why(void **state)
{
    static const char *const paths[] = {
        "/api/heatmap?columns=0",    "/api/heatmap?columns=99999999999999999999",
        "/api/heatmap?columns=+4",   "/api/heatmap?rows=257",
        "/api/heatmap?column=-1",    "/api/heatmap?from=9e9",
        "/api/heatmap?search=(",     "/api/heatmap?cpu=x",
        "/api/heatmap?y=values",     "/api/heatmap?y=0..7",
        "/api/heatmap?y=7..7",       "/api/heatmap?y=7..",
        "/api/flame?values=x",       "/api/flame?least=2",
        "/api/flame?least=nan",      "/api/flame?ranges=",
        "/api/flame?ranges=5:4",     "/api/flame?ranges=1:2,",
        "/api/flame?ranges=1:2;3:4", "/api/flame?ranges=9223372036854775807:1",
        "/api/flame?base=x",         "/api/flame?invert=yes",
        "/api/flame?group=kind",     "/api/flame?transform=nothing",
        "/api/flame?elided=1",       "/api/top?n=-1",
        "/api/top?by=name",          "/api/stream?columns=no",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        get(*state, paths[i], 400, "{\"error\":\"");
    get(*state, "/api/nothing", 404, "no such question");
    expect(*state, "PUT", "/api/top", ((struct fixture *)*state)->cookie, "", 405, "only GET");
}

static void slice_changes_the_selection(void **state)
{
    struct fixture *fixture = *state;
    uint64_t generation = selection_generation(fixture->selection);
    char large[6000];
    size_t count;

    expect(fixture, "POST", "/api/slice", fixture->cookie, "1-2", 200, "\"generation\":");
    assert_true(selection_generation(fixture->selection) > generation);
    selection_ranges(fixture->selection, &count);
    assert_int_equal(count, 1);
    get(fixture, "/api/flame", 200, "\"samples\":10,");
    expect(fixture, "POST", "/api/slice?values=1..2,4", fixture->cookie, "1-2", 200, "generation");
    char *text = filter_text(selection_filter(fixture->selection));
    assert_string_equal(text, "value=1..2 value=4");
    free(text);
    expect(fixture, "POST", "/api/slice?values=x", fixture->cookie, "1-2", 400,
           "value 'x' is no range of values");
    expect(fixture, "POST", "/api/slice", fixture->cookie, "no\ntime", 400,
           "'no\\u000atime' is not a time");
    expect(fixture, "POST", "/api/slice", fixture->cookie, "elsewhere", 409, "not followed");
    get(fixture, "/api/slice", 405, "only POST");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    char *answer = ask(fixture, "POST", "/api/slice", fixture->cookie, large);
    assert_null(strstr(answer, " 200 "));
    free(answer);
}

static void stream_sends_what_changed(void **state)
{
    struct fixture *fixture = *state;
    struct bytes got = {0};
    struct err err = {0};
    int fd = open_stream(fixture, "columns=4&rows=1", &got);

    assert_non_null(strstr(got.data, "Content-Type: text/event-stream"));
    assert_non_null(strstr(got.data, "data: {\"status\":{"));
    assert_non_null(strstr(got.data, "{\"t\":3000000000,\"n\":[10]}"));
    assert_int_equal(server_tabs(fixture->server), 1);

    // A late sample repaints its column, and no other is sent.
    struct sample late = {.time_ns = 3 * SECOND + 500, .value = 1, .node = 1};
    late.event = 0;
    assert_int_equal(sink_samples(fixture->sink, &late, 1, &err), 0);
    bytes_clear(&got);
    assert_true(hear(fixture, fd, &got, "{\"t\":3000000000,\"n\":[11]}"));
    assert_null(strstr(got.data, "{\"t\":2000000000"));

    // The selection is news, too.
    struct range range = {.from_ns = SECOND, .to_ns = SECOND * 3 / 2};
    selection_set_ranges(fixture->selection, &range, 1);
    bytes_clear(&got);
    assert_true(hear(fixture, fd, &got, "\"ranges\":[1000000000,1500000000]"));
    bytes_dispose(&got);
    close(fd);
    for (int turns = 0; server_tabs(fixture->server) && turns < 1000; turns++)
        pump(fixture); // the next ping finds nobody
    assert_int_equal(server_tabs(fixture->server), 0);
}

// While recording, something is news at every moment: it is still told once a tick only.
static void stream_of_a_recording_keeps_its_pace(void **state)
{
    struct fixture *fixture = *state;
    struct bytes got = {0};
    unsigned events = 0;

    fixture->recording = true;
    fixture->now_ns = 5 * SECOND;
    int fd = open_stream(fixture, "columns=4&rows=1", &got);
    bytes_clear(&got);
    for (int ms = 0; ms < 1000; ms++) {
        char block[65536];
        fixture->now_ns += SECOND / 1000;
        server_run(fixture->server, fixture->now_ns);
        ssize_t len = recv(fd, block, sizeof block, MSG_DONTWAIT);
        if (len > 0)
            bytes_append(&got, block, (size_t)len);
    }
    for (const char *at = got.data; at && (at = strstr(at, "data: ")); at++)
        events++;
    assert_in_range(events, 3, 6); // the map moves five times a second
    bytes_dispose(&got);
    close(fd);
}

static void fifth_stream_of_a_browser_parks_the_first(void **state)
{
    struct fixture *fixture = *state;
    struct bytes first = {0}, got = {0};
    int fds[6];

    fds[0] = open_stream(fixture, "browser=b1&columns=1", &first);
    for (int i = 1; i < 6; i++)
        fds[i] = open_stream(fixture, i == 5 ? "browser=other" : "browser=b1&columns=1", &got);
    assert_true(hear(fixture, fds[0], &first, "event: park\n"));
    assert_true(hear(fixture, fds[0], &first, "\r\n0\r\n\r\n")); // and ends
    for (int turns = 0; server_tabs(fixture->server) != 5 && turns < 1000; turns++)
        pump(fixture);
    assert_int_equal(server_tabs(fixture->server), 5);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    bytes_dispose(&first);
    bytes_dispose(&got);
}

static void stalled_readers_stop_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct bytes got = {0};
    struct err err = {0};
    int stalled[20];

    for (int i = 0; i < 20; i++) {
        bytes_clear(&got);
        stalled[i] = open_stream(fixture, "columns=512&rows=50", &got);
    }
    int fd = open_stream(fixture, "columns=4&rows=1", &got);
    for (int i = 0; i < 200; i++) {
        struct sample sample = {.time_ns = 3 * SECOND + i, .value = 1, .node = 1};
        assert_int_equal(sink_samples(fixture->sink, &sample, 1, &err), 0);
        pump(fixture);
    }
    assert_true(hear(fixture, fd, &got, "{\"t\":3000000000,\"n\":[210]}"));
    get(fixture, "/api/top?n=1", 200, "\"rows\"");
    assert_int_equal(server_tabs(fixture->server), 21);
    for (int i = 0; i < 20; i++)
        close(stalled[i]);
    close(fd);
    bytes_dispose(&got);
}

// libmicrohttpd aborts when it is stopped with suspended connections; see server_stop.
static void stopping_ends_streams(void **state)
{
    struct fixture *fixture = *state;
    struct bytes got = {0};
    int fds[9];

    for (int i = 0; i < 8; i++)
        fds[i] = open_stream(fixture, "columns=4&rows=1", &got);
    fds[8] = dial(fixture); // says nothing at all
    for (int i = 0; i < 5; i++)
        pump(fixture); // all are asleep
    server_stop(fixture->server);
    fixture->server = NULL;
    for (int i = 0; i < 9; i++) {
        char block[4096];
        ssize_t len;
        while ((len = recv(fds[i], block, sizeof block, 0)) > 0)
            ;
        assert_true(len == 0 || errno == ECONNRESET);
        close(fds[i]);
    }
    bytes_dispose(&got);
    server_stop(NULL);
}

static void empty_store_is_fine(void **state)
{
    struct fixture *fixture = *state;
    struct bytes got = {0};

    server_stop(fixture->server);
    struct buffer *empty = buffer_new(1 << 20, 0);
    struct server_host host = {.store = buffer_store(empty),
                               .selection = fixture->selection,
                               .status = status,
                               .slice = slice,
                               .arg = fixture};
    struct err err = {0};
    assert_int_equal(server_start(&fixture->server, &host, &err), 0);
    sscanf(server_url(fixture->server), "http://127.0.0.1:%u/#%32[0-9a-f]", &fixture->port,
           fixture->token);
    sign_in(fixture);
    int fd = open_stream(fixture, "columns=4", &got);
    assert_non_null(strstr(got.data, "\"axis\":null"));
    assert_non_null(strstr(got.data, "\"view\":null"));
    get(fixture, "/api/heatmap", 200, "\"view\":null");
    char *answer = ask(fixture, "GET", "/api/flame", fixture->cookie, "");
    assert_true(strstr(answer, " 200 ") || strstr(answer, " 404 "));
    free(answer);
    close(fd);
    server_stop(fixture->server);
    fixture->server = NULL;
    buffer_free(empty);
    bytes_dispose(&got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(page_is_served_to_anyone),
        TEST(strangers_are_refused),
        TEST(foreign_requests_are_refused_before_routing),
        TEST(a_refusal_says_the_way_in),
        TEST(rubbish_is_refused),
        TEST(questions_are_answered),
        TEST(a_baseline_is_compared),
        TEST(values_are_rows),
        TEST(stacks_are_shown_as_asked),
        TEST(bad_questions_say_why),
        TEST(slice_changes_the_selection),
        TEST(stream_sends_what_changed),
        TEST(stream_of_a_recording_keeps_its_pace),
        TEST(fifth_stream_of_a_browser_parks_the_first),
        TEST(stalled_readers_stop_nobody),
        TEST(stopping_ends_streams),
        TEST(empty_store_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
