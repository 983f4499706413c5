// Names of kernel addresses, as the kernel tells them and as /proc/kallsyms does. Needs root.
#include "collectors/native/kernel_symbols.h"
#include "tests/test.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Functions that every kernel has, once each.
static const char *const functions[] = {"vfs_read", "schedule", "kmem_cache_alloc_noprof",
                                        "kmem_cache_alloc", "do_exit"};

static uint64_t address_of(const char *function)
{
    FILE *file = fopen("/proc/kallsyms", "re");
    char line[1024], name[1024];
    unsigned long long address = 0, found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%llx %*c %1023s", &address, name) == 2 && !strcmp(name, function))
            found = address;
    }
    if (file)
        fclose(file);
    return found;
}

static void assert_names(struct kernel_symbols *symbols)
{
    const char *module = NULL;
    size_t name_len = 0, module_len = 0, asked = 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        uint64_t address = address_of(functions[i]);
        if (!address)
            continue;
        asked++;
        const char *name =
            kernel_symbols_name(symbols, address + 5, &name_len, &module, &module_len);
        assert_non_null(name);
        assert_int_equal(name_len, strlen(functions[i]));
        assert_memory_equal(name, functions[i], name_len);
        assert_int_equal(module_len, strlen("[kernel]"));
        assert_memory_equal(module, "[kernel]", module_len);
    }
    if (!asked)
        skip(); // the addresses are hidden here
    assert_null(kernel_symbols_name(symbols, 0x1234, &name_len, &module, &module_len));
}

static void names_are_those_of_the_kernel(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    libbpf_set_print(NULL);
    struct kernel_symbols symbols;
    kernel_symbols_init(&symbols);
    bool asks = symbols.naming;
    assert_names(&symbols);
    kernel_symbols_dispose(&symbols);
    if (!asks)
        printf("this kernel cannot be asked\n");
    // As where it cannot be: a table is read.
    kernel_symbols_init(&symbols);
    kernel_symbols_ask_no_more(&symbols);
    assert_names(&symbols);
    assert_int_equal(symbols.fd, -1);
    kernel_symbols_dispose(&symbols);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_those_of_the_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
