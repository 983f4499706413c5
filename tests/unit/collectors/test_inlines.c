// Source lines and inlined functions: of this very program, and of files that are damaged. The
// program is its own worker, too.
#include "collectors/debug_info.h"
#include "collectors/inline_worker.h"
#include "collectors/inlines.h"
#include "proto/alloc.h"
#include "tests/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(60000000000)

// Where an address of this program lies in its file as the linker saw it.
extern const char __executable_start;
static uint64_t link_address(const void *address)
{
    return (uint64_t)((const char *)address - &__executable_start);
}

static volatile uintptr_t where; // an address inside of what is inlined
enum { INNER_LINE = __LINE__ + 5 };
static inline __attribute__((always_inline)) void innermost(void)
{
    uintptr_t here;
#if defined(__x86_64__)
    __asm__ volatile("1: leaq 1b(%%rip), %0" : "=r"(here));
#else
    __asm__ volatile("adr %0, ." : "=r"(here));
#endif
    where = here;
}

enum { CALL_LINE = __LINE__ + 3 };
static __attribute__((noinline)) void outermost(void)
{
    innermost();
}

static uint32_t add_own(struct inlines *inlines)
{
    struct debug_info_files files = {open("/proc/self/exe", O_RDONLY | O_CLOEXEC), -1, -1};
    return inlines_add(inlines, &files, "/the/test");
}

static void assert_knows_itself(struct inlines *inlines, uint32_t file)
{
    struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
    bool waiting = false;
    inlines_be_patient(inlines, PATIENCE_NS);
    size_t count = inlines_find(inlines, file, link_address((const void *)where), frames, &waiting);
    assert_false(waiting);
    assert_int_equal(count, 2);
    assert_string_equal(frames[0].function, "outermost");
    assert_string_equal(frames[1].function, "innermost");
    assert_int_equal(frames[0].line, CALL_LINE);
    assert_int_equal(frames[1].line, INNER_LINE);
    assert_non_null(strstr(frames[0].file, "test_inlines.c"));
    assert_non_null(strstr(frames[1].file, "test_inlines.c"));
}

static void inlined_functions_and_lines_are_found(void **state)
{
    (void)state;
    struct inlines *inlines = inlines_new(INLINES_HANG_NS);
    struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
    bool waiting = true;
    uint32_t own = add_own(inlines);
    assert_knows_itself(inlines, own);
    assert_knows_itself(inlines, own); // from memory
    assert_int_equal(inlines_find(inlines, own, 1, frames, &waiting), 0);
    assert_false(waiting);
    const struct debug_info_files none = {-1, -1, -1};
    uint32_t bare = inlines_add(inlines, &none, "/lib/bare.so");
    assert_int_equal(inlines_find(inlines, bare, 4096, frames, &waiting), 0);
    assert_false(waiting);
    struct bytes text = {0};
    assert_false(inlines_complaint(inlines, &text));
    inlines_summary(inlines, &text);
    assert_string_equal(bytes_text(&text), "source lines of 1 of 3 addresses; 1 lie in files "
                                           "without debug information (bare.so)");
    bytes_dispose(&text);
    inlines_free(inlines);
}

static void who_has_no_patience_gets_the_answer_later(void **state)
{
    (void)state;
    struct inlines *inlines = inlines_new(INLINES_HANG_NS);
    struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
    uint32_t own = add_own(inlines);
    bool waiting = false;
    inlines_be_patient(inlines, 0);
    uint64_t address = link_address((const void *)where);
    assert_int_equal(inlines_find(inlines, own, address, frames, &waiting), 0);
    assert_true(waiting);
    while (waiting) {
        usleep(1000);
        inlines_be_patient(inlines, 0);
        inlines_find(inlines, own, address, frames, &waiting);
    }
    assert_knows_itself(inlines, own);
    inlines_free(inlines);
}

// The one child of this process; 0: there is none.
static pid_t find_worker(void)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    pid_t child = file && fgets(text, sizeof text, file) ? atoi(text) : 0;
    if (file)
        fclose(file);
    return child;
}

static void assert_status(pid_t pid, const char *line)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    bool found = false;
    assert_non_null(file);
    while (fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = '\0';
        found |= !strcmp(text, line);
    }
    fclose(file);
    if (!found)
        fail_msg("%s does not say: %s", path, line);
}

static void the_worker_has_no_rights_and_no_files(void **state)
{
    (void)state;
    int secret = open("/proc/self/exe", O_RDONLY); // inherited, if anything were
    struct inlines *inlines = inlines_new(INLINES_HANG_NS);
    assert_knows_itself(inlines, add_own(inlines));
    pid_t worker = find_worker();
    assert_true(worker > 0);
    assert_status(worker, "CapEff:\t0000000000000000");
    assert_status(worker, "CapPrm:\t0000000000000000");
    assert_status(worker, "NoNewPrivs:\t1");
#if !defined(__SANITIZE_ADDRESS__)
    assert_status(worker, "Seccomp:\t2");
#endif
    // stdin, stdout, stderr, the socket, the file: where they can be looked at.
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)worker);
    DIR *folder = opendir(path);
    int count = 0;
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    if (folder) {
        assert_int_equal(count, 5);
        closedir(folder);
    }
    inlines_free(inlines);
    assert_int_equal(find_worker(), 0);
    close(secret);
}

static void a_worker_that_died_is_started_again(void **state)
{
    (void)state;
    struct inlines *inlines = inlines_new(INLINES_HANG_NS);
    uint32_t own = add_own(inlines);
    assert_knows_itself(inlines, own);
    kill(find_worker(), SIGKILL);
    struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
    bool waiting = false;
    inlines_be_patient(inlines, PATIENCE_NS);
    uint64_t address = link_address((const void *)&find_worker);
    assert_int_equal(inlines_find(inlines, own, address, frames, &waiting), 1);
    assert_string_equal(frames[0].function, "find_worker");
    struct bytes text = {0};
    assert_false(inlines_complaint(inlines, &text)); // no file has the blame yet
    inlines_free(inlines);
}

// One message, and nobody waits any more.
static void a_worker_that_hangs_costs_the_file_its_lines(void **state)
{
    (void)state;
    struct inlines *inlines = inlines_new(INT64_C(100000000));
    struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
    uint32_t own = add_own(inlines);
    bool waiting = false;
    // Asked before it can answer: it is stopped as soon as it is there.
    inlines_be_patient(inlines, 0);
    inlines_find(inlines, own, link_address((const void *)where), frames, &waiting);
    assert_true(waiting);
    kill(find_worker(), SIGSTOP);
    uint64_t address = link_address((const void *)&find_worker);
    while (waiting) {
        inlines_be_patient(inlines, 10000000);
        inlines_find(inlines, own, address, frames, &waiting);
        // It may have been quicker than the signal: then something else hangs.
        address += !waiting && find_worker() > 0;
        waiting = waiting || find_worker() > 0;
    }
    struct bytes text = {0};
    assert_true(inlines_complaint(inlines, &text));
    assert_non_null(strstr(bytes_text(&text), "/the/test: its debug information takes too long"));
    bytes_clear(&text);
    assert_int_equal(inlines_find(inlines, own, address, frames, &waiting), 0);
    assert_false(waiting);
    assert_false(inlines_complaint(inlines, &text));
    bytes_dispose(&text);
    inlines_free(inlines);
}

// A file of this many bytes, of which some are changed.
static int damaged_copy(const char *image, size_t len, unsigned *seed, int round)
{
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    char *copy = xmalloc(len);
    memcpy(copy, image, len);
    size_t kept = round % 4 == 0 ? len - len * (size_t)(round % 60) / 60 : len;
    // Few and many, anywhere and near each other, zeros and ones and noise.
    size_t base = (size_t)(*seed >> 4) * 4099 % len, span = round % 3 ? len : 4096;
    for (int hit = 0; hit < (round % 2 ? 20 : 2000); hit++) {
        *seed = *seed * 1103515245 + 12345;
        size_t at = (base + (size_t)(*seed >> 3) % span) % len;
        copy[at] = round % 5 == 0 ? 0 : round % 7 == 0 ? (char)0xff : (char)(*seed >> 24);
    }
    // The head stays, so that the file is looked into.
    memcpy(copy, image, 64);
    assert_int_equal(write(fd, copy, kept), kept);
    free(copy);
    return fd;
}

// Whatever is in a file: an answer or none, in bounded time, and the asking process lives.
static void damaged_files_cost_their_lines_and_nothing_else(void **state)
{
    (void)state;
    enum { ROUNDS = 400, ADDRESSES = 40 };
    const char *more = getenv("FLICKER_ROUNDS"); // for a long run
    int rounds = more ? atoi(more) : ROUNDS;
    struct stat stat;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(self, &stat), 0);
    size_t len = (size_t)stat.st_size;
    char *image = mmap(NULL, len, PROT_READ, MAP_PRIVATE, self, 0);
    assert_ptr_not_equal(image, MAP_FAILED);
    unsigned seed = 1;
    size_t answered = 0, complaints = 0;
    for (int round = 0; round < rounds; round++) {
        struct inlines *inlines = inlines_new(INT64_C(2000000000));
        struct debug_info_files files = {damaged_copy(image, len, &seed, round), -1, -1};
        uint32_t file = inlines_add(inlines, &files, "/damaged");
        struct debug_frame frames[DEBUG_INFO_MAX_FRAMES];
        for (unsigned i = 0; i < ADDRESSES; i++) {
            bool waiting = false;
            inlines_be_patient(inlines, PATIENCE_NS);
            uint64_t address = link_address((const void *)where) + i * 64;
            answered += inlines_find(inlines, file, address, frames, &waiting) != 0;
            assert_false(waiting);
        }
        struct bytes text = {0};
        complaints += inlines_complaint(inlines, &text);
        bytes_dispose(&text);
        inlines_free(inlines);
    }
    assert_true(answered > 0);
    print_message("%zu answers; %zu of %d files cost their worker\n", answered, complaints, rounds);
    munmap(image, len);
    close(self);
}

static void packets_that_lie_are_no_replies(void **state)
{
    (void)state;
    struct inline_reply reply = {.address = 1, .module = 2, .frame_count = 1}, got;
    struct inline_reply_frame frame = {7, 3, 4}, frames[DEBUG_INFO_MAX_FRAMES];
    char packet[sizeof reply + sizeof frame + 7];
    const char *text = NULL;
    memcpy(packet, &reply, sizeof reply);
    memcpy(packet + sizeof reply, &frame, sizeof frame);
    memcpy(packet + sizeof reply + sizeof frame, "foox.c!", 7);
    assert_true(inline_worker_understand(packet, sizeof packet, &got, frames, &text));
    assert_memory_equal(text, "foox.c!", 7);
    for (size_t len = 0; len < sizeof packet; len++)
        assert_false(inline_worker_understand(packet, len, &got, frames, &text));
    reply.frame_count = UINT32_MAX;
    memcpy(packet, &reply, sizeof reply);
    assert_false(inline_worker_understand(packet, sizeof packet, &got, frames, &text));
    reply.frame_count = 1;
    frame.file_len = UINT16_MAX;
    memcpy(packet, &reply, sizeof reply);
    memcpy(packet + sizeof reply, &frame, sizeof frame);
    assert_false(inline_worker_understand(packet, sizeof packet, &got, frames, &text));
}

int main(int argc, char **argv)
{
    if (inline_worker_is_asked(argc, argv))
        inline_worker_serve();
    outermost();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlined_functions_and_lines_are_found),
        cmocka_unit_test(who_has_no_patience_gets_the_answer_later),
        cmocka_unit_test(the_worker_has_no_rights_and_no_files),
        cmocka_unit_test(a_worker_that_died_is_started_again),
        cmocka_unit_test(a_worker_that_hangs_costs_the_file_its_lines),
        cmocka_unit_test(damaged_files_cost_their_lines_and_nothing_else),
        cmocka_unit_test(packets_that_lie_are_no_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
