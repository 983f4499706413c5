// pprof's profile.proto, usually in gzip: what Go, Rust, Java and many collectors write.
//
// A sample type is an event ("cpu", ns); a sample with several values becomes one of each event,
// the profile's default first. Labels that are read, and written: comm (also "thread"), pid, tid,
// cpu, and timestamp_ns (also end_timestamp_ns), as a number. A profile without it has no times.
#ifndef FLICKER_PROTO_PPROF_H
#define FLICKER_PROTO_PPROF_H

#include "proto/format.h"

// The row's functions.
struct decoder *pprof_decoder_new(struct sink *sink, const struct decode_options *options);
struct encoder *pprof_encoder_new(struct dict *dict, struct output *output);

// Fields of the messages, as profile.proto numbers them.
enum pprof_profile {
    PPROF_SAMPLE_TYPE = 1,
    PPROF_SAMPLE,
    PPROF_MAPPING,
    PPROF_LOCATION,
    PPROF_FUNCTION,
    PPROF_STRING,
    PPROF_TIME_NANOS = 9,
    PPROF_DURATION_NANOS,
    PPROF_PERIOD_TYPE,
    PPROF_PERIOD,
    PPROF_DEFAULT_TYPE = 14,
};
enum pprof_value_type { PPROF_TYPE_NAME = 1, PPROF_TYPE_UNIT };
enum pprof_sample { PPROF_SAMPLE_LOCATION = 1, PPROF_SAMPLE_VALUE, PPROF_SAMPLE_LABEL };
enum pprof_label { PPROF_LABEL_KEY = 1, PPROF_LABEL_STR, PPROF_LABEL_NUM, PPROF_LABEL_UNIT };
enum pprof_mapping { PPROF_MAPPING_ID = 1, PPROF_MAPPING_FILE = 5, PPROF_MAPPING_FUNCTIONS = 7 };
enum pprof_location {
    PPROF_LOCATION_ID = 1,
    PPROF_LOCATION_MAPPING,
    PPROF_LOCATION_ADDRESS,
    PPROF_LOCATION_LINE,
};
enum pprof_line { PPROF_LINE_FUNCTION = 1, PPROF_LINE_LINE };
enum pprof_function { PPROF_FUNCTION_ID = 1, PPROF_FUNCTION_NAME, PPROF_FUNCTION_FILE = 4 };

#endif
