// Where seconds begin on a store's axis.
#include "analysis/store.h"

int64_t axis_floor(const struct axis *axis, int64_t time_ns, int64_t unit_ns)
{
    if (unit_ns <= 0)
        return time_ns;
    // The phase alone of the offset, so that the sum cannot overflow.
    int64_t phase_ns = axis->wall_known ? axis->wall_offset_ns % unit_ns : 0;
    int64_t over_ns = (time_ns % unit_ns + phase_ns) % unit_ns;
    if (over_ns < 0)
        over_ns += unit_ns;
    return time_ns < INT64_MIN + over_ns ? INT64_MIN : time_ns - over_ns;
}
