// Drives the Verilated core a whole run of commands at a time, and is the crossbar at its pins.
#include "harness.h"

#include "peripheral.h"
#include "pin_checker.h"
#include "ports.h"

namespace {

constexpr int settled_cycles = 11 + PULSE_COUNT_BITS; // counters lag by at most one less
constexpr int drain_cycles = 4096;

constexpr int generators() { // of the random source: specification, section 4
    int count = 1;
    while (LANES % count || LANES / count * RANDOM_BITS > 1024) ++count;
    return count;
}
constexpr int readback_cycles = 20 * generators() + 4; // a cycle for 2 words, of which a generator has up to 40

class Harness {
public:
    Harness() : context(new VerilatedContext), top_(new Vcontroller(context.get(), "controller")), top(top_.get()) {
        reset();
    }
    ~Harness() { top->final(); }

    void reset() {
        top->rst = 1;
        top->arm = 0;
        top->abort_all = 0;
        top->form_key = 0;
        top->state_index = 0;
        PORT(commands, valid) = 0;
        PORT(responses, ready) = 0;
        PORT(seed, valid) = 0;
        PORT(crossbar, ready) = 1;
        PORT(crossbar, converted) = 0;
        crossbar = Crossbar();
        for (int i = 0; i < 2; ++i) cycle();
        top->rst = 0;
        for (int i = 0; i < 1 + seen_after; ++i) cycle();
    }

    int32_t seed(uint64_t value) {
        PORT(seed, payload) = value;
        PORT(seed, valid) = 1;
        bool taken = false;
        for (int i = 0; i < 2 && !taken; ++i) { // it is taken in its second cycle on offer
            cycle();
            taken = PORT(seed, ready);
        }
        PORT(seed, valid) = 0;
        cycle();
        if (!taken) return RunEnd::NOT_SEEDED;
        for (int64_t waited = 0; top->seeding || !(top->seeded || top->seed_error); ++waited) {
            if (waited > 511 * generators() + 1024) return RunEnd::STUCK;
            cycle();
        }
        return top->seeded ? RunEnd::DONE : RunEnd::NOT_SEEDED;
    }

    int32_t arm(uint32_t limit) {
        top->arm = 1;
        top->pulse_limit = pulse_limit = limit;
        for (int i = 0; i < 2 + seen_after; ++i) cycle();
        return top->armed ? RunEnd::DONE : RunEnd::NOT_ARMED;
    }

    void disarm() {
        top->arm = 0;
        for (int i = 0; i < 2 + seen_after; ++i) cycle();
    }

    // Whole updates of zeros, and a last one that is aborted when it has taken what is left.
    int32_t replay(uint64_t beats) {
        const uint64_t wanted = top->random_steps + beats;
        const int64_t whole = int64_t(ROWS) * (weight_columns / LANES);
        put_settings(top, smallest_settings());
        memset(payload, 0, sizeof payload);
        uint64_t left = beats;
        bool answered = false;
        while (left) {
            const int64_t now = left < uint64_t(whole) ? int64_t(left) : whole;
            left -= uint64_t(now);
            for (int64_t sent = 0; sent <= now; ++sent) {
                payload[0] = sent ? 0 : uint32_t(Opcode::UPDATE);
                put_last(sent == whole);
                if (!send(answered)) return RunEnd::STUCK;
            }
            if (now < whole) break;
            for (int64_t waited = 0; !answered; ++waited) {
                if (waited > whole + drain_cycles) return RunEnd::STUCK;
                idle(answered);
            }
            answered = false;
        }
        payload[0] = 0;
        for (int64_t waited = 0; top->random_steps != wanted; ++waited) {
            if (waited > drain_cycles) return RunEnd::STUCK;
            idle(answered);
        }
        if (beats % uint64_t(whole)) {
            abort(answered);
            put_last(true); // the rest of the packet is dropped up to its last beat
            if (!send(answered)) return RunEnd::STUCK;
        }
        for (int64_t waited = 0; top->busy; ++waited) {
            if (waited > drain_cycles) return RunEnd::STUCK;
            idle(answered);
        }
        return RunEnd::DONE;
    }

    void start(Run &run) {
        command = beat = answered = taken = quiet = data_beats = 0;
        run.cycles = run.beats = run.answer_count = run.data_count = run.pulse_count = 0;
        run.fault = run.settings_error = 0;
        offered = stopped = by_observer = halted = false;
        aborts = 0;
        stalls.seed(run.stall_seed);
        checker.restart(run, pulse_limit);
        top->form_key = run.form_key;
        before = get_counters(top);
        if (run.command_count > 0) put_settings(top, settings_of(run, 0));
        go(run);
    }

    void go(Run &run) {
        run.pulse_count = 0;
        run.status = run.check_pins ? loop<true>(run) : loop<false>(run);
        if (run.status == RunEnd::BUFFER_FULL) return;
        PORT(commands, valid) = top->abort_all = 0;
        PORT(responses, ready) = 0; // an answer that nobody asked for is found by the next run
        PORT(crossbar, ready) = 1;
        if (run.status >= RunEnd::CYCLE_LIMIT) drain(run); // or the next run would begin in the middle of this one
        for (int i = 0; i < settled_cycles; ++i) cycle();
        top->form_key = 0;
        run.counters = get_counters(top) - before;
    }

    Readback readback() const { return get_readback(top); }

    void state(uint32_t *words, int32_t count) {
        for (int32_t i = 0; i < count; ++i) {
            top->state_index = i;
            for (int j = 0; j < readback_cycles; ++j) cycle();
            words[i] = top->state_word;
        }
    }

    const char *violation() const { return checker.violation(); }

private:
    // One clock cycle: the inputs set before are what the core sees in it (simulator/build.py puts a register before each, so
    // nothing follows an input combinationally), and the outputs are those of this cycle.
    void cycle() {
        top->clk = 0;
        top->eval();
        top->clk = 1;
        top->eval();
    }

    // One cycle outside a run: answers are taken, and nothing is applied that had to be kept.
    void idle(bool &last) {
        PORT(responses, ready) = 1;
        cycle();
        last |= PORT(responses, valid) && response_last();
        PORT(responses, ready) = 0;
    }

    // Abort, and wait until the core has seen it.
    void abort(bool &last) {
        top->abort_all = 1;
        idle(last);
        top->abort_all = 0;
        for (int i = 0; i < seen_after; ++i) idle(last);
    }

    // Offer the payload until it is taken. False: it is not.
    bool send(bool &last) {
        put_words(PORT(commands, payload), payload);
        PORT(commands, valid) = 1;
        bool ready = false;
        for (int64_t waited = 0; !ready && waited < int64_t(ROWS) * weight_columns + drain_cycles; ++waited) {
            idle(last);
            ready = PORT(commands, ready);
        }
        PORT(commands, valid) = 0;
        return ready;
    }

    // Abort, end the packet that is under way and take what is answered, as far as the core lets itself be helped.
    void drain(Run &run) {
        bool last = false;
        abort(last);
        if (beat > 0) {
            memset(payload, 0, sizeof payload);
            put_last(true);
            send(last);
        }
        for (int i = 0; i < drain_cycles && (top->busy || PORT(responses, valid)); ++i) idle(last);
        idle(last);
        run.fault = top->fault;
    }

    template <bool CHECK>
    int32_t loop(Run &run) {
        const bool stalling = run.idle_share || run.unready_share || run.blocked_share || run.late_share;
        for (;;) {
            if (run.pulse_count == run.capacity && !run.peripheral.observer) return RunEnd::BUFFER_FULL;
            if (run.cycles >= run.cycle_limit) return RunEnd::CYCLE_LIMIT;
            if (quiet >= run.stuck_limit) return RunEnd::STUCK;

            // Inputs of this cycle. A beat that was offered stays until it is taken, but for a header in an abort: no new
            // command begins after one, and a packet that is under way goes on to its end.
            const bool abort = stopped || run.cycles == run.abort_cycle;
            halted |= abort;
            if (halted && beat == 0) offered = false;
            else if (!offered && command < run.command_count && !(stalling && stalls.happens(run.idle_share))) offer(run);
            PORT(commands, valid) = offered;
            const bool ready = !(stalling && stalls.happens(run.unready_share));
            PORT(crossbar, ready) = ready;
            const bool listening = !(stalling && stalls.happens(run.blocked_share));
            PORT(responses, ready) = listening;
            crossbar.drive(top, stalls, run.late_share);
            top->abort_all = abort;
            cycle();

            // Outputs of this cycle.
            ++quiet;
            const bool reported = PORT(report, valid);
            if (reported) report(run);
            crossbar.see(top, run.peripheral);
            if (CHECK && !watch(run, ready, reported)) return RunEnd::UNSAFE;
            if (PORT(crossbar, convert)) quiet = 0;
            const int64_t taken_before = taken;
            if (offered && PORT(commands, ready)) advance(run);
            if (listening && PORT(responses, valid) && !answer(run, taken_before)) return RunEnd::BAD_ANSWER;
            stopped &= !abort; // once is enough
            aborts = aborts << 1 | uint32_t(abort);
            if (top->fault) run.fault = top->fault, halted = true;
            ++run.cycles;
            if (answered == taken && beat == 0 && (halted || command == run.command_count)) return ending(run);
        }
    }

    int32_t ending(const Run &run) const {
        bool faulted = false, dropped = taken < run.command_count;
        for (int64_t i = 0; i < answered; ++i) {
            faulted |= run.answers[i].status == AnswerStatus::FAULT;
            dropped |= run.answers[i].status == AnswerStatus::ABORTED;
        }
        if (faulted || run.fault) return RunEnd::FAULTED;
        return !dropped ? RunEnd::DONE : by_observer ? RunEnd::STOPPED : RunEnd::ABORTED;
    }

    void put_last(bool last) {
        payload[command_bits / 32] = last ? 1u << command_bits % 32 : 0;
    }

    void offer(const Run &run) {
        const Command &now = run.commands[command];
        if (beat == 0) {
            memset(payload, 0, sizeof payload);
            payload[0] = now.header;
        } else {
            pack_beat(payload, now, beat - 1);
        }
        payload[command_bits / 32] |= beat == now.beats ? 1u << command_bits % 32 : 0;
        put_words(PORT(commands, payload), payload);
        offered = true;
    }

    // The beat that was offered is taken. The next command's settings are shown as soon as a header is taken: a core that
    // samples them at any other time is found out.
    void advance(Run &run) {
        const Command &now = run.commands[command];
        offered = false;
        quiet = 0;
        ++run.beats;
        if (beat == 0) {
            ++taken;
            if (!run.settings_error) run.settings_error = top->settings_error;
            if (command + 1 < run.command_count && run.commands[command + 1].settings != now.settings)
                put_settings(top, settings_of(run, command + 1));
        }
        if (beat++ == now.beats) beat = 0, ++command;
    }

    bool response_last() const {
        uint32_t words[response_bits / 32 + 1];
        get_words(words, PORT(responses, payload));
        return words[response_bits / 32] >> response_bits % 32 & 1;
    }

    // A beat of an answer is taken. False: there is nothing to answer, or no room for what it says.
    bool answer(Run &run, int64_t asked) {
        quiet = 0;
        uint32_t words[response_bits / 32 + 1];
        get_words(words, PORT(responses, payload));
        if (answered == asked) return false;
        if (!(words[response_bits / 32] >> response_bits % 32 & 1)) {
            if (run.data_count == run.data_capacity) return false;
            memcpy(run.data + run.data_count++ * ADC_COUNT, words, 2 * ADC_COUNT);
            return true;
        }
        const uint32_t word = words[0];
        run.answers[answered] = {StatusWord::opcode(word), StatusWord::status(word), StatusWord::tag(word), uint32_t(run.data_count - data_beats),
                                 data_beats, run.cycles};
        data_beats = run.data_count;
        run.answer_count = ++answered;
        return true;
    }

    void report(Run &run) {
        Pulse own;
        const bool observed = run.peripheral.observer;
        Pulse &pulse = observed ? own : run.pulses[run.pulse_count];
        pulse = {run.cycles, PORT(report, row), PORT(report, polarity), PORT(report, form), crossbar.level(),
                 PORT(report, cycles), PORT(report, cut), {}};
        get_mask(pulse.columns, PORT(report, columns));
        last = pulse;
        quiet = 0;
        if (run.peripheral.pulse)
            run.peripheral.pulse(run.peripheral.array, pulse.form ? uint32_t(Operation::FORM) : Operation::SET + pulse.polarity, pulse.row, pulse.cycles,
                                 pulse.level, pulse.columns);
        if (!observed) ++run.pulse_count;
        else if (run.peripheral.observer(run.peripheral.context, &pulse)) stopped = by_observer = true;
    }

    bool watch(const Run &run, bool ready, bool reported) {
        Pins pins;
        pins.operation = PORT(crossbar, operation);
        pins.select = PORT(crossbar, select);
        pins.strobe = PORT(crossbar, strobe);
        pins.row = PORT(crossbar, row);
        pins.whole = PORT(crossbar, whole);
        pins.full_scale = PORT(crossbar, full_scale);
        pins.convert = PORT(crossbar, convert);
        pins.group = PORT(crossbar, group);
        pins.lines = get_lines(top);
        get_mask(pins.columns, PORT(crossbar, columns));
        int32_t codes[LANES];
        Crossbar::dac_codes(top, codes);
        const bool off = top->abort_all || aborts & ((1u << seen_after) - 1); // abort in this cycle, or not yet released
        return checker.watch(run.cycles, pins, {ready, crossbar.converted, off, (aborts >> seen_after & 1) || top->fault, reported, last}, answered,
                             taken) &&
               checker.watch_dac(run.cycles, PORT(dac, valid), PORT(dac, side), PORT(dac, index), codes);
    }

    static const Settings &settings_of(const Run &run, int64_t which) {
        return run.settings[run.commands[which].settings];
    }

    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vcontroller> top_;
    Vcontroller *const top;
    PinChecker checker;
    Crossbar crossbar;
    Stalls stalls;
    Pulse last = {};
    Counters before = {};
    uint32_t pulse_limit = 0;
    uint32_t payload[command_words] = {};
    int64_t command = 0, beat = 0;              // what is sent next: 0 the header, then the payload
    int64_t taken = 0, answered = 0, data_beats = 0; // commands; data beats before the answer that is under way
    int64_t quiet = 0;
    bool offered = false, stopped = false, by_observer = false, halted = false;
    uint32_t aborts = 0; // in the cycles before, the last one lowest
};

Harness &harness(void *controller) { return *static_cast<Harness *>(controller); }

} // namespace

void *pulsetrain_open() { return new Harness; }
void pulsetrain_close(void *controller) { delete &harness(controller); }
void pulsetrain_reset(void *controller) { harness(controller).reset(); }
int32_t pulsetrain_seed(void *controller, uint64_t seed) { return harness(controller).seed(seed); }
int32_t pulsetrain_arm(void *controller, uint32_t pulse_limit) { return harness(controller).arm(pulse_limit); }
void pulsetrain_disarm(void *controller) { harness(controller).disarm(); }
int32_t pulsetrain_replay(void *controller, uint64_t beats) { return harness(controller).replay(beats); }
void pulsetrain_run(void *controller, Run *run) { harness(controller).start(*run); }
void pulsetrain_resume(void *controller, Run *run) { harness(controller).go(*run); }
void pulsetrain_readback(void *controller, Readback *readback) { *readback = harness(controller).readback(); }
void pulsetrain_state(void *controller, uint32_t *words, int32_t count) { harness(controller).state(words, count); }
const char *pulsetrain_violation(void *controller) { return harness(controller).violation(); }
