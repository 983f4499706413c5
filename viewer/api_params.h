// Numbers and time ranges out of query parameters.
#ifndef FLICKER_VIEWER_API_PARAMS_H
#define FLICKER_VIEWER_API_PARAMS_H

#include "viewer/api.h"

enum { API_RANGES_MAX = 64 };

// An integer parameter within [least, most]; `otherwise` when it is not there.
int api_int(int64_t *out, const struct api_params *params, const char *name, int64_t least,
            int64_t most, int64_t otherwise, struct err *err) MUST_CHECK;
// A share within [0, 1].
int api_share(double *out, const struct api_params *params, const char *name, double otherwise,
              struct err *err) MUST_CHECK;
// "FROM:TO,FROM:TO", ns from the axis' start, into ranges (sorted, merged, on the axis). *count is
// 0 when the parameter is not there.
int api_ranges(struct range *ranges, size_t *count, const struct api_params *params,
               const char *name, const struct axis *axis, struct err *err) MUST_CHECK;

#endif
