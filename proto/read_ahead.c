// Reads, unpacks and scans a file some pieces ahead of whoever decodes it.
//
// Pieces go round in a ring. Two locks: `reading` is held while a piece is read, so that pieces
// come in order; `lock`, taken inside it, guards the ring and is never held for long. When the
// decoder can scan, a piece ends with a whole record and what is left over begins the next one.
#include "proto/read_ahead.h"

#include "proto/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct read_ahead {
    struct decoder *decoder;
    pthread_t threads[READ_AHEAD_HELPERS];
    unsigned helpers;

    pthread_mutex_t reading; // of these two
    struct unpack *unpack;
    struct bytes held; // text that begins the next piece

    pthread_mutex_t lock; // of all below; pieces that are not ready are whose reads them
    pthread_cond_t ready, room;
    uint64_t begun, taken; // pieces in all
    bool holding;          // the decoder still looks at piece `taken` - 1
    bool ended;            // the last piece was begun
    bool stop;
    size_t count;
    struct read_piece pieces[READ_AHEAD_PIECES];
};

static size_t pieces_free(const struct read_ahead *ahead)
{
    return ahead->count - (size_t)(ahead->begun - ahead->taken) - ahead->holding;
}

// Cuts a piece behind its last whole record; the rest goes before what is held.
static void cut(struct read_ahead *ahead, struct read_piece *piece)
{
    size_t whole = ahead->decoder->ahead->cut(piece->text, piece->len);
    if (!whole)
        return; // no record ends here: to be taken as it is
    struct bytes rest = {0};
    bytes_append(&rest, piece->text + whole, piece->len - whole);
    bytes_append(&rest, bytes_text(&ahead->held), ahead->held.len);
    bytes_dispose(&ahead->held);
    ahead->held = rest;
    piece->len = whole;
    piece->scanned = true;
}

static void read_piece(struct read_ahead *ahead, struct read_piece *piece)
{
    if (!piece->text)
        piece->text = xmalloc(READ_AHEAD_BYTES);
    size_t len = ahead->held.len < READ_AHEAD_BYTES ? ahead->held.len : READ_AHEAD_BYTES;
    if (len)
        memcpy(piece->text, ahead->held.data, len);
    bytes_consume(&ahead->held, len);
    piece->failed = 0;
    while (!ahead->held.len &&
           len < READ_AHEAD_BYTES) { // after less than asked for: the end, or why
        ssize_t got =
            unpack_read(ahead->unpack, piece->text + len, READ_AHEAD_BYTES - len, &piece->err);
        piece->failed = got < 0 ? (int)got : 0;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    piece->len = len;
    piece->last = len < READ_AHEAD_BYTES;
    piece->scanned = false;
    if (ahead->decoder->ahead && !piece->last)
        cut(ahead, piece);
}

static void scan_piece(struct read_ahead *ahead, struct read_piece *piece, bool helps)
{
    bytes_clear(&piece->notes);
    if (piece->scanned)
        piece->scanned = ahead->decoder->ahead->scan(ahead->decoder, &piece->notes, piece->text,
                                                     piece->len, helps) == piece->len;
}

// The piece to be read next; NULL when there is no room, or nothing to read.
static struct read_piece *begin_piece(struct read_ahead *ahead)
{
    struct read_piece *piece = NULL;
    pthread_mutex_lock(&ahead->lock);
    if (!ahead->stop && !ahead->ended && pieces_free(ahead))
        piece = &ahead->pieces[ahead->begun++ % ahead->count];
    pthread_mutex_unlock(&ahead->lock);
    return piece;
}

// Makes one piece ready, if there is one to be made.
static void work(struct read_ahead *ahead, bool helps)
{
    pthread_mutex_lock(&ahead->reading);
    struct read_piece *piece = begin_piece(ahead);
    if (piece) {
        read_piece(ahead, piece);
        if (piece->last) {
            pthread_mutex_lock(&ahead->lock);
            ahead->ended = true;
            pthread_cond_broadcast(&ahead->room);
            pthread_mutex_unlock(&ahead->lock);
        }
    }
    pthread_mutex_unlock(&ahead->reading);
    if (!piece)
        return;
    scan_piece(ahead, piece, helps);
    pthread_mutex_lock(&ahead->lock);
    piece->ready = true;
    if (piece == &ahead->pieces[ahead->taken % ahead->count])
        pthread_cond_signal(&ahead->ready); // the one that is waited for, if any
    pthread_mutex_unlock(&ahead->lock);
}

static void *run(void *arg)
{
    struct read_ahead *ahead = arg;
    for (;;) {
        pthread_mutex_lock(&ahead->lock);
        while (!ahead->stop && !ahead->ended && !pieces_free(ahead))
            pthread_cond_wait(&ahead->room, &ahead->lock);
        bool over = ahead->stop || ahead->ended;
        pthread_mutex_unlock(&ahead->lock);
        if (over)
            return NULL;
        work(ahead, true);
    }
}

// Signals are for the thread that owns the session.
static void start_threads(struct read_ahead *ahead, unsigned helpers)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ahead->helpers < helpers &&
           !pthread_create(&ahead->threads[ahead->helpers], NULL, run, ahead))
        ahead->helpers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct read_ahead *read_ahead_new(struct unpack *unpack, struct decoder *decoder, const char *held,
                                  size_t held_len, unsigned helpers)
{
    struct read_ahead *ahead = xcalloc(1, sizeof *ahead);
    ahead->unpack = unpack;
    ahead->decoder = decoder;
    if (helpers > READ_AHEAD_HELPERS)
        helpers = READ_AHEAD_HELPERS;
    ahead->count = helpers ? helpers + (READ_AHEAD_PIECES - READ_AHEAD_HELPERS) : 1;
    bytes_append(&ahead->held, held, held_len);
    pthread_mutex_init(&ahead->reading, NULL);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    pthread_cond_init(&ahead->room, NULL);
    start_threads(ahead, helpers);
    return ahead;
}

const struct read_piece *read_ahead_next(struct read_ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->holding = false;                     // the piece before may be filled again
    if (pieces_free(ahead) >= ahead->count / 2) // not for each: waking a thread is dear
        pthread_cond_broadcast(&ahead->room);
    struct read_piece *piece = &ahead->pieces[ahead->taken % ahead->count];
    while (!piece->ready) {
        bool idle = ahead->ended || !pieces_free(ahead);
        if (idle) { // others are at it
            pthread_cond_wait(&ahead->ready, &ahead->lock);
            continue;
        }
        pthread_mutex_unlock(&ahead->lock);
        work(ahead, false);
        pthread_mutex_lock(&ahead->lock);
    }
    piece->ready = false;
    ahead->taken++;
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
    pthread_cond_broadcast(&ahead->room);
    pthread_mutex_unlock(&ahead->lock);
    for (unsigned i = 0; i < ahead->helpers; i++)
        pthread_join(ahead->threads[i], NULL);
    for (size_t i = 0; i < READ_AHEAD_PIECES; i++) {
        free(ahead->pieces[i].text);
        bytes_dispose(&ahead->pieces[i].notes);
    }
    bytes_dispose(&ahead->held);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->room);
    pthread_mutex_destroy(&ahead->reading);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
