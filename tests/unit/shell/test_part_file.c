// A file that appears when it is whole, and not at all when it is canceled, at the last moment too.
#include "shell/part_file.h"
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/flicker-part-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") || rmdir(folder);
}

static void write_bytes(struct part_file *file, size_t count)
{
    struct err err = {0};
    char *piece = malloc(1 << 20);
    for (size_t done = 0; done < count; done += 1 << 20) {
        memset(piece, 'a' + (int)(done >> 20) % 26, 1 << 20);
        assert_int_equal(output_write(&file->base, piece, 1 << 20, &err), 0);
    }
    free(piece);
}

static off_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) ? -1 : info.st_size;
}

static void test_it_appears_whole(void **state)
{
    (void)state;
    struct part_file file;
    struct err err = {0};
    char letters[2];
    assert_int_equal(part_file_open(&file, "whole", false, &err), 0);
    write_bytes(&file, 20 << 20); // several pieces are brought to the disk
    assert_int_equal(size_of("whole"), -1);
    assert_int_equal(part_file_commit(&file, &err), 0);
    part_file_dispose(&file);
    assert_int_equal(size_of("whole"), 20 << 20);
    int fd = open("whole", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, letters, 2, (9 << 20) - 1), 2);
    assert_memory_equal(letters, "ij", 2);
    close(fd);
    assert_int_equal(unlink("whole"), 0);
    assert_int_equal(size_of("whole.part"), -1);
}

static void test_what_is_canceled_at_its_end_leaves_what_was_there(void **state)
{
    (void)state;
    struct part_file file;
    struct err err = {0};
    atomic_bool cancel = false;
    FILE *before = fopen("there", "we");
    assert_non_null(before);
    assert_int_equal(fclose(before), 0);
    assert_int_equal(part_file_open(&file, "there", false, &err), 0);
    file.base.cancel = &cancel;
    write_bytes(&file, 1 << 20);
    atomic_store(&cancel, true);
    assert_int_equal(part_file_commit(&file, &err), -ECANCELED);
    part_file_dispose(&file);
    assert_int_equal(size_of("there.part"), -1);
    assert_int_equal(size_of("there"), 0);
    assert_int_equal(unlink("there"), 0);
}

// Its name is gone at once; its pages are freed by and by.
static void test_a_large_one_that_is_canceled_is_closed(void **state)
{
    (void)state;
    struct part_file file;
    struct err err = {0};
    assert_int_equal(part_file_open(&file, "large", false, &err), 0);
    write_bytes(&file, 65 << 20);
    int fd = file.fd;
    part_file_dispose(&file);
    assert_int_equal(size_of("large.part"), -1);
    for (int ms = 0; fcntl(fd, F_GETFD) >= 0; ms++) {
        assert_true(ms < 60000);
        poll(NULL, 0, 1);
    }
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_appears_whole),
        cmocka_unit_test(test_what_is_canceled_at_its_end_leaves_what_was_there),
        cmocka_unit_test(test_a_large_one_that_is_canceled_is_closed),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
