// Watches the crossbar pins and the reports in every cycle and holds them against the rules of the specification (§7 to
// §9) as a peripheral would see them. Knows nothing of the controller but its settings and its pins.
#pragma once
#include <cstdio>
#include <cstring>

#include "rtl_harness.h"

struct Pins {
    uint32_t operation, select, strobe, row;
    Lines lines;
    uint64_t columns[mask_words];

    bool same_lines(const Pins &other) const {
        return operation == other.operation && row == other.row && !memcmp(&lines, &other.lines, sizeof lines) &&
               !memcmp(columns, other.columns, sizeof columns);
    }
    bool no_columns() const {
        uint64_t any = 0;
        for (uint64_t word : columns) any |= word;
        return !any;
    }
};

class PinChecker {
public:
    const char *violation() const { return text_; }

    void restart() {
        *this = PinChecker();
    }

    // One cycle. `released`: a cycle after abort, disarm or fault, in which a slot may end early. False: a rule is broken.
    bool watch(int64_t cycle, const Pins &now, bool ready, bool reported, const Pulse &pulse, const Settings &settings,
               uint32_t pulse_limit, bool released) {
        cycle_ = cycle;
        const char *wrong = now.select ? selected(now, settings) : unselected(now, settings, released);
        if (!wrong) wrong = strobed(now, reported, pulse, settings, pulse_limit, released);
        if (wrong) {
            snprintf(text_, sizeof text_, "%s (cycle %lld, row %u, operation %u)", wrong, (long long)cycle,
                     before_.select ? before_.row : now.row, before_.select ? before_.operation : now.operation);
            return false;
        }
        was_ready_ = ready;
        before_ = now;
        return true;
    }

private:
    const char *selected(const Pins &now, const Settings &settings) {
        if (now.operation != 1 && now.operation != 2) return "lines are selected for an operation that is not SET or RESET";
        if (now.no_columns()) return "lines are selected without a column";
        if (now.row >= ROWS) return "the selected row does not exist";
        if (COLUMNS % 64 && now.columns[mask_words - 1] >> (COLUMNS % 64)) return "a selected column does not exist";
        if (!before_.select) {
            if (any_slot_ && unselected_cycles_ < recovery_) return "a slot began before the recovery of the last one was over";
            setup_cycles_ = hold_cycles_ = 0;
            pulsed_ = false;
            const Lines &wanted = now.operation == 1 ? settings.set_lines : settings.reset_lines;
            if (memcmp(&now.lines, &wanted, sizeof wanted)) return "codes or unselected states are not those of the polarity";
        } else if (!now.same_lines(before_)) {
            return "the selected lines changed without a release between";
        }
        recovery_ = settings.recovery_cycles;
        any_slot_ = true;
        unselected_cycles_ = 0;
        if (!now.strobe) pulsed_ ? ++hold_cycles_ : ++setup_cycles_;
        return nullptr;
    }

    const char *unselected(const Pins &now, const Settings &settings, bool released) {
        static const Pins idle = {};
        if (now.strobe) return "the strobe is high without selected lines";
        if (!now.same_lines(idle)) return "an output is not 0 although nothing is selected";
        ++unselected_cycles_;
        if (before_.select && !released && (!pulsed_ || hold_cycles_ != settings.hold_cycles)) return "hold had a wrong length";
        return nullptr;
    }

    const char *strobed(const Pins &now, bool reported, const Pulse &pulse, const Settings &settings, uint32_t pulse_limit,
                        bool released) {
        const uint32_t operation = now.strobe ? now.operation : before_.operation;
        const uint32_t width = operation == 2 ? settings.reset_cycles : settings.set_cycles;
        if (now.strobe) {
            if (reported) return "a pulse was reported while the strobe is high";
            if (!before_.strobe) {
                if (pulsed_) return "a slot had two pulses";
                if (setup_cycles_ < settings.setup_cycles) return "setup was too short";
                if (!was_ready_) return "the pulse began although the array was not ready";
                pulsed_ = true;
                pulse_cycles_ = 0;
            }
            if (++pulse_cycles_ > width) return "a pulse was longer than asked for";
            if (pulse_cycles_ > pulse_limit) return "a pulse was longer than the armed limit";
            return nullptr;
        }
        if (!before_.strobe) return reported ? "a pulse was reported that did not end in the cycle before" : nullptr;
        if (!reported) return "a pulse ended without a report";
        if (pulse_cycles_ < width && !released) return "a pulse was shorter than asked for";
        if (pulse.cycles != pulse_cycles_ || pulse.cut != (pulse_cycles_ < width)) return "a report has a wrong length";
        if (pulse.row != before_.row || pulse.polarity != before_.operation - 1 ||
            memcmp(pulse.columns, before_.columns, sizeof pulse.columns))
            return "a report is not what was on the pins";
        return nullptr;
    }

    Pins before_ = {};
    bool was_ready_ = false, pulsed_ = false, any_slot_ = false;
    uint32_t setup_cycles_ = 0, pulse_cycles_ = 0, hold_cycles_ = 0, unselected_cycles_ = 0, recovery_ = 0;
    int64_t cycle_ = 0;
    char text_[160] = "";
};
