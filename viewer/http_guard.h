// Who may talk to the page's server: the token, the session's cookie, the Host and Origin of a
// request. Any process and any web site of this machine can reach 127.0.0.1; none of them gets in.
#ifndef FLICKER_VIEWER_HTTP_GUARD_H
#define FLICKER_VIEWER_HTTP_GUARD_H

#include "proto/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_SECRET_CHARS = 32 }; // 128 bits in lower-case hex

struct http_guard {
    char token[HTTP_SECRET_CHARS + 1];   // in the URL's fragment; exchanged for the cookie
    char session[HTTP_SECRET_CHARS + 1]; // the cookie's value
    char cookie[32];                     // its name: cookies do not know ports, so the name does
    uint16_t port;
};

// Draws both secrets from the kernel.
int http_guard_init(struct http_guard *guard, uint16_t port, struct err *err) MUST_CHECK;

// Compares in a time that does not depend on where they differ; NULL matches nothing.
bool http_secret_equal(const char *secret, const char *given);

// Exactly 127.0.0.1:PORT or localhost:PORT. Everything else is a foreign name that was made to
// point here (DNS rebinding). NULL: no Host, refused.
bool http_guard_host(const struct http_guard *guard, const char *host);
// No Origin (not sent with navigations and same-origin GETs), or our own.
bool http_guard_origin(const struct http_guard *guard, const char *origin);
// What browsers say of the page that asks; absent in old ones and in scripts.
bool http_guard_fetch_site(const char *site);
// "Bearer TOKEN" with the right token.
bool http_guard_bearer(const struct http_guard *guard, const char *authorization);
// The whole Cookie header; our cookie among the others, with the right value.
bool http_guard_cookie(const struct http_guard *guard, const char *cookies);

#endif
