// Probes of the user's: tp=, kprobe=, uprobe=, usdt= and what value= means there.
#ifndef FLICKER_COLLECTORS_NATIVE_PROBE_H
#define FLICKER_COLLECTORS_NATIVE_PROBE_H

#include "collectors/native/attach.h"

#include <limits.h>

struct bpf_program;

struct bpf_program *probe_program(const struct native_object *object,
                                  const struct native_options *options);
int probe_prepare(const struct native_object *object, const struct native_options *options,
                  struct err *err) MUST_CHECK;
int probe_attach(struct attachments *attachments, const struct native_object *object,
                 const struct native_options *options, struct err *err) MUST_CHECK;
// "ns", "bytes", or the field's own name; "" without value=.
const char *probe_unit(const struct native_options *options);
// The file as this host names it: that of the process' own mount namespace, and "libc" found among
// the files that it maps.
int probe_file(char path[PATH_MAX], const char *name, int32_t pid, struct err *err) MUST_CHECK;

#endif
