// The core's ports, whatever their width: Verilator gives a port a type after its width, and the overloads below hide which.
#pragma once
#include <cstring>
#include <memory>

#include "Vcontroller.h"
#include "harness.h"
#include "verilated.h"

// Verilator writes the second of two underscores in a name as its code.
#define PORT(group, name) top->group##___05F##name
#define ABORT __SYM__abort // and a name that C++ knows it avoids
#define PORT3(group, part, name) top->group##___05F##part##___05F##name

constexpr int larger(int a, int b) { return a > b ? a : b; }

constexpr int command_bits = larger(64, larger(LANES * DELTA_BITS, 16 * ADC_COUNT)); // without `last`, which lies above
constexpr int command_words = command_bits / 32 + 1;
constexpr int response_bits = larger(64, 16 * ADC_COUNT);
constexpr int codes_words = (ADC_COUNT * ADC_BITS + 31) / 32 + 1; // one more: a 64-bit port reads two
constexpr int dac_words = (LANES * DAC_BITS + 31) / 32 + 1;

template <typename Port>
void put_words(Port &port, const uint32_t *words) { // ports of at most 64 bits
    port = Port(sizeof(Port) > 4 ? uint64_t(words[0]) | uint64_t(words[1]) << 32 : words[0]);
}
template <std::size_t N>
void put_words(VlWide<N> &port, const uint32_t *words) {
    for (std::size_t i = 0; i < N; ++i) port[i] = words[i];
}
template <typename Port>
void get_words(uint32_t *words, const Port &port) {
    words[0] = uint32_t(port);
    if constexpr (sizeof(Port) > 4) words[1] = uint32_t(port >> 32);
}
template <std::size_t N>
void get_words(uint32_t *words, const VlWide<N> &port) {
    for (std::size_t i = 0; i < N; ++i) words[i] = port[i];
}
template <typename Port>
void get_mask(uint64_t *mask, const Port &port) {
    mask[0] = port;
}
template <std::size_t N>
void get_mask(uint64_t *mask, const VlWide<N> &port) {
    for (std::size_t i = 0; i < N; i += 2) mask[i / 2] = port[i] | (i + 1 < N ? uint64_t(port[i + 1]) << 32 : 0);
}

// Element e in bits [e * bits, (e + 1) * bits) of zeroed words.
template <typename Element>
void pack(uint32_t *words, const Element *elements, int64_t count, uint32_t bits) {
    uint64_t window = 0;
    uint32_t held = 0;
    for (int64_t i = 0; i < count; ++i) {
        window |= (uint64_t(uint32_t(elements[i])) & ((uint64_t(1) << bits) - 1)) << held;
        for (held += bits; held >= 32; held -= 32, window >>= 32) *words++ = uint32_t(window);
    }
    if (held) *words = uint32_t(window);
}

// Signed field i of `bits` bits; `words` has one word more than the fields fill.
inline int32_t unpacked(const uint32_t *words, int i, int bits) {
    const int64_t first = int64_t(i) * bits;
    const uint64_t window = (words[first / 32] | uint64_t(words[first / 32 + 1]) << 32) >> first % 32;
    return int32_t(uint32_t(window) << (32 - bits)) >> (32 - bits);
}

// One beat of a command's payload; `words` holds command_words words.
inline void pack_beat(uint32_t *words, const Command &command, int64_t beat) {
    memset(words, 0, command_words * sizeof *words);
    const int64_t first = beat * command.per_beat, left = command.count - first;
    if (command.elements && left > 0) {
        const int64_t count = left < command.per_beat ? left : command.per_beat;
        const char *from = static_cast<const char *>(command.elements) + first * command.element_bytes;
        // As they lie in memory (little-endian, as are all hosts of numba), or one after the other.
        if (command.element_bits == 8 * command.element_bytes) memcpy(words, from, std::size_t(count * command.element_bytes));
        else if (command.element_bytes == 2) pack(words, reinterpret_cast<const int16_t *>(from), count, command.element_bits);
        else pack(words, reinterpret_cast<const int32_t *>(from), count, command.element_bits);
    }
}

#define PUT_LINES(set, from)                                   \
    PORT3(settings, set, word_code) = from.word_code;          \
    PORT3(settings, set, bit_code) = from.bit_code;            \
    PORT3(settings, set, source_code) = from.source_code;      \
    PORT3(settings, set, word_unselected) = from.word_unselected; \
    PORT3(settings, set, bit_unselected) = from.bit_unselected; \
    PORT3(settings, set, source_unselected) = from.source_unselected
#define PUT_RAMP(ramp, from)                    \
    PORT3(settings, ramp, start) = from.start;  \
    PORT3(settings, ramp, step) = from.step;    \
    PORT3(settings, ramp, stop) = from.stop

inline void put_settings(Vcontroller *top, const Settings &s) {
    PORT(settings, threshold_log2) = s.threshold_log2;
    PORT(settings, max_pulses) = s.max_pulses;
    PORT(settings, parallel_max) = s.parallel_max;
    PORT(settings, setup_cycles) = s.setup_cycles;
    PORT(settings, set_cycles) = s.set_cycles;
    PORT(settings, reset_cycles) = s.reset_cycles;
    PORT(settings, hold_cycles) = s.hold_cycles;
    PORT(settings, recovery_cycles) = s.recovery_cycles;
    PORT(settings, ready_limit) = s.ready_limit;
    PORT(settings, settle_cycles) = s.settle_cycles;
    PORT(settings, conversion_limit) = s.conversion_limit;
    PORT(settings, form_cycles) = s.form_cycles;
    PORT(settings, forward_full_scale) = s.forward_full_scale;
    PORT(settings, backward_full_scale) = s.backward_full_scale;
    PORT(settings, verify_full_scale) = s.verify_full_scale;
    PORT(settings, verify) = s.verify;
    PORT(settings, verify_step) = s.verify_step;
    PORT(settings, verify_tolerance) = s.verify_tolerance;
    PORT(settings, program_tolerance) = s.program_tolerance;
    PORT(settings, try_limit) = s.try_limit;
    PORT(settings, pair_policy) = s.pair_policy;
    PORT(settings, refresh_pulses) = s.refresh_pulses;
    PORT(settings, ramp) = s.ramp;
    PUT_RAMP(set_ramp, s.set_ramp);
    PUT_RAMP(reset_ramp, s.reset_ramp);
    PUT_RAMP(form_ramp, s.form_ramp);
    PUT_LINES(set_lines, s.set_lines);
    PUT_LINES(reset_lines, s.reset_lines);
    PUT_LINES(form_lines, s.form_lines);
    PUT_LINES(read_lines, s.read_lines);
}
