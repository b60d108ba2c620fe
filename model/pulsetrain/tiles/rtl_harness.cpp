// Drives the Verilated controller a whole run of requests at a time. Generic over the port widths: Verilator gives a port
// a type after its width, and the overloads below hide which.
#include "rtl_harness.h"

#include <cstring>
#include <memory>

#include "Vcontroller.h"
#include "rtl_pin_checker.h"
#include "verilated.h"

// Verilator writes the second of two underscores in a name as its code.
#define PORT(group, name) top->group##___05F##name
#define ABORT __SYM__abort // and a name that C++ knows it avoids
#define PORT3(group, part, name) top->group##___05F##part##___05F##name

namespace {

template <typename Port>
void put_words(Port &port, const uint32_t *words) { // ports of at most 64 bits
    port = Port(sizeof(Port) > 4 ? uint64_t(words[0]) | uint64_t(words[1]) << 32 : words[0]);
}
template <std::size_t N>
void put_words(VlWide<N> &port, const uint32_t *words) {
    for (std::size_t i = 0; i < N; ++i) port[i] = words[i];
}
template <typename Port>
void get_mask(uint64_t *mask, const Port &port) {
    mask[0] = port;
}
template <std::size_t N>
void get_mask(uint64_t *mask, const VlWide<N> &port) {
    for (std::size_t i = 0; i < N; i += 2) mask[i / 2] = port[i] | (i + 1 < N ? uint64_t(port[i + 1]) << 32 : 0);
}

constexpr int payload_words = (LANES * DELTA_BITS + 31) / 32 + 1; // one more: a 64-bit port reads two

// Lane l in bits [l * DELTA_BITS, (l + 1) * DELTA_BITS).
inline void pack(uint32_t *words, const Delta *deltas) {
    if constexpr (DELTA_BITS == 8 * sizeof(Delta)) { // as they lie in memory (little-endian, as are all hosts of numba)
        memcpy(words, deltas, LANES * sizeof(Delta));
    } else {
        uint64_t window = 0;
        int bits = 0, word = 0;
        for (int lane = 0; lane < LANES; ++lane) {
            window |= (uint64_t(uint32_t(deltas[lane])) & ((uint64_t(1) << DELTA_BITS) - 1)) << bits;
            for (bits += DELTA_BITS; bits >= 32; bits -= 32, window >>= 32) words[word++] = uint32_t(window);
        }
        words[word] = uint32_t(window);
    }
}

class Stalls { // xorshift64 (Marsaglia 2003); 16 bits decide each question
public:
    void seed(uint64_t seed) {
        state_ = (seed ^ 0x9E3779B97F4A7C15) | 1;
        for (int i = 0; i < 16; ++i) next();
    }
    bool happens(uint32_t share) { return share && (next() >> 40 & 0xFFFF) < share; }

private:
    uint64_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        return state_ ^= state_ << 17;
    }
    uint64_t state_ = 1;
};

class Harness {
public:
    Harness() : context(new VerilatedContext), top(new Vcontroller(context.get(), "controller")) { reset(); }
    ~Harness() { top->final(); }

    void reset() {
        top->rst = 1;
        top->arm = 0;
        top->ABORT = 0;
        top->state_index = 0;
        PORT(deltas, valid) = 0;
        PORT(seed, valid) = 0;
        PORT(crossbar, ready) = 1;
        for (int i = 0; i < 2; ++i) cycle();
        top->rst = 0;
        cycle();
    }

    int32_t seed(uint64_t value) {
        PORT(seed, payload) = value;
        PORT(seed, valid) = 1;
        cycle();
        const bool taken = PORT(seed, ready);
        PORT(seed, valid) = 0;
        cycle();
        if (!taken) return NOT_SEEDED;
        for (int64_t waited = 0; top->seeding || !top->seeded; ++waited) {
            if (waited > 128 * LANES + 1024) return STUCK;
            cycle();
        }
        return DONE;
    }

    int32_t arm(uint32_t limit) {
        top->arm = 1;
        top->pulse_limit = pulse_limit = limit;
        for (int i = 0; i < 2; ++i) cycle();
        return top->armed ? DONE : NOT_ARMED;
    }

    void disarm() {
        top->arm = 0;
        for (int i = 0; i < 2; ++i) cycle();
    }

    int32_t replay(uint64_t beats) {
        static const Settings shortest = {1, 1, 1, 1, 1, 1, 1, 1, 1, {}, {}};
        const uint32_t zero[payload_words] = {};
        put_settings(shortest);
        put_words(PORT(deltas, payload), zero);
        PORT(deltas, valid) = 1;
        for (int64_t waited = 0; beats && waited < beats_per_request + 1024; ++waited) {
            cycle();
            if (PORT(deltas, ready)) --beats, waited = 0;
        }
        PORT(deltas, valid) = 0;
        top->ABORT = 1; // the last request may be incomplete
        cycle();
        top->ABORT = 0;
        for (int i = 0; i < 2; ++i) cycle();
        return beats || top->busy ? STUCK : DONE;
    }

    void start(Run &run) {
        request = beat = run.cycles = run.beats = run.requests_done = 0;
        run.fault = run.settings_error = run.cells_set = run.cells_reset = run.saturated = run.slots = 0;
        offered = stopped = released = false;
        quiet = 0;
        stalls.seed(run.stall_seed);
        checker.restart();
        put_settings(run.settings[0]);
        run.status = !top->seeded || top->seeding ? NOT_SEEDED : !top->armed ? NOT_ARMED : DONE;
        run.pulse_count = 0;
        readback(before);
        if (run.status == DONE && run.requests > 0) go(run);
    }

    void go(Run &run) {
        run.pulse_count = 0;
        run.status = run.check_pins ? loop<true>(run) : loop<false>(run);
        if (run.status == BUFFER_FULL) return;
        PORT(deltas, valid) = 0;
        top->ABORT = run.status >= CYCLE_LIMIT; // drop what is in flight, or the next run would begin in its middle
        cycle();
        top->ABORT = 0;
        cycle();
        Readback now;
        readback(now);
        run.cells_set = now.cells_set - before.cells_set;
        run.cells_reset = now.cells_reset - before.cells_reset;
        run.saturated = now.saturated - before.saturated;
        run.slots = now.slots - before.slots;
    }

    void readback(Readback &out) const {
        out = {top->random_seed, top->random_steps, PORT(counters, cells_set), PORT(counters, cells_reset),
               PORT(counters, saturated), PORT(counters, slots), PORT(counters, cut), PORT(counters, requests),
               top->armed, top->seeded, top->busy, top->fault};
    }

    void state(uint32_t *words, int32_t count) {
        for (int32_t i = 0; i < count; ++i) {
            top->state_index = i;
            for (int j = 0; j < 2; ++j) cycle();
            words[i] = top->state_word;
        }
    }

    const char *violation() const { return checker.violation(); }

private:
    // One clock cycle: the inputs set before are what the controller sees in it (rtl_build.py puts a register before
    // each, so nothing follows an input combinationally), and the outputs are those of this cycle.
    void cycle() {
        top->clk = 0;
        top->eval();
        top->clk = 1;
        top->eval();
    }

    template <bool CHECK>
    int32_t loop(Run &run) {
        const int64_t beats = run.requests * beats_per_request;
        const bool stalling = run.idle_share || run.unready_share;
        for (;;) {
            if (run.pulse_count == run.capacity && !run.peripheral.pulse) return BUFFER_FULL;
            if (run.cycles >= run.cycle_limit) return CYCLE_LIMIT;
            if (quiet >= run.stuck_limit) return STUCK;

            // Inputs of this cycle. A beat that was offered stays until it is taken.
            const bool abort = stopped || run.cycles == run.abort_cycle;
            if (abort || released) offered = false; // the requests in flight are dropped, and no new one begins
            else if (!offered && run.beats < beats && !(stalling && stalls.happens(run.idle_share))) offer(run);
            PORT(deltas, valid) = offered;
            const bool ready = !(stalling && stalls.happens(run.unready_share));
            PORT(crossbar, ready) = ready;
            top->ABORT = abort;
            cycle();

            // Outputs of this cycle.
            const bool done = PORT(done, valid);
            const uint32_t done_status = PORT(done, status);
            const bool over = done && done_status;
            run.requests_done += done && !over;
            ++quiet;
            const bool reported = PORT(report, valid);
            if (reported) report(run);
            if (CHECK && !watch(run, ready, reported, over)) return UNSAFE;
            if (offered && PORT(deltas, ready)) {
                offered = false;
                ++run.beats;
                quiet = 0;
                if (beat == 0) next_settings(run);
                if (++beat == beats_per_request) beat = 0, ++request;
            } else if (offered && beat == 0 && top->settings_error && run.requests_done == request) {
                run.settings_error = top->settings_error;
                return BAD_SETTINGS;
            }
            if (done) quiet = 0;
            const bool nothing_to_release = released && !over;
            released = abort;
            ++run.cycles;

            if (over) {
                run.fault = top->fault;
                return done_status == 2 ? FAULTED : stopped ? STOPPED : ABORTED;
            }
            if (run.requests_done == run.requests) return DONE;
            if (nothing_to_release) return stopped ? STOPPED : ABORTED; // nothing was in flight
        }
    }

    void offer(const Run &run) {
        if (run.deltas) pack(payload, run.deltas + run.beats * LANES);
        else memset(payload, 0, sizeof payload);
        put_words(PORT(deltas, payload), payload);
        offered = true;
    }

    void report(Run &run) {
        Pulse own;
        Pulse &pulse = run.peripheral.pulse ? own : run.pulses[run.pulse_count];
        pulse.request = run.requests_done;
        pulse.cycle = run.cycles;
        pulse.row = PORT(report, row);
        pulse.polarity = PORT(report, polarity);
        pulse.cycles = PORT(report, cycles);
        pulse.cut = PORT(report, cut);
        get_mask(pulse.columns, PORT(report, columns));
        last = pulse;
        quiet = 0;
        if (!run.peripheral.pulse) ++run.pulse_count;
        else if (run.peripheral.pulse(run.peripheral.context, &pulse)) stopped = true;
    }

    bool watch(const Run &run, bool ready, bool reported, bool over) {
        Pins pins;
        pins.operation = PORT(crossbar, operation);
        pins.select = PORT(crossbar, select);
        pins.strobe = PORT(crossbar, strobe);
        pins.row = PORT(crossbar, row);
        pins.lines = {PORT(crossbar, word_code), PORT(crossbar, bit_code), PORT(crossbar, source_code),
                      PORT(crossbar, word_unselected), PORT(crossbar, bit_unselected), PORT(crossbar, source_unselected)};
        get_mask(pins.columns, PORT(crossbar, columns));
        return checker.watch(run.cycles, pins, ready, reported, last, settings_of(run, run.requests_done), pulse_limit,
                             released || over);
    }

    static const Settings &settings_of(const Run &run, int64_t which) {
        return run.settings[run.settings_step * (which < run.requests ? which : run.requests - 1)];
    }
    // The next request's settings are shown as soon as the first beat of this one is taken: a controller that samples
    // them at any other time is found out.
    void next_settings(const Run &run) {
        if (run.settings_step) put_settings(settings_of(run, request + 1));
    }

    void put_settings(const Settings &s) {
        PORT(settings, threshold_log2) = s.threshold_log2;
        PORT(settings, max_pulses) = s.max_pulses;
        PORT(settings, parallel_max) = s.parallel_max;
        PORT(settings, setup_cycles) = s.setup_cycles;
        PORT(settings, set_cycles) = s.set_cycles;
        PORT(settings, reset_cycles) = s.reset_cycles;
        PORT(settings, hold_cycles) = s.hold_cycles;
        PORT(settings, recovery_cycles) = s.recovery_cycles;
        PORT(settings, ready_limit) = s.ready_limit;
        PORT3(settings, set_lines, word_code) = s.set_lines.word_code;
        PORT3(settings, set_lines, bit_code) = s.set_lines.bit_code;
        PORT3(settings, set_lines, source_code) = s.set_lines.source_code;
        PORT3(settings, set_lines, word_unselected) = s.set_lines.word_unselected;
        PORT3(settings, set_lines, bit_unselected) = s.set_lines.bit_unselected;
        PORT3(settings, set_lines, source_unselected) = s.set_lines.source_unselected;
        PORT3(settings, reset_lines, word_code) = s.reset_lines.word_code;
        PORT3(settings, reset_lines, bit_code) = s.reset_lines.bit_code;
        PORT3(settings, reset_lines, source_code) = s.reset_lines.source_code;
        PORT3(settings, reset_lines, word_unselected) = s.reset_lines.word_unselected;
        PORT3(settings, reset_lines, bit_unselected) = s.reset_lines.bit_unselected;
        PORT3(settings, reset_lines, source_unselected) = s.reset_lines.source_unselected;
    }

    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vcontroller> top;
    PinChecker checker;
    Stalls stalls;
    Pulse last = {};
    Readback before = {};
    uint32_t pulse_limit = 0;
    uint32_t payload[payload_words] = {};
    int64_t request = 0, beat = 0, quiet = 0;
    bool offered = false, stopped = false, released = false;
};

Harness &harness(void *controller) { return *static_cast<Harness *>(controller); }

} // namespace

void pulsetrain_sizes(int64_t *sizes) {
    const int64_t all[] = {sizeof(Settings), sizeof(Pulse), sizeof(Run), sizeof(Readback), mask_words};
    memcpy(sizes, all, sizeof all);
}
void *pulsetrain_open() { return new Harness; }
void pulsetrain_close(void *controller) { delete &harness(controller); }
void pulsetrain_reset(void *controller) { harness(controller).reset(); }
int32_t pulsetrain_seed(void *controller, uint64_t seed) { return harness(controller).seed(seed); }
int32_t pulsetrain_arm(void *controller, uint32_t pulse_limit) { return harness(controller).arm(pulse_limit); }
void pulsetrain_disarm(void *controller) { harness(controller).disarm(); }
int32_t pulsetrain_replay(void *controller, uint64_t beats) { return harness(controller).replay(beats); }
void pulsetrain_run(void *controller, Run *run) { harness(controller).start(*run); }
void pulsetrain_resume(void *controller, Run *run) { harness(controller).go(*run); }
void pulsetrain_readback(void *controller, Readback *readback) { harness(controller).readback(*readback); }
void pulsetrain_state(void *controller, uint32_t *words, int32_t count) { harness(controller).state(words, count); }
const char *pulsetrain_violation(void *controller) { return harness(controller).violation(); }
