// The crossbar's peripheral: DAC registers, converters, and who acts on the array. It sees the pins of a cycle and says
// what it puts on them in the next.
#pragma once
#include "ports.h"

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

class Crossbar {
public:
    bool converted = false; // at the pin in this cycle

    // The inputs of the next cycle. `converted` comes when a conversion is over and stays with its codes until it is
    // seen, and with stalls it comes at times when nobody may look at it, too; the codes are the complement of themselves
    // in every other cycle.
    void drive(Vcontroller *top, Stalls &stalls, uint32_t late_share) {
        if (!busy_ && !converted && !late_share) return; // nearly every cycle
        if (unseen_ > 0 && !busy_) {
            --unseen_;
            return;
        }
        converted = busy_ ? --left_ <= 0 && !stalls.happens(late_share) : stalls.happens(late_share);
        PORT(crossbar, converted) = converted;
        const bool shown = busy_ && converted;
        if (shown) busy_ = false, unseen_ = seen_after;
        if (!shown && !shown_) return;
        if (!shown)
            for (uint32_t &word : words_) word = ~word;
        put_words(PORT(crossbar, codes), words_);
        shown_ = shown;
    }

    // The outputs of this cycle.
    void see(Vcontroller *top, const Peripheral &outside) {
        const bool reads = PORT(crossbar, select) && PORT(crossbar, operation) >= Operation::READ_FORWARD;
        if (reads && !reads_) {
            memcpy(active_, loaded_, sizeof active_);
            first_ = 1;
        }
        if (!reads && reads_) busy_ = false, unseen_ = 0; // released: what was begun is forgotten
        reads_ = reads;
        if (PORT(crossbar, convert)) convert(top, outside);
        if (PORT(dac, valid)) load(top);
        if (PORT(crossbar, strobe))
            level_ = PORT(crossbar, operation) == Operation::RESET ? PORT(crossbar, source_code) : PORT(crossbar, bit_code);
    }

    // The level of the pulse that ended last.
    uint32_t level() const { return level_; }

    // A beat for the DACs as the pins show it.
    static void dac_codes(Vcontroller *top, int32_t *codes) {
        uint32_t words[dac_words + 1] = {};
        get_words(words, PORT(dac, codes));
        for (int lane = 0; lane < LANES; ++lane) codes[lane] = unpacked(words, lane, DAC_BITS);
    }

private:
    void load(Vcontroller *top) {
        int32_t codes[LANES];
        dac_codes(top, codes);
        const uint32_t side = PORT(dac, side);
        const int64_t lines = side ? weight_columns : ROWS, first = int64_t(PORT(dac, index)) * LANES;
        for (int64_t lane = 0; lane < LANES && first + lane < lines; ++lane) loaded_[side][first + lane] = codes[lane];
    }

    void convert(Vcontroller *top, const Peripheral &outside) {
        const uint32_t backward = PORT(crossbar, operation) == Operation::READ_BACKWARD;
        int32_t codes[ADC_COUNT] = {};
        if (outside.convert)
            outside.convert(outside.array, backward, PORT(crossbar, whole), PORT(crossbar, row), PORT(crossbar, full_scale),
                            PORT(crossbar, group), first_, active_[backward], codes);
        first_ = 0;
        memset(words_, 0, sizeof words_);
        pack(words_, codes, ADC_COUNT, ADC_BITS);
        left_ = outside.conversion_cycles;
        busy_ = true;
        shown_ = false;
        unseen_ = 0;
    }

    static constexpr int lines_ = larger(ROWS, weight_columns);
    int32_t loaded_[2][lines_] = {}, active_[2][lines_] = {}; // of rows, of columns
    uint32_t words_[codes_words] = {};
    uint32_t first_ = 0, level_ = 0;
    int64_t left_ = 0;
    int unseen_ = 0; // cycles for which a conversion that is over must be shown
    bool busy_ = false, shown_ = false, reads_ = false;
};
