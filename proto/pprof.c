// The row of pprof in the table of formats.
#include "proto/pprof.h"

#include "proto/wire.h"

// The first fields of the message look like a profile's: known numbers, of their types, and a
// sample type early on. A head that ends within a field is fine.
static int probe(const void *head, size_t len)
{
    struct wire wire = {head, (const uint8_t *)head + len};
    struct wire_field field;
    unsigned fields = 0, types = 0, messages = 0;
    while (wire.at && wire.at < wire.end && fields < 64 && wire_next(&wire, &field) > 0) {
        bool message = field.number >= PPROF_SAMPLE_TYPE && field.number <= PPROF_STRING;
        bool period_type = field.number == PPROF_PERIOD_TYPE;
        if (!field.number || field.number > 15)
            return 0;
        if (field.is_bytes != (message || period_type) && field.number != 13)
            return 0;
        if (field.number == PPROF_SAMPLE_TYPE && wire_len(&field.body) > 24)
            return 0;
        types += field.number == PPROF_SAMPLE_TYPE;
        messages += message;
        fields++;
    }
    return types && messages > types ? 88 : types && fields > 1 ? 40 : 0;
}

const struct format format_pprof = {
    .name = "pprof",
    .summary = "pprof's profile.proto, as Go and many collectors write",
    .extension = ".pb.gz",
    .probe = probe,
    .decoder_new = pprof_decoder_new,
    .encoder_new = pprof_encoder_new,
    .loses = HOLD_KIND | HOLD_LOSS,
};
