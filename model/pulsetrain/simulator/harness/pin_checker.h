// Watches the crossbar pins, the DAC pins and the reports in every cycle and holds them against the rules of the
// specification (§7 to §9, §14, §16) as a peripheral would see them. Knows nothing of the core but the commands that it
// has taken, their settings and its pins: an operation belongs to the first of the commands that may still run, from that
// of the operation before on, which asks for such an operation with such lines.
#pragma once
#include <cstdio>
#include <cstring>

#include "ports.h"

struct Pins {
    uint32_t operation, select, strobe, row, whole, full_scale, convert, group;
    LineSettings lines;
    uint64_t columns[mask_words];

    bool reads() const { return operation == Operation::READ_FORWARD || operation == Operation::READ_BACKWARD; }
    bool same_lines(const Pins &other) const {
        return operation == other.operation && row == other.row && whole == other.whole && full_scale == other.full_scale &&
               !memcmp(&lines, &other.lines, sizeof lines) && !memcmp(columns, other.columns, sizeof columns);
    }
    int column_count() const {
        int count = 0;
        for (uint64_t word : columns) count += __builtin_popcountll(word);
        return count;
    }
};

// What goes into the controller's pins in a cycle (it sees that `seen_after` cycles later), and what it tells of its pulses.
struct Moment {
    bool ready, converted;
    bool off;      // abort holds select, strobe and convert low at the pins
    bool released; // a cycle after abort, disarm or fault, in which an operation may end early
    bool reported;
    const Pulse &pulse;
};

class PinChecker {
public:
    const char *violation() const { return text_; }

    void restart(const Run &run, uint32_t pulse_limit) {
        *this = PinChecker();
        commands_ = run.commands;
        settings_ = run.settings;
        pulse_limit_ = pulse_limit;
    }

    // One cycle. `answered` … `taken`: the commands that may be at work. False: a rule is broken.
    bool watch(int64_t cycle, const Pins &pins, const Moment &moment, int64_t answered, int64_t taken) {
        if (current_ < answered) current_ = answered;
        taken_ = taken;
        const Pins now = moment.off ? behind_the_clamp(pins, moment) : pins;
        converted_pin_ = converted_pin_ << 1 | uint32_t(moment.converted);
        const char *wrong = now.select ? selected(now) : unselected(now, moment.released);
        if (moment.off && (pins.select || pins.strobe || pins.convert)) wrong = "lines are selected in spite of abort";
        if (!wrong && now.select && now.reads()) wrong = converting(now);
        if (!wrong) wrong = strobed(now, moment);
        if (wrong) {
            snprintf(text_, sizeof text_, "%s (cycle %lld, row %u, operation %u)", wrong, (long long)cycle,
                     before_.select ? before_.row : now.row, before_.select ? before_.operation : now.operation);
            return false;
        }
        ready_pin_ = ready_pin_ << 1 | uint32_t(moment.ready);
        was_ready_ = ready_pin_ >> seen_after & 1;
        before_ = now;
        return true;
    }

    // A beat on the pins of the DACs, or none. False: a rule is broken.
    bool watch_dac(int64_t cycle, bool valid, uint32_t side, uint32_t index, const int32_t *codes) {
        const int lines = side ? weight_columns : ROWS;
        const int64_t first = int64_t(index) * LANES;
        const char *wrong = nullptr;
        if (!valid && (side || index)) wrong = "an output to the DACs is not 0 although nothing is loaded";
        if (valid && first >= lines) wrong = "the lines of a beat for the DACs do not exist";
        for (int lane = 0; !wrong && lane < LANES; ++lane) {
            const int32_t most = !valid || first + lane >= lines ? 0 : (1 << (DAC_BITS - 1)) - 1;
            if (codes[lane] > most || codes[lane] < -most) wrong = "a DAC code is beyond what it may be";
        }
        if (wrong) snprintf(text_, sizeof text_, "%s (cycle %lld)", wrong, (long long)cycle);
        return !wrong;
    }

private:
    static bool ramped(uint32_t opcode) { return opcode == Opcode::PROGRAM || opcode == Opcode::FORM; }

    // Whether a command may apply what the pins show.
    static bool asks_for(const Command &command, const Settings &settings, const Pins &now) {
        const uint32_t opcode = Header::opcode(command.header);
        const bool update = opcode >= Opcode::UPDATE && opcode <= Opcode::UPDATE_DIFFERENCE;
        const bool programming = opcode == Opcode::PROGRAM || opcode == Opcode::REFRESH;
        switch (now.operation) {
        case Operation::SET:
        case Operation::RESET: return update || programming;
        case Operation::FORM: return opcode == Opcode::FORM;
        case Operation::READ_FORWARD:
            return now.whole ? opcode == Opcode::READ_FORWARD : programming || opcode == Opcode::FORM || (update && settings.verify);
        case Operation::READ_BACKWARD: return now.whole && opcode == Opcode::READ_BACKWARD;
        }
        return false;
    }

    static const LineSettings &lines_of(const Settings &s, uint32_t operation) {
        return operation == Operation::SET ? s.set_lines : operation == Operation::RESET ? s.reset_lines
               : operation == Operation::FORM ? s.form_lines : s.read_lines;
    }
    static const RampSettings &ramp_of(const Settings &s, uint32_t operation) {
        return operation == Operation::SET ? s.set_ramp : operation == Operation::RESET ? s.reset_ramp : s.form_ramp;
    }
    static bool on_ramp(const RampSettings &ramp, uint32_t value) {
        return value == ramp.stop || (value >= ramp.start && value < ramp.stop &&
                                      (value == ramp.start || (ramp.step && (value - ramp.start) % ramp.step == 0)));
    }

    bool lines_match(const Command &command, const Settings &settings, const Pins &now) const {
        LineSettings wanted = lines_of(settings, now.operation);
        if (!now.reads() && settings.ramp == Ramp::LEVEL && ramped(Header::opcode(command.header))) {
            const uint32_t level = now.operation == Operation::RESET ? now.lines.source_code : now.lines.bit_code;
            if (!on_ramp(ramp_of(settings, now.operation), level)) return false;
            (now.operation == Operation::RESET ? wanted.source_code : wanted.bit_code) = level;
        }
        return !memcmp(&now.lines, &wanted, sizeof wanted);
    }

    // The command that the operation belongs to, its settings in `own_`; nullptr, or what is wrong.
    const char *find_command(const Pins &now) {
        bool asked = false;
        for (int64_t i = current_; i < taken_; ++i) {
            const Settings &settings = settings_[commands_[i].settings];
            if (!asks_for(commands_[i], settings, now)) continue;
            asked = true;
            if (!lines_match(commands_[i], settings, now)) continue;
            current_ = i;
            own_ = &settings;
            opcode_ = Header::opcode(commands_[i].header);
            return nullptr;
        }
        return asked ? "codes or unselected states are not those of the operation"
                     : "lines are selected for an operation that no command asks for";
    }

    // What the clamp is given, which is what goes on until the release: as predicted from the cycles before.
    Pins behind_the_clamp(Pins now, const Moment &moment) const {
        now.select = now.operation != Operation::IDLE;
        if (!now.select || !before_.select) return now;
        if (now.reads()) {
            const bool settled = setup_cycles_ >= own_->settle_cycles + seen_after && was_ready_;
            now.convert = last_group_ < 0 ? settled : int(now.group) != last_group_;
        } else {
            const bool begins = !pulsed_ && setup_cycles_ >= own_->setup_cycles + seen_after && was_ready_;
            now.strobe = before_.strobe ? !moment.reported : begins;
        }
        return now;
    }

    const char *selected(const Pins &now) {
        if (before_.select)
            return now.same_lines(before_) ? nullptr : "the selected lines changed without a release between";
        if (const char *wrong = find_command(now)) return wrong;
        if (now.row >= ROWS) return "the selected row does not exist";
        if (now.reads()) {
            const uint32_t wanted = !now.whole ? own_->verify_full_scale
                                    : now.operation == Operation::READ_FORWARD ? own_->forward_full_scale : own_->backward_full_scale;
            if (now.full_scale != wanted) return "the full scale is not that of the read";
            if (now.column_count()) return "a read selects columns";
            if (now.whole && now.row) return "a read of the whole array selects a row";
        } else {
            if (now.whole || now.full_scale || now.group || now.convert) return "an output of reads is not 0 in a pulse";
            if (!now.column_count()) return "lines are selected without a column";
            if (COLUMNS % 64 && now.columns[mask_words - 1] >> (COLUMNS % 64)) return "a selected column does not exist";
            if (uint32_t(now.column_count()) > own_->parallel_max) return "a pulse has more columns than are allowed";
        }
        if (any_operation_ && unselected_cycles_ < recovery_)
            return "an operation began before the recovery of the last one was over";
        setup_cycles_ = hold_cycles_ = unselected_cycles_ = 0;
        pulsed_ = waiting_ = converted_ = false;
        paused_ = 0;
        last_group_ = -1;
        recovery_ = own_->recovery_cycles;
        any_operation_ = true;
        return nullptr;
    }

    const char *unselected(const Pins &now, bool released) {
        static const Pins idle = {};
        if (now.strobe) return "the strobe is high without selected lines";
        if (!now.same_lines(idle) || now.convert || now.group) return "an output is not 0 although nothing is selected";
        ++unselected_cycles_;
        if (!before_.select || released) return nullptr;
        if (!before_.reads()) return pulsed_ && hold_cycles_ == own_->hold_cycles ? nullptr : "hold had a wrong length";
        if (!converted_) return "a read ended before its conversions";
        if (paused_) return "a read went on after its last conversion";
        const int groups = before_.operation == Operation::READ_FORWARD ? column_groups : row_groups;
        return before_.whole && last_group_ != groups - 1 ? "a read left groups out" : nullptr;
    }

    const char *converting(const Pins &now) {
        if (now.strobe) return "the strobe is high in a read";
        if (now.convert) {
            if (waiting_) return "the converters were started before they had finished";
            if (last_group_ < 0 && setup_cycles_ < own_->settle_cycles + seen_after) return "the read settled too short";
            if (last_group_ < 0 && !was_ready_) return "the converters were started although the array was not ready";
            const int groups = now.operation == Operation::READ_FORWARD ? column_groups : row_groups;
            if (int(now.group) >= groups) return "the converters were switched to a group that does not exist";
            if (int(now.group) <= last_group_ || (now.whole && int(now.group) != last_group_ + 1))
                return "the groups of a read are not in order";
            last_group_ = int(now.group);
            waiting_ = true;
            converted_ = false;
            paused_ = wait_cycles_ = 0;
            return nullptr;
        }
        if (converted_ && (now.whole || ++paused_ > longest_pause)) return "a read went on after its last conversion";
        if (before_.select && now.group != before_.group) return "the group changed without a conversion";
        if (!waiting_) ++setup_cycles_;
        else if (++wait_cycles_ > seen_after && (converted_pin_ >> seen_after & 1)) waiting_ = false, converted_ = true;
        return nullptr;
    }

    // Whether a pulse of so many cycles is one that the command may apply.
    bool whole_width(uint32_t cycles) const {
        if (own_->ramp == Ramp::WIDTH && ramped(opcode_)) return on_ramp(ramp_of(*own_, before_.operation), cycles);
        return cycles == width();
    }
    // The width asked for, or with a ramp its largest.
    uint32_t width() const {
        const uint32_t operation = before_.select ? before_.operation : uint32_t(Operation::SET);
        if (own_->ramp == Ramp::WIDTH && ramped(opcode_)) return ramp_of(*own_, operation).stop;
        return operation == Operation::SET ? own_->set_cycles : operation == Operation::RESET ? own_->reset_cycles : own_->form_cycles;
    }

    const char *strobed(const Pins &now, const Moment &moment) {
        const Pulse &pulse = moment.pulse;
        if (now.strobe) {
            if (moment.reported) return "a pulse was reported while the strobe is high";
            if (!before_.strobe) {
                if (pulsed_) return "a slot had two pulses";
                if (setup_cycles_ < own_->setup_cycles + seen_after) return "setup was too short";
                if (!was_ready_) return "the pulse began although the array was not ready";
                pulsed_ = true;
                pulse_cycles_ = 0;
            }
            if (++pulse_cycles_ > width()) return "a pulse was longer than asked for";
            if (pulse_cycles_ > pulse_limit_) return "a pulse was longer than the armed limit";
            return nullptr;
        }
        if (now.select && !now.reads()) pulsed_ ? ++hold_cycles_ : ++setup_cycles_;
        if (!before_.strobe) return moment.reported ? "a pulse was reported that did not end in the cycle before" : nullptr;
        if (!moment.reported) return "a pulse ended without a report";
        const bool whole = whole_width(pulse_cycles_);
        if (!whole && !moment.released) return "a pulse was shorter than asked for";
        if (pulse.cycles != pulse_cycles_) return "a report has a wrong length";
        const bool certain = !(own_->ramp == Ramp::WIDTH && ramped(opcode_) && moment.released);
        if (certain ? pulse.cut == whole : !whole && !pulse.cut) return "a report is wrong about a cut";
        if (pulse.row != before_.row || pulse.form != (before_.operation == Operation::FORM) ||
            pulse.polarity != (before_.operation == Operation::RESET) || memcmp(pulse.columns, before_.columns, sizeof pulse.columns))
            return "a report is not what was on the pins";
        return nullptr;
    }

    const Command *commands_ = nullptr;
    const Settings *settings_ = nullptr, *own_ = nullptr; // own_: of the operation at the pins, or of the last
    int64_t current_ = 0, taken_ = 0;
    uint32_t opcode_ = 0, pulse_limit_ = 0;
    Pins before_ = {};
    bool was_ready_ = false, pulsed_ = false, any_operation_ = false, waiting_ = false, converted_ = false;
    int last_group_ = -1, paused_ = 0, wait_cycles_ = 0;
    uint32_t ready_pin_ = ~0u, converted_pin_ = 0; // in the cycles before, the last one lowest
    uint32_t setup_cycles_ = 0, pulse_cycles_ = 0, hold_cycles_ = 0, unselected_cycles_ = 0, recovery_ = 0;
    char text_[160] = "";
};
