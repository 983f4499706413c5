// cmocka with what it needs before it; every unit test includes this one.
#ifndef FLICKER_TESTS_TEST_H
#define FLICKER_TESTS_TEST_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#endif
