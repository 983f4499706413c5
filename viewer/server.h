// The live page's HTTP server: libmicrohttpd inside the session's own loop, on 127.0.0.1, with a
// token, a Host check, and one Server-Sent Events stream a tab.
#ifndef FLICKER_VIEWER_SERVER_H
#define FLICKER_VIEWER_SERVER_H

#include "analysis/selection.h"
#include "analysis/store.h"
#include "analysis/transform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

// What the header of the page shows. Text is borrowed for the call.
struct server_status {
    bool recording;
    const char *title;  // host, or the file's name
    const char *source; // "cpu-clock, 99 Hz, 2 CPUs"
    double recording_s, samples_per_s, lost_share, unresolved_share, collector_cpu_share;
    double buffer_s;
    uint64_t buffer_bytes;
    bool buffer_full;
    unsigned cpus;    // that are watched; 0: not known
    const char *note; // why nothing is recorded, say; NULL: none
};

// How the session answers the page. Called from server_run only.
struct server_host {
    struct store *store;
    struct selection *selection;
    void (*status)(void *arg, struct server_status *out);
    // The page selected: the words of a slice command ("13:08:44.86+380ms"), so that page and
    // prompt speak one language; and which values ("1ms..2ms", see filter_with_values; NULL: as
    // they are). 0, or a negative errno and a sentence for the page.
    int (*slice)(void *arg, const char *words, const char *values, struct err *err);
    // How the shell shows stacks; the caller disposes *transforms, which comes empty. NULL: as they
    // detect themselves.
    void (*stacks)(void *arg, struct transforms *transforms, enum query_first *first);
    struct names **names; // kept from one answer to the next, see transforms_apply; may be NULL
    void *arg;
};

// Listens at once on a free port. The host is copied, what it points to borrowed.
int server_start(struct server **out, const struct server_host *host, struct err *err) MUST_CHECK;
// "http://127.0.0.1:PORT/#token": the token is in the fragment, so it is in no log. Borrowed.
const char *server_url(const struct server *server);
int server_fd(const struct server *server);             // poll for POLLIN
int server_timeout_ms(const struct server *server);     // until server_run is due; -1: no need
void server_run(struct server *server, int64_t now_ns); // never blocks; renders what is due
size_t server_tabs(const struct server *server);        // open streams
void server_stop(struct server *server);                // ends every stream, closes; NULL is fine

#endif
