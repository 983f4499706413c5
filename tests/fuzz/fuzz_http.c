// Fuzz target for the page's server: the bytes of one connection, over a real socket.
//
// In the input $P stands for the port, $T for the token and $C for the session's cookie, which no
// fuzzer would guess. What must hold: the server answers or closes, goes on, and tells who brings
// neither cookie nor token nothing of the samples.
//
// Built with libFuzzer under clang (-DFLICKER_FUZZ=ON); else with a main that replays the files and
// folders of its arguments, each also cut at many bytes.
#include "analysis/buffer.h"
#include "proto/alloc.h"
#include "viewer/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "secret_frame"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct buffer *buffer;
    struct selection *selection;
    struct server *server;
    unsigned port;
    char token[33];
    char cookie[128];
    int64_t now_ns;
};

static void status(void *arg, struct server_status *out)
{
    (void)arg;
    *out = (struct server_status){.title = SECRET, .source = "", .recording = true};
}

static int slice(void *arg, const char *words, const char *values, struct err *err)
{
    struct world *world = arg;
    struct range range = {.from_ns = 0, .to_ns = (int64_t)strlen(words) + 1};

    if (*words == 'x')
        return err_set(err, -EINVAL, "'%s' is not a time", words);
    selection_set_ranges(world->selection, &range, 1);
    return values ? selection_set_values(world->selection, values, err) : 0;
}

static void fill(struct sink *sink)
{
    struct dict *dict = sink->dict;
    struct frame frame = {.name = dict_string_z(dict, SECRET)};
    struct thread thread = {.pid = 1, .tid = 1, .comm = dict_string_z(dict, "demo")};
    struct event event = {.name = dict_string_z(dict, "cpu-clock")};
    uint32_t node = dict_node(dict, dict_comm_node(dict, thread.comm), dict_frame(dict, &frame));
    struct err err = {0};

    for (int i = 0; i < 100; i++) {
        struct sample sample = {.time_ns = i * INT64_C(50000000),
                                .value = 1,
                                .node = node,
                                .thread = dict_thread(dict, &thread),
                                .event = (uint16_t)dict_event(dict, &event)};
        if (sink_samples(sink, &sample, 1, &err))
            abort();
    }
}

// Sends, and pumps the server until it has answered and closed, or has nothing more to say.
static void converse(struct world *world, struct bytes *answer, const char *data, size_t len)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)world->port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int silent = 0;

    assert(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        abort();
    while (silent < 4) {
        char block[65536];
        ssize_t sent = len ? send(fd, data, len, MSG_NOSIGNAL) : 0;
        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        }
        world->now_ns += 50000000;
        server_run(world->server, world->now_ns);
        ssize_t got = recv(fd, block, sizeof block, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got > 0)
            bytes_append(answer, block, (size_t)got);
        silent = got > 0 || sent > 0 ? 0 : silent + 1;
    }
    close(fd);
    server_run(world->server, world->now_ns);
}

static struct world *world_new(void)
{
    struct world *world = xcalloc(1, sizeof *world);
    struct sink *sink;
    struct err err = {0};
    struct bytes answer = {0};

    world->buffer = buffer_new(16 << 20, 0);
    world->selection = selection_new();
    buffer_source_add(world->buffer, "fuzz", &sink);
    fill(sink);
    struct server_host host = {.store = buffer_store(world->buffer),
                               .selection = world->selection,
                               .status = status,
                               .slice = slice,
                               .arg = world};
    if (server_start(&world->server, &host, &err))
        abort();
    if (sscanf(server_url(world->server), "http://127.0.0.1:%u/#%32s", &world->port,
               world->token) != 2)
        abort();
    char *request = xasprintf("GET /api/login HTTP/1.1\r\nHost: localhost:%u\r\n"
                              "Authorization: Bearer %s\r\nConnection: close\r\n\r\n",
                              world->port, world->token);
    converse(world, &answer, request, strlen(request));
    const char *cookie = strstr(bytes_text(&answer), "Set-Cookie: ");
    assert(cookie);
    snprintf(world->cookie, sizeof world->cookie, "%.*s", (int)strcspn(cookie + 12, ";"),
             cookie + 12);
    bytes_dispose(&answer);
    free(request);
    return world;
}

static void expand(struct bytes *out, const struct world *world, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int next = data[i] == '$' && i + 1 < size ? data[i + 1] : 0;
        if (next == 'P')
            bytes_printf(out, "%u", world->port);
        else if (next == 'T')
            bytes_append_text(out, world->token);
        else if (next == 'C')
            bytes_append_text(out, world->cookie);
        else {
            bytes_append_char(out, (char)data[i]);
            continue;
        }
        i++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world *world; // the fuzzer calls a million times; one server serves them all
    struct bytes sent = {0}, answer = {0};

    if (!world)
        world = world_new();
    expand(&sent, world, data, size);
    converse(world, &answer, sent.data ? sent.data : "", sent.len);
    bool knows = memmem(bytes_text(&sent), sent.len, world->cookie, strlen(world->cookie)) != NULL;
    bool token = memmem(bytes_text(&sent), sent.len, world->token, strlen(world->token)) != NULL;
    assert(knows || !memmem(bytes_text(&answer), answer.len, SECRET, strlen(SECRET)));
    assert(token || knows ||
           !memmem(bytes_text(&answer), answer.len, world->cookie, strlen(world->cookie)));
    assert(answer.len == 0 || memcmp(answer.data, "HTTP/1.", 7) == 0);
    bytes_dispose(&sent);
    bytes_dispose(&answer);
    return 0;
}

#ifndef FLICKER_LIBFUZZER

#include <dirent.h>

enum { CUTS = 64 };

static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct bytes bytes = {0};
    char block[65536];

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        bytes_append(&bytes, block, got);
    fclose(file);
    LLVMFuzzerTestOneInput((const uint8_t *)bytes_text(&bytes), bytes.len);
    for (size_t i = 1; i < CUTS; i++)
        LLVMFuzzerTestOneInput((const uint8_t *)bytes_text(&bytes), bytes.len * i / CUTS);
    bytes_dispose(&bytes);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int count = scandir(argv[i], &entries, NULL, alphasort);
        if (count < 0)
            replay(argv[i]);
        for (int entry = 0; entry < count; entry++) {
            char *path = xasprintf("%s/%s", argv[i], entries[entry]->d_name);
            if (entries[entry]->d_name[0] != '.')
                replay(path);
            free(path);
            free(entries[entry]);
        }
        if (count >= 0)
            free(entries);
    }
    return 0;
}

#endif
