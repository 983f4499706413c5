// The probes that bpftrace knows here (`bpftrace -l`), for completion: asked for once, in bounded
// time, and kept.
#ifndef FLICKER_COLLECTORS_PROBE_LIST_H
#define FLICKER_COLLECTORS_PROBE_LIST_H

#include "collectors/launcher.h"
#include "proto/bytes.h"

struct probe_list;

struct probe_list *probe_list_new(struct launcher *launcher); // borrowed
void probe_list_free(struct probe_list *list);
// The names, a line each; borrowed until the next call. Asks at the first call and waits for at
// most patience_ms at each: what has not come by then is there later. "" where bpftrace cannot be
// asked.
const char *probe_list_text(struct probe_list *list, int patience_ms);

#endif
