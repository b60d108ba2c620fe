// What the harness around the Verilated core and its caller share: plain C structures, no padding to guess.
// simulator/layouts.py declares the same structures and simulator/library.py compares their sizes when it loads the library.
#pragma once
#include <cstdint>

#ifndef COLUMNS
#error "the configuration is given as -DROWS= -DCOLUMNS= -DLANES= and so on, every field of it"
#endif

constexpr int weight_columns = COLUMNS / (1 + PAIR);
constexpr int mask_words = (COLUMNS + 63) / 64;
constexpr int row_groups = (ROWS + ADC_COUNT - 1) / ADC_COUNT;
constexpr int column_groups = (weight_columns + ADC_COUNT - 1) / ADC_COUNT;

struct Lines {
    uint32_t word_code, bit_code, source_code, word_unselected, bit_unselected, source_unselected;
};

struct Ramp {
    uint32_t start, step, stop;
};

struct Settings {
    uint32_t threshold_log2, max_pulses, parallel_max;
    uint32_t setup_cycles, set_cycles, reset_cycles, hold_cycles, recovery_cycles, ready_limit;
    uint32_t settle_cycles, conversion_limit, form_cycles;
    uint32_t forward_full_scale, backward_full_scale, verify_full_scale;
    uint32_t verify, verify_step, verify_tolerance, program_tolerance, try_limit, pair_policy, refresh_pulses, ramp;
    Ramp set_ramp, reset_ramp, form_ramp;
    Lines set_lines, reset_lines, form_lines, read_lines;
};

enum Opcode : uint32_t {
    LOAD = 1, READ_FORWARD, READ_BACKWARD, UPDATE, UPDATE_OUTER, UPDATE_DIFFERENCE, PROGRAM, FORM, REFRESH,
};

// A packet: the header, then `beats` beats of payload made of the elements, in order; zeros after the last of them.
struct Command {
    uint32_t header;       // as in section 17
    uint32_t settings;     // which settings of the run are at the pins when the header is taken
    const void *elements;  // int16_t or int32_t; null: zeros
    int64_t count;         // of the elements
    int64_t beats;         // of payload; 0: the header has `last`
    uint32_t element_bytes, element_bits; // in memory, and as a field of a beat
    uint32_t per_beat, reserved;
};

struct Answer {
    uint32_t opcode, status, tag, beats; // beats: of data
    int64_t first;                       // its first beat of data in the buffer
    int64_t cycle;                       // clock cycle of this run in which the status word was taken
};

// One finished write pulse, as the controller reports it.
struct Pulse {
    int64_t cycle;                // clock cycle of this run in which it was reported
    uint32_t row, polarity, form; // SET 0, RESET 1; 1: a FORM pulse
    uint32_t level;               // the bit code (RESET: source code) that was at the pins
    uint32_t cycles, cut;         // length of the strobe; 1 if shorter than asked for
    uint64_t columns[mask_words]; // bit c % 64 of word c / 64: column c took the pulse
};

// Whatever stands at the crossbar pins. Its functions are called in the cycle in which the thing happens, before the next
// clock edge, so that an answer can reach the pins.
struct Peripheral {
    void *context;
    int32_t (*observer)(void *context, const Pulse *pulse); // not null: takes the pulses in place of the buffer; not 0
                                                            // from it aborts the controller
    void *array;
    void (*pulse)(void *array, uint32_t operation, uint32_t row, uint32_t cycles, uint32_t level, const uint64_t *columns);
    void (*convert)(void *array, uint32_t backward, uint32_t whole, uint32_t row, uint32_t full_scale, uint32_t group,
                    uint32_t first, const int32_t *dac, int32_t *codes);
    int64_t conversion_cycles; // from `convert` to `converted`, at least 1
};

enum Status : int32_t {
    DONE = 0,        // every command is answered, none with ABORTED or FAULT
    BUFFER_FULL = 1, // empty the buffer and call again with `resume`
    ABORTED = 2,     // by abort_cycle: an answer says so, or commands were not sent
    STOPPED = 3,     // the same, by the observer
    FAULTED = 4,     // `fault` holds the code
    NOT_ARMED = 5,   // of pulsetrain_arm
    NOT_SEEDED = 6,  // of pulsetrain_seed
    CYCLE_LIMIT = 7, // the run took longer than its cycle limit
    STUCK = 8,       // nothing happened for stuck_limit cycles
    UNSAFE = 9,      // the pin checker saw a violation; see pulsetrain_violation
    BAD_ANSWER = 10, // an answer that nobody asked for, or more data than there can be
};

struct Run {
    // What the caller asks for.
    const Command *commands;
    int64_t command_count;
    const Settings *settings;
    Pulse *pulses;            // buffer of finished pulses
    int64_t capacity;
    Answer *answers;          // room for one of each command
    int16_t *data;            // room for the data of all answers, ADC_COUNT elements a beat
    int64_t data_capacity;    // in beats
    Peripheral peripheral;
    int64_t abort_cycle;      // raise `abort` in this cycle, -1: never
    int64_t cycle_limit;      // at least 1
    int64_t stuck_limit;      // at least 1
    uint64_t stall_seed;      // random stalls are a function of it alone
    uint32_t idle_share;      // of 65536: how often no beat of a command is offered in a cycle
    uint32_t unready_share;   // of 65536: how often crossbar.ready is low in a cycle
    uint32_t blocked_share;   // of 65536: how often responses.ready is low in a cycle
    uint32_t late_share;      // of 65536: how often a conversion takes one cycle more
    uint32_t form_key;
    uint32_t check_pins;      // watch the safety rules in every cycle
    // What happened.
    int32_t status;
    int64_t pulse_count;      // in the buffer, of this call
    int64_t cycles, beats;    // of the whole run; beats: of commands, headers included
    int64_t answer_count, data_count;
    uint32_t fault, settings_error; // settings_error: of the first header that was taken with one
    uint32_t cells_set, cells_reset, saturated, slots, cut, requests; // by how much the controller's counters rose
    uint32_t reads, conversions, verified, unreached, unverified;
};

struct Readback {
    uint64_t random_seed, random_steps;
    uint32_t cells_set, cells_reset, saturated, slots, cut, requests;
    uint32_t reads, conversions, verified, unreached, unverified;
    uint32_t armed, seeded, busy, fault;
};

#define PUBLIC __attribute__((visibility("default")))

extern "C" {
PUBLIC void pulsetrain_sizes(int64_t *sizes); // of Settings, Command, Answer, Pulse, Run, Readback; mask words; configuration
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
