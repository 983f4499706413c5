// Token, cookie, Host and Origin checks. They only compare: nothing here parses more than it must.
#include "viewer/http_guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int draw(char *hex, struct err *err)
{
    unsigned char random[HTTP_SECRET_CHARS / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) // so few come at once
        return err_set(err, -EIO, "cannot draw a token for the page: %s", strerror(errno));
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(hex + 2 * i, 3, "%02x", random[i]);
    return 0;
}

int http_guard_init(struct http_guard *guard, uint16_t port, struct err *err)
{
    guard->port = port;
    snprintf(guard->cookie, sizeof guard->cookie, "flicker-%u", port);
    int rc = draw(guard->token, err);
    return rc ? rc : draw(guard->session, err);
}

bool http_secret_equal(const char *secret, const char *given)
{
    if (!given || strlen(given) != strlen(secret)) // the length is no secret
        return false;
    unsigned char differ = 0;
    for (size_t i = 0; secret[i]; i++)
        differ |= (unsigned char)(secret[i] ^ given[i]);
    return differ == 0;
}

bool http_guard_host(const struct http_guard *guard, const char *host)
{
    char want[32];

    if (!host)
        return false;
    snprintf(want, sizeof want, "127.0.0.1:%u", guard->port);
    if (strcmp(host, want) == 0)
        return true;
    snprintf(want, sizeof want, "localhost:%u", guard->port);
    return strcmp(host, want) == 0;
}

bool http_guard_origin(const struct http_guard *guard, const char *origin)
{
    static const char scheme[] = "http://";

    if (!origin)
        return true;
    return strncmp(origin, scheme, sizeof scheme - 1) == 0 &&
           http_guard_host(guard, origin + sizeof scheme - 1);
}

bool http_guard_fetch_site(const char *site)
{
    return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

bool http_guard_bearer(const struct http_guard *guard, const char *authorization)
{
    static const char scheme[] = "Bearer ";

    return authorization && strncmp(authorization, scheme, sizeof scheme - 1) == 0 &&
           http_secret_equal(guard->token, authorization + sizeof scheme - 1);
}

bool http_guard_cookie(const struct http_guard *guard, const char *cookies)
{
    size_t name = strlen(guard->cookie);
    bool found = false;

    while (cookies && *cookies) {
        cookies += strspn(cookies, "; ");
        size_t len = strcspn(cookies, ";");
        if (len == name + 1 + HTTP_SECRET_CHARS && strncmp(cookies, guard->cookie, name) == 0 &&
            cookies[name] == '=') {
            char value[HTTP_SECRET_CHARS + 1] = {0};
            memcpy(value, cookies + name + 1, HTTP_SECRET_CHARS);
            found |= http_secret_equal(guard->session, value);
        }
        cookies += len;
    }
    return found;
}
