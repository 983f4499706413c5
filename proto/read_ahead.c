// Reads, unpacks and scans a file some pieces ahead of whoever decodes it.
//
// Pieces go round in a ring. Two locks: `reading` is held while a piece is read that has to be read
// in order; `lock`, taken inside it, guards the ring and is never held for long. When the decoder
// can scan, a piece ends with a whole record. What is left over begins the next one: it is held
// where pieces are read in order, and read again where each is read at its place. Whoever reads a
// piece finds its ends alone then, by the same rule as who reads its neighbours.
#include "proto/read_ahead.h"

#include "proto/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRIDE = READ_AHEAD_BYTES - READ_AHEAD_OVERLAP, // from one place to the next
    PROBE_BYTES = 4 << 10,                          // of the overlap, read at once
};

struct read_ahead {
    struct decoder *decoder;
    bool plain;       // pieces are read at their places
    uint64_t text_at; // in the file
    uint64_t next;    // the decoder's: where the next piece has to begin
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

static void read_in_order(struct read_ahead *ahead, struct read_piece *piece)
{
    piece->text = piece->memory;
    size_t len = ahead->held.len < READ_AHEAD_BYTES ? ahead->held.len : READ_AHEAD_BYTES;
    if (len)
        memcpy(piece->text, ahead->held.data, len);
    bytes_consume(&ahead->held, len);
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
    if (ahead->decoder->ahead && !piece->last)
        cut(ahead, piece);
}

// Less than asked for: the end of the file, or why.
static size_t read_at(struct read_ahead *ahead, struct read_piece *piece, char *to, size_t len,
                      uint64_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = unpack_read_at(ahead->unpack, to + done, len - done,
                                     ahead->text_at + at + done, &piece->err);
        if (got < 0)
            piece->failed = (int)got;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

// Whether a record ends in the len bytes before `end`, and how many of them lie behind the last
// one.
static bool find_tail(const struct read_ahead *ahead, size_t *tail, const char *end, size_t len)
{
    size_t whole = ahead->decoder->ahead->cut(end - len, len);
    *tail = whole ? len - whole : 0;
    return whole;
}

// How many bytes before the place at `at` belong to the record there; text has the nearest ones.
static size_t find_start(struct read_ahead *ahead, struct read_piece *piece, char *text,
                         uint64_t at)
{
    size_t tail, more = READ_AHEAD_OVERLAP - PROBE_BYTES;
    if (!find_tail(ahead, &tail, text, PROBE_BYTES) &&
        read_at(ahead, piece, text - READ_AHEAD_OVERLAP, more, at - READ_AHEAD_OVERLAP) == more)
        find_tail(ahead, &tail, text, READ_AHEAD_OVERLAP);
    return tail;
}

static void read_at_place(struct read_ahead *ahead, struct read_piece *piece, uint64_t index)
{
    uint64_t at = index * STRIDE;
    char *text = piece->memory + READ_AHEAD_OVERLAP;
    size_t probe = index ? PROBE_BYTES : 0, tail;
    size_t got = read_at(ahead, piece, text - probe, probe + STRIDE, at - probe);
    piece->last = got < probe + STRIDE;
    piece->len = got > probe ? got - probe : 0;
    size_t before = index && got >= probe ? find_start(ahead, piece, text, at) : 0;
    piece->text = text - before;
    piece->len += before;
    piece->from = at - before;
    if (piece->last || piece->failed) {
        piece->last = true;
        return;
    }
    piece->scanned = find_tail(ahead, &tail, text + STRIDE, READ_AHEAD_OVERLAP);
    piece->len -= tail;
}

static void read_piece(struct read_ahead *ahead, struct read_piece *piece, uint64_t index)
{
    if (!piece->memory)
        piece->memory = xmalloc(READ_AHEAD_BYTES);
    piece->failed = 0;
    piece->scanned = false;
    if (ahead->plain)
        read_at_place(ahead, piece, index);
    else
        read_in_order(ahead, piece);
}

static void scan_piece(struct read_ahead *ahead, struct read_piece *piece, bool helps)
{
    bytes_clear(&piece->notes);
    if (piece->scanned)
        piece->scanned = ahead->decoder->ahead->scan(ahead->decoder, &piece->notes, piece->text,
                                                     piece->len, helps) == piece->len;
}

// The piece to be read next; NULL when there is no room, or nothing to read.
static struct read_piece *begin_piece(struct read_ahead *ahead, uint64_t *index)
{
    struct read_piece *piece = NULL;
    pthread_mutex_lock(&ahead->lock);
    *index = ahead->begun;
    if (!ahead->stop && !ahead->ended && pieces_free(ahead))
        piece = &ahead->pieces[ahead->begun++ % ahead->count];
    pthread_mutex_unlock(&ahead->lock);
    return piece;
}

// Makes one piece ready, if there is one to be made.
static void work(struct read_ahead *ahead, bool helps)
{
    if (!ahead->plain)
        pthread_mutex_lock(&ahead->reading);
    uint64_t index;
    struct read_piece *piece = begin_piece(ahead, &index);
    if (piece) {
        read_piece(ahead, piece, index);
        if (piece->last) {
            pthread_mutex_lock(&ahead->lock);
            ahead->ended = true;
            pthread_cond_broadcast(&ahead->room);
            pthread_mutex_unlock(&ahead->lock);
        }
    }
    if (!ahead->plain)
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
    ahead->plain = helpers && decoder->ahead && unpack_is_plain(unpack, &ahead->text_at);
    if (!ahead->plain)
        bytes_append(&ahead->held, held, held_len);
    pthread_mutex_init(&ahead->reading, NULL);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    pthread_cond_init(&ahead->room, NULL);
    start_threads(ahead, helpers);
    return ahead;
}

// Two that read neighbouring pieces have seen different files when they do not meet.
static void check_place(struct read_ahead *ahead, struct read_piece *piece)
{
    if (piece->from != ahead->next && !piece->failed) {
        piece->failed = err_set(&piece->err, -ESTALE, "the file was changed while it was read");
        piece->last = true;
        piece->scanned = false;
        piece->len = 0;
    }
    ahead->next = piece->from + piece->len;
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
    if (ahead->plain)
        check_place(ahead, piece);
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
        free(ahead->pieces[i].memory);
        bytes_dispose(&ahead->pieces[i].notes);
    }
    bytes_dispose(&ahead->held);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->room);
    pthread_mutex_destroy(&ahead->reading);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
