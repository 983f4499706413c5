# flicker-collect: our own collector. Its kernel side is compiled by clang and lies in skeletons
# that bpftool makes; without these two (or libbpf) it is not built, and `record` uses the others.
find_program(BPF_CLANG clang)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin)
pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(BPF_ARCH arm64)
endif()

if(BPF_CLANG AND BPFTOOL AND LIBBPF_FOUND AND BPF_ARCH)
  set(NATIVE ${CMAKE_SOURCE_DIR}/collectors/native)
  set(NATIVE_OUT ${GENERATED}/collectors/native)
  file(GLOB NATIVE_HEADERS CONFIGURE_DEPENDS ${NATIVE}/*.h)
  file(GLOB BPF_SOURCES CONFIGURE_DEPENDS ${NATIVE}/*.bpf.c)
  set(SKELETONS)
  foreach(source IN LISTS BPF_SOURCES)
    get_filename_component(name ${source} NAME_WE)
    add_custom_command(OUTPUT ${NATIVE_OUT}/${name}.bpf.o
      COMMAND ${CMAKE_COMMAND} -E make_directory ${NATIVE_OUT}
      COMMAND ${BPF_CLANG} -O2 -mcpu=v3 -g -Wall -Wextra -Wno-unused-parameter
        -Werror -target bpf -D__TARGET_ARCH_${BPF_ARCH}
        -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
        -fdebug-prefix-map=${CMAKE_SOURCE_DIR}/= -c ${source}
        -o ${NATIVE_OUT}/${name}.bpf.o
      DEPENDS ${source} ${NATIVE_HEADERS} VERBATIM)
    add_custom_command(OUTPUT ${NATIVE_OUT}/${name}.skel.h
      COMMAND sh -c
        "'${BPFTOOL}' gen skeleton ${name}.bpf.o name ${name}_bpf > ${name}.skel.h"
      DEPENDS ${NATIVE_OUT}/${name}.bpf.o WORKING_DIRECTORY ${NATIVE_OUT} VERBATIM)
    list(APPEND SKELETONS ${NATIVE_OUT}/${name}.skel.h)
  endforeach()
  add_custom_target(flicker_skeleton DEPENDS ${SKELETONS})

  file(GLOB NATIVE_SOURCES CONFIGURE_DEPENDS ${NATIVE}/*.c)
  list(FILTER NATIVE_SOURCES EXCLUDE REGEX "\\.bpf\\.c$")
  list(FILTER NATIVE_SOURCES EXCLUDE REGEX "/main\\.c$")
  add_library(flicker_native STATIC ${NATIVE_SOURCES})
  add_dependencies(flicker_native flicker_skeleton)
  target_include_directories(flicker_native SYSTEM PRIVATE ${GENERATED})
  target_link_libraries(flicker_native PUBLIC flicker_collectors PkgConfig::LIBBPF)

  add_executable(flicker-collect ${NATIVE}/main.c)
  target_link_libraries(flicker-collect PRIVATE flicker_native)
  set_target_properties(flicker-collect PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  install(TARGETS flicker-collect DESTINATION ${CMAKE_INSTALL_BINDIR})
else()
  message(STATUS "flicker-collect is not built: it needs clang, bpftool and libbpf")
endif()
