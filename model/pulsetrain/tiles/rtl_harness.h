// What the harness around the Verilated controller and its caller share: plain C structures, no padding to guess.
// rtl_library.py declares the same structures for ctypes and compares their sizes when it loads the library.
#pragma once
#include <cstdint>
#include <type_traits>

#ifndef COLUMNS
#error "the configuration is given as -DROWS= -DCOLUMNS= -DLANES= -DDELTA_BITS="
#endif

constexpr int mask_words = (COLUMNS + 63) / 64;
constexpr int64_t beats_per_request = int64_t(ROWS) * (COLUMNS / LANES);

using Delta = std::conditional_t<(DELTA_BITS <= 16), int16_t, int32_t>;

struct Lines {
    uint32_t word_code, bit_code, source_code, word_unselected, bit_unselected, source_unselected;
};

struct Settings {
    uint32_t threshold_log2, max_pulses, parallel_max;
    uint32_t setup_cycles, set_cycles, reset_cycles, hold_cycles, recovery_cycles, ready_limit;
    Lines set_lines, reset_lines;
};

// One finished write pulse, as the controller reports it.
struct Pulse {
    int64_t request;              // which request of this run it belongs to, from 0
    int64_t cycle;                // clock cycle of this run in which it was reported
    uint32_t row, polarity;       // SET 0, RESET 1
    uint32_t cycles, cut;         // length of the strobe; 1 if shorter than asked for
    uint64_t columns[mask_words]; // bit c % 64 of word c / 64: column c took the pulse
};

// Whatever stands at the crossbar pins. A function gets `context` first; not 0 from it aborts the controller.
// Called in the cycle in which the thing happens, before the next clock edge, so that an answer can reach the pins.
struct Peripheral {
    void *context;
    int32_t (*pulse)(void *context, const Pulse *pulse); // null: pulses go into the buffer of the run
};

enum Status : int32_t {
    DONE = 0,        // every request is done
    BUFFER_FULL = 1, // empty the buffer and call again with `resume`
    ABORTED = 2,     // by abort_cycle
    STOPPED = 3,     // by the peripheral, which did not return 0
    FAULTED = 4,     // `fault` holds the code
    BAD_SETTINGS = 5,// refused: `settings_error` holds the bits
    NOT_ARMED = 6,
    NOT_SEEDED = 7,
    CYCLE_LIMIT = 8, // the run took longer than its cycle limit
    STUCK = 9,       // nothing happened for stuck_limit cycles
    UNSAFE = 10,     // the pin checker saw a violation; see pulsetrain_violation
};

struct Run {
    // What the caller asks for.
    const Delta *deltas;      // requests * ROWS * COLUMNS, row by row; null: all zero
    int64_t requests;
    const Settings *settings;
    int64_t settings_step;    // 0: the same settings for every request; 1: one of each
    Pulse *pulses;            // buffer of finished pulses
    int64_t capacity;
    Peripheral peripheral;
    int64_t abort_cycle;      // raise `abort` in this cycle, -1: never
    int64_t cycle_limit;      // at least 1
    int64_t stuck_limit;      // at least 1
    uint64_t stall_seed;      // random stalls are a function of it alone
    uint32_t idle_share;      // of 65536: how often the input offers nothing in a cycle
    uint32_t unready_share;   // of 65536: how often crossbar.ready is low in a cycle
    uint32_t check_pins;      // watch the safety rules in every cycle
    // What happened.
    int32_t status;
    int64_t pulse_count;      // in the buffer, of this call
    int64_t cycles, beats, requests_done; // of the whole run
    uint32_t fault, settings_error;
    uint32_t cells_set, cells_reset, saturated, slots; // by how much the controller's counters rose
};

struct Readback {
    uint64_t random_seed, random_steps;
    uint32_t cells_set, cells_reset, saturated, slots, cut, requests;
    uint32_t armed, seeded, busy, fault;
};

#define PUBLIC __attribute__((visibility("default")))

extern "C" {
PUBLIC void pulsetrain_sizes(int64_t *sizes); // of Settings, Pulse, Run, Readback; mask words
PUBLIC void *pulsetrain_open();               // after reset, neither armed nor seeded
PUBLIC void pulsetrain_close(void *controller);
PUBLIC void pulsetrain_reset(void *controller);
PUBLIC int32_t pulsetrain_seed(void *controller, uint64_t seed); // DONE, NOT_SEEDED if refused, STUCK
PUBLIC int32_t pulsetrain_arm(void *controller, uint32_t pulse_limit); // DONE or NOT_ARMED
PUBLIC void pulsetrain_disarm(void *controller);
PUBLIC int32_t pulsetrain_replay(void *controller, uint64_t beats); // that many zero deltas, no pulses; DONE or STUCK
PUBLIC void pulsetrain_run(void *controller, Run *run);
PUBLIC void pulsetrain_resume(void *controller, Run *run);
PUBLIC void pulsetrain_readback(void *controller, Readback *readback);
PUBLIC void pulsetrain_state(void *controller, uint32_t *words, int32_t count);
PUBLIC const char *pulsetrain_violation(void *controller); // of the last run that was UNSAFE
}
