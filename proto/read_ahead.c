// Reads and unpacks a file on a thread of its own.
//
// Pieces go round in a ring: the thread fills one while the decoder takes another. When the decoder
// can scan, a piece ends with a whole record and what is left over begins the next one.
#include "proto/read_ahead.h"

#include "proto/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct read_ahead {
    struct unpack *unpack;
    struct decoder *decoder;
    bool scan;
    struct bytes held; // text that begins the next piece
    pthread_t thread;

    pthread_mutex_t lock; // of all below; the pieces between taken and filled are the decoder's
    pthread_cond_t changed;
    uint64_t filled, taken; // pieces in all; those between are ready
    bool holding;           // the decoder still looks at piece `taken` - 1
    bool stop;
    struct read_piece pieces[READ_AHEAD_PIECES];
};

// Fills a piece; returns false when it is the last one.
static void fill(struct read_ahead *ahead, struct read_piece *piece)
{
    size_t len = ahead->held.len < READ_AHEAD_BYTES ? ahead->held.len : READ_AHEAD_BYTES;
    if (len)
        memcpy(piece->text, ahead->held.data, len);
    bytes_consume(&ahead->held, len);
    piece->failed = 0;
    if (!ahead->held.len && len < READ_AHEAD_BYTES) {
        ssize_t got =
            unpack_read(ahead->unpack, piece->text + len, READ_AHEAD_BYTES - len, &piece->err);
        piece->failed = got < 0 ? (int)got : 0;
        len += got > 0 ? (size_t)got : 0;
    }
    piece->last = len < READ_AHEAD_BYTES;
    piece->len = len;
    piece->scanned = false;
    bytes_clear(&piece->notes);
    if (!ahead->scan || piece->last)
        return;
    size_t whole = ahead->decoder->ahead->scan(ahead->decoder, &piece->notes, piece->text, len);
    if (!whole)
        return; // no record ends here: to be taken as it is
    piece->scanned = true;
    piece->len = whole;
    struct bytes rest = {0}; // goes before what is held
    bytes_append(&rest, piece->text + whole, len - whole);
    bytes_append(&rest, bytes_text(&ahead->held), ahead->held.len);
    bytes_dispose(&ahead->held);
    ahead->held = rest;
}

static void *run(void *arg)
{
    struct read_ahead *ahead = arg;
    bool last = false;
    while (!last) {
        pthread_mutex_lock(&ahead->lock);
        while (!ahead->stop && ahead->filled - ahead->taken + ahead->holding >= READ_AHEAD_PIECES)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        bool stop = ahead->stop;
        struct read_piece *piece = &ahead->pieces[ahead->filled % READ_AHEAD_PIECES];
        pthread_mutex_unlock(&ahead->lock);
        if (stop)
            break;
        fill(ahead, piece);
        last = piece->last;
        pthread_mutex_lock(&ahead->lock);
        ahead->filled++;
        pthread_cond_broadcast(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

// Signals are for the thread that owns the session.
static int start_thread(struct read_ahead *ahead)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&ahead->thread, NULL, run, ahead);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void dispose(struct read_ahead *ahead)
{
    for (size_t i = 0; i < READ_AHEAD_PIECES; i++) {
        free(ahead->pieces[i].text);
        bytes_dispose(&ahead->pieces[i].notes);
    }
    bytes_dispose(&ahead->held);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

struct read_ahead *read_ahead_new(struct unpack *unpack, struct decoder *decoder, bool scan,
                                  const char *held, size_t held_len)
{
    struct read_ahead *ahead = xcalloc(1, sizeof *ahead);
    ahead->unpack = unpack;
    ahead->decoder = decoder;
    ahead->scan = scan && decoder->ahead;
    bytes_append(&ahead->held, held, held_len);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    for (size_t i = 0; i < READ_AHEAD_PIECES; i++)
        ahead->pieces[i].text = xmalloc(READ_AHEAD_BYTES);
    if (start_thread(ahead)) {
        dispose(ahead);
        return NULL;
    }
    return ahead;
}

const struct read_piece *read_ahead_next(struct read_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->holding = false; // the piece before may be filled again
    pthread_cond_broadcast(&ahead->changed);
    while (ahead->filled == ahead->taken)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    const struct read_piece *piece = &ahead->pieces[ahead->taken++ % READ_AHEAD_PIECES];
    ahead->holding = true;
    pthread_mutex_unlock(&ahead->lock);
    return piece;
}

void read_ahead_free(struct read_ahead *ahead)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    dispose(ahead);
}
