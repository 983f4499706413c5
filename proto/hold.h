// What samples can say besides that they were taken, and with which stack: what a format may have
// no place for.
#ifndef FLICKER_PROTO_HOLD_H
#define FLICKER_PROTO_HOLD_H

enum hold {
    HOLD_TIME = 1 << 0,
    HOLD_BARE_TIME = 1 << 1, // times of samples that are worth no time themselves (faults, bytes)
    HOLD_TIME_NS = 1 << 2,   // times finer than a microsecond
    HOLD_THREAD = 1 << 3,    // ids of processes and threads
    HOLD_COMM = 1 << 4,      // names of threads
    HOLD_CPU = 1 << 5,
    HOLD_VALUE = 1 << 6,  // of an event by value
    HOLD_COUNT = 1 << 7,  // how many samples of such an event there were
    HOLD_SAMPLE = 1 << 8, // how many samples of an event that is counted
    HOLD_PERIOD = 1 << 9, // what each of those is worth
    HOLD_EVENT = 1 << 10, // which event a sample is of: samples of one only go into the file
    HOLD_MODULE = 1 << 11,
    HOLD_ADDRESS = 1 << 12,
    HOLD_KIND = 1 << 13, // kernel, JIT, inlined
    HOLD_LINE = 1 << 14, // source files and lines
    HOLD_LOSS = 1 << 15,
    HOLD_UNIT = 1 << 16,       // what values are counted in
    HOLD_OTHER_UNIT = 1 << 17, // that it is no time
    HOLD_EVENT_NAME = 1 << 18, // where it is not what the format's decoder calls them all
};

#endif
