// The core's ports, whatever their width: Verilator gives a port a type after its width, and the overloads below hide which.
#pragma once
#include <cstring>
#include <memory>

#include "Vcontroller.h"
#include "harness.h"
#include "verilated.h"

// Verilator writes the second of two underscores in a name as its code.
#define PORT(group, name) top->group##___05F##name
#define PORT3(group, part, name) top->group##___05F##part##___05F##name

constexpr int seen_after = 2 * SYNCHRONISERS; // cycles until abort_all, arm, ready and converted are seen

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

#include "contract_ports.h"
