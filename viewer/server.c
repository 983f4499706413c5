// The HTTP server: libmicrohttpd driven by its epoll descriptor from the session's loop. One
// thread, no locks: whatever it calls is as fresh as the moment.
//
// Every open page holds one stream of Server-Sent Events. A stream keeps no queue: when its socket
// takes bytes it is given what changed since it was last given anything, and while nothing changed
// (or the browser does not read) its connection sleeps and costs nothing.
#include "viewer/server.h"

#include "proto/alloc.h"
#include "viewer/api.h"
#include "viewer/http_guard.h"
#include "viewer/web_files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 200,            // how often streams are looked at
    PING_MS = 5000,           // a silent stream says so, and finds out that nobody listens
    IDLE_TIMEOUT_S = 15,      // of a connection that neither sends nor takes anything
    CROWDED_TIMEOUT_S = 1,    // the same when connections run short
    CONNECTIONS_MAX = 2048,   // fewer where the limit of open files is low
    CONNECTION_BYTES = 16384, // for a request's head: longer ones are refused
    WORDS_MAX_BYTES = 4096,   // of a slice command
    STREAM_BLOCK_BYTES = 32768,
    STREAMS_MAX = 256,
    STREAMS_A_BROWSER = 4, // of the six connections that a browser opens to one origin
};

// One stream: a tab of a browser, as long as it is visible.
struct tab {
    struct server *server;
    struct tab *next;
    struct MHD_Connection *connection;
    bool suspended;
    char browser[24]; // which one it is of: its tabs share six connections
    enum { TAB_LIVE, TAB_TO_PARK, TAB_PARKED } state;
    struct live *live;
    struct bytes out;  // the event being sent
    size_t sent;       // of it
    struct bytes head; // of the last event: only what differs is worth sending
    uint64_t version;  // of the window, as of the last event
    int64_t start_ns;  // of the axis, likewise: all times that a page knows count from there
    int64_t event_ms;  // when that was
    uint64_t tick;     // that it was rendered for: one event a tick, however fast the client reads
};

struct server {
    struct server_host host;
    struct http_guard guard;
    struct MHD_Daemon *daemon;
    char *url;
    struct tab *tabs;
    struct live *lives;
    unsigned connections, connections_max;
    int64_t now_ns;
    int64_t ticked_ns;
    uint64_t tick;       // counts looks at the windows
    uint64_t generation; // of the selection, at the last tick
    bool stopping;
};

// One request, from its first header to its completion.
struct request {
    struct bytes body;
};

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// --- windows ------------------------------------------------------------------------------------

static struct live *live_watch(struct server *server, const struct live_shape *shape)
{
    struct live *live = server->lives;

    while (live && memcmp(&live->asked, shape, sizeof *shape) != 0)
        live = live->next;
    if (!live) {
        live = live_new(shape);
        live->next = server->lives;
        server->lives = live;
    }
    live->watchers++;
    return live;
}

static void live_unwatch(struct server *server, struct live *live)
{
    if (--live->watchers > 0)
        return;
    struct live **at = &server->lives;
    while (*at != live)
        at = &(*at)->next;
    *at = live->next;
    live_free(live);
}

// --- streams ------------------------------------------------------------------------------------

static void tab_free(void *arg)
{
    struct tab *tab = arg;
    struct tab **at = &tab->server->tabs;

    while (*at != tab)
        at = &(*at)->next;
    *at = tab->next;
    live_unwatch(tab->server, tab->live);
    bytes_dispose(&tab->out);
    bytes_dispose(&tab->head);
    free(tab);
}

// Puts the event that this stream is due into tab->out; nothing when nothing changed.
static void tab_render(struct tab *tab)
{
    struct server *server = tab->server;
    int64_t now_ms = server->now_ns / 1000000, edge_ns = api_edge_ns(&server->host, server->now_ns);
    struct bytes head = {0};
    struct json json = {.out = &head};
    struct axis axis;

    bytes_clear(&tab->out);
    tab->sent = 0;
    tab->tick = server->tick;
    store_axis(server->host.store, &axis);
    if (tab->start_ns != axis.start_ns)
        tab->version = 0; // an older source was opened: every time reads differently now
    tab->start_ns = axis.start_ns;
    api_head(&json, &server->host, tab->live, edge_ns);
    bool head_same = head.len == tab->head.len &&
                     memcmp(bytes_text(&head), bytes_text(&tab->head), head.len) == 0;
    if (!head_same || tab->live->version != tab->version) {
        bytes_append_text(&tab->out, "data: {");
        bytes_append(&tab->out, bytes_text(&head), head.len);
        json.out = &tab->out;
        api_columns(&json, tab->live, &axis, tab->version);
        if (tab->live->spikes_version > tab->version)
            api_spikes(&json, tab->live, &axis);
        bytes_append_text(&tab->out, "}\n\n");
    } else if (now_ms - tab->event_ms >= PING_MS) {
        bytes_append_text(&tab->out, ":\n\n");
    }
    bytes_dispose(&tab->head);
    tab->head = head;
    tab->version = tab->live->version;
    if (tab->out.len)
        tab->event_ms = now_ms;
}

// libmicrohttpd asks for bytes only while the socket takes them.
static ssize_t tab_read(void *arg, uint64_t position, char *buffer, size_t max)
{
    struct tab *tab = arg;

    (void)position;
    if (tab->server->stopping || (tab->state == TAB_PARKED && tab->sent == tab->out.len))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (tab->sent == tab->out.len && tab->state == TAB_TO_PARK) {
        bytes_clear(&tab->out);
        bytes_append_text(&tab->out, "event: park\ndata: \n\n");
        tab->sent = 0;
        tab->state = TAB_PARKED;
    } else if (tab->sent == tab->out.len && tab->tick != tab->server->tick) {
        tab_render(tab);
    }
    size_t len = tab->out.len - tab->sent;
    if (len == 0) {
        tab->suspended = true;
        MHD_suspend_connection(tab->connection);
        return 0;
    }
    if (len > max)
        len = max;
    memcpy(buffer, tab->out.data + tab->sent, len);
    tab->sent += len;
    return (ssize_t)len;
}

static void tabs_wake(struct server *server)
{
    for (struct tab *tab = server->tabs; tab; tab = tab->next) {
        if (!tab->suspended)
            continue;
        tab->suspended = false;
        MHD_resume_connection(tab->connection);
    }
}

// A browser's fifth stream would starve its questions: the oldest one makes room, and its page asks
// now and then instead.
static void tabs_park(struct server *server, const char *browser)
{
    struct tab *oldest = NULL;
    unsigned count = 0;

    for (struct tab *tab = server->tabs; tab; tab = tab->next) { // newest first
        if (tab->state != TAB_LIVE || strcmp(tab->browser, browser) != 0)
            continue;
        oldest = tab;
        count++;
    }
    if (count >= STREAMS_A_BROWSER) {
        oldest->state = TAB_TO_PARK;
        tabs_wake(server);
    }
}

// --- answers ------------------------------------------------------------------------------------

static void add_headers(struct MHD_Response *response, const char *type)
{
    static const struct {
        const char *name, *value;
    } always[] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
         "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cache-Control", "no-store"},
    };

    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(response, always[i].name, always[i].value);
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return result;
}

// Takes over the bytes.
static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned status,
                                   struct bytes *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);

    *body = (struct bytes){0};
    add_headers(response, "application/json");
    return queue(connection, status, response);
}

static enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned status,
                                    const char *message)
{
    struct bytes body = {0};
    struct json json = {.out = &body};

    json_open(&json, '{');
    json_key(&json, "error");
    json_text_z(&json, message);
    json_close(&json, '}');
    return answer_json(connection, status, &body);
}

static unsigned status_of(int code)
{
    switch (code) {
    case -EINVAL:
    case -E2BIG:
    case -ERANGE:
    case -ENOENT:
        return MHD_HTTP_BAD_REQUEST;
    case -ENODATA:
        return MHD_HTTP_NOT_FOUND;
    case -EBUSY: // the shell does not follow the page
        return MHD_HTTP_CONFLICT;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

static enum MHD_Result answer_file(struct MHD_Connection *connection, const struct web_file *file)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        (size_t)(file->end - file->data), (void *)(uintptr_t)file->data, MHD_RESPMEM_PERSISTENT);

    add_headers(response, file->type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return queue(connection, MHD_HTTP_OK, response);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *argument(void *arg, const char *name)
{
    return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, name);
}

// The token for a cookie: the one answer that is given without the cookie.
static enum MHD_Result answer_login(struct server *server, struct MHD_Connection *connection)
{
    if (!http_guard_bearer(&server->guard, header(connection, MHD_HTTP_HEADER_AUTHORIZATION)))
        return answer_error(connection, MHD_HTTP_UNAUTHORIZED,
                            "this token is not this session's; use the link that the shell prints");
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *cookie = xasprintf("%s=%s; Path=/; HttpOnly; SameSite=Strict", server->guard.cookie,
                             server->guard.session);
    add_headers(response, NULL);
    MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie);
    free(cookie);
    return queue(connection, MHD_HTTP_NO_CONTENT, response);
}

static enum MHD_Result answer_stream(struct server *server, struct MHD_Connection *connection)
{
    struct api_params params = {argument, connection};
    struct live_shape shape = {0};
    struct err err = {0};
    struct axis axis;

    store_axis(server->host.store, &axis);
    if (api_shape(&shape, &params, &axis, &err))
        return answer_error(connection, MHD_HTTP_BAD_REQUEST, err.message);
    if (server_tabs(server) >= STREAMS_MAX)
        return answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are open");
    const char *browser = argument(connection, "browser");
    if (browser)
        tabs_park(server, browser);
    struct tab *tab = xcalloc(1, sizeof *tab);
    snprintf(tab->browser, sizeof tab->browser, "%s", browser ? browser : "");
    tab->server = server;
    tab->connection = connection;
    tab->tick = server->tick - 1; // its first event is due at once
    tab->live = live_watch(server, &shape);
    tab->next = server->tabs;
    server->tabs = tab;
    live_refresh(tab->live, server->host.store, server->host.selection,
                 api_edge_ns(&server->host, server->now_ns), server->now_ns);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, tab_read, tab, tab_free);
    add_headers(response, "text/event-stream");
    return queue(connection, MHD_HTTP_OK, response);
}

typedef int api_answer(struct bytes *out, const struct server_host *host,
                       const struct api_params *params, struct err *err);

static enum MHD_Result answer_api(struct server *server, struct MHD_Connection *connection,
                                  api_answer *answer)
{
    struct api_params params = {argument, connection};
    struct bytes body = {0};
    struct err err = {0};
    int rc = answer(&body, &server->host, &params, &err);

    if (rc) {
        bytes_dispose(&body);
        return answer_error(connection, status_of(rc), err.message);
    }
    return answer_json(connection, MHD_HTTP_OK, &body);
}

static enum MHD_Result answer_heatmap(struct server *server, struct MHD_Connection *connection)
{
    struct api_params params = {argument, connection};
    struct bytes body = {0};
    struct err err = {0};
    int rc = api_heatmap(&body, &server->host, &params, api_edge_ns(&server->host, server->now_ns),
                         &err);

    if (rc) {
        bytes_dispose(&body);
        return answer_error(connection, status_of(rc), err.message);
    }
    return answer_json(connection, MHD_HTTP_OK, &body);
}

// The one request that changes something: the body is the words of a slice command, values= which
// values are selected with them.
static enum MHD_Result answer_slice(struct server *server, struct MHD_Connection *connection,
                                    const struct bytes *words)
{
    struct bytes body = {0};
    struct json json = {.out = &body};
    struct err err = {0};

    if (words->len != strlen(bytes_text(words)))
        return answer_error(connection, MHD_HTTP_BAD_REQUEST, "the words hold a NUL byte");
    int rc = server->host.slice(server->host.arg, bytes_text(words), argument(connection, "values"),
                                &err);
    if (rc)
        return answer_error(connection, status_of(rc), err.message);
    json_open(&json, '{');
    json_key(&json, "generation");
    json_uint(&json, selection_generation(server->host.selection));
    json_close(&json, '}');
    return answer_json(connection, MHD_HTTP_OK, &body);
}

static enum MHD_Result route(struct server *server, struct MHD_Connection *connection,
                             const char *path, const char *method, const struct bytes *body)
{
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    const struct web_file *file = web_file_find(path);

    if (file && get)
        return answer_file(connection, file);
    if (strcmp(path, "/api/login") == 0 && get)
        return answer_login(server, connection);
    if (strncmp(path, "/api/", 5) != 0)
        return answer_error(connection, file ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
                            file ? "only GET" : "no such page");
    if (!http_guard_cookie(&server->guard, header(connection, MHD_HTTP_HEADER_COOKIE)))
        return answer_error(connection, MHD_HTTP_UNAUTHORIZED,
                            "not signed in; use the link that the shell prints");
    if (strcmp(path, "/api/slice") == 0)
        return strcmp(method, MHD_HTTP_METHOD_POST) == 0
                   ? answer_slice(server, connection, body)
                   : answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST");
    if (!get)
        return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET");
    if (strcmp(path, "/api/stream") == 0)
        return answer_stream(server, connection);
    if (strcmp(path, "/api/heatmap") == 0)
        return answer_heatmap(server, connection);
    if (strcmp(path, "/api/flame") == 0)
        return answer_api(server, connection, api_flame);
    if (strcmp(path, "/api/top") == 0)
        return answer_api(server, connection, api_top);
    return answer_error(connection, MHD_HTTP_NOT_FOUND, "no such question");
}

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    (void)value;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
        ++*(unsigned *)arg;
    return MHD_YES;
}

// Before any routing: is it this machine's user, by this server's name, from this server's page?
static bool admitted(struct server *server, struct MHD_Connection *connection)
{
    unsigned hosts = 0;

    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &hosts);
    return hosts == 1 && http_guard_host(&server->guard, header(connection, "Host")) &&
           http_guard_origin(&server->guard, header(connection, "Origin")) &&
           http_guard_fetch_site(header(connection, "Sec-Fetch-Site"));
}

static enum MHD_Result answer_stranger(struct server *server, struct MHD_Connection *connection)
{
    char message[200];
    unsigned port = server->guard.port;

    snprintf(message, sizeof message,
             "refused: not addressed to this server from its own page; it is 127.0.0.1:%u, at the "
             "near end of a tunnel, too: ssh -L %u:127.0.0.1:%u HOST",
             port, port, port);
    return answer_error(connection, MHD_HTTP_FORBIDDEN, message);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **state)
{
    struct server *server = arg;
    struct request *request = *state;

    (void)version;
    if (!request) {
        if (!admitted(server, connection))
            return answer_stranger(server, connection);
        *state = xcalloc(1, sizeof *request);
        return MHD_YES;
    }
    if (*len) {
        if (*len <= WORDS_MAX_BYTES - request->body.len) {
            bytes_append(&request->body, data, *len);
            *len = 0;
            return MHD_YES;
        }
        return MHD_NO; // closes the connection: nobody honest sends so much
    }
    return route(server, connection, path, method, &request->body);
}

static void completed(void *arg, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how)
{
    struct request *request = *state;

    (void)arg;
    (void)connection;
    (void)how;
    if (request)
        bytes_dispose(&request->body);
    free(request);
    *state = NULL;
}

// Counts connections; when they run short, the silent ones are let go sooner.
static void connection_changed(void *arg, struct MHD_Connection *connection, void **state,
                               enum MHD_ConnectionNotificationCode code)
{
    struct server *server = arg;

    (void)state;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        server->connections--;
        return;
    }
    server->connections++;
    if (server->connections > server->connections_max / 2)
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)CROWDED_TIMEOUT_S);
}

// --- life ---------------------------------------------------------------------------------------

static unsigned connection_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= 2 * CONNECTIONS_MAX)
        return CONNECTIONS_MAX;
    return files.rlim_cur < 64 ? 16 : (unsigned)files.rlim_cur / 2; // the rest is the session's
}

int server_start(struct server **out, const struct server_host *host, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct server *server = xcalloc(1, sizeof *server);
    int rc;

    *out = NULL;
    server->host = *host;
    server->ticked_ns = INT64_MIN / 2;
    server->connections_max = connection_limit();
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, server,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, completed,
        NULL, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_CONNECTION_LIMIT,
        server->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (!server->daemon) {
        rc = err_set(err, -EADDRNOTAVAIL, "cannot serve the page on 127.0.0.1: %s",
                     errno ? strerror(errno) : "no free port");
        goto failed;
    }
    uint16_t port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    rc = http_guard_init(&server->guard, port, err);
    if (rc)
        goto failed;
    server->url = xasprintf("http://127.0.0.1:%u/#%s", port, server->guard.token);
    *out = server;
    return 0;
failed:
    server_stop(server);
    return rc;
}

const char *server_url(const struct server *server)
{
    return server->url;
}

int server_fd(const struct server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int server_timeout_ms(const struct server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    int64_t timeout_ms = -1;

    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        timeout_ms = wait_ms < 60000 ? (int64_t)wait_ms : 60000;
    if (server->tabs) {
        int64_t due_ms = TICK_MS - (clock_ns() - server->ticked_ns) / 1000000;
        if (due_ms < 0)
            due_ms = 0;
        if (timeout_ms < 0 || due_ms < timeout_ms)
            timeout_ms = due_ms;
    }
    return (int)timeout_ms;
}

void server_run(struct server *server, int64_t now_ns)
{
    server->now_ns = now_ns;
    bool news = server->generation != selection_generation(server->host.selection);
    if (server->tabs && (news || now_ns - server->ticked_ns >= TICK_MS * INT64_C(1000000))) {
        server->generation = selection_generation(server->host.selection);
        int64_t edge_ns = api_edge_ns(&server->host, now_ns);
        for (struct live *live = server->lives; live; live = live->next)
            live_refresh(live, server->host.store, server->host.selection, edge_ns, now_ns);
        server->ticked_ns = now_ns;
        server->tick++;
        tabs_wake(server);
    }
    MHD_run(server->daemon);
}

size_t server_tabs(const struct server *server)
{
    size_t count = 0;

    for (const struct tab *tab = server->tabs; tab; tab = tab->next)
        count++;
    return count;
}

void server_stop(struct server *server)
{
    if (!server)
        return;
    if (server->daemon) {
        // libmicrohttpd aborts when it is stopped with a suspended connection: all are woken, and
        // their reader says that the stream has ended.
        MHD_socket listening = MHD_quiesce_daemon(server->daemon);
        server->stopping = true;
        tabs_wake(server);
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
        if (listening != MHD_INVALID_SOCKET)
            close(listening);
    }
    free(server->url);
    free(server);
}
