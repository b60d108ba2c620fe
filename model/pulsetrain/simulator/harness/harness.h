// The functions of the library around the Verilated core. What they share with their caller is in contract.h, which
// pulsetrain/simulator/header.py makes of the contract's tables for each build.
#pragma once
#include <cstdint>

#include "contract.h"

constexpr int weight_columns = COLUMNS / (1 + PAIR);
constexpr int mask_words = (COLUMNS + 63) / 64;
constexpr int row_groups = (ROWS + ADC_COUNT - 1) / ADC_COUNT;
constexpr int column_groups = (weight_columns + ADC_COUNT - 1) / ADC_COUNT;
constexpr int longest_pause = VERIFY_LANES ? ADC_COUNT / VERIFY_LANES : 0; // cycles between two groups in the read of a row (§14)

#define PUBLIC __attribute__((visibility("default")))

extern "C" {
PUBLIC const char *pulsetrain_describe(); // places of all members, numbers, configuration: a line each
PUBLIC void *pulsetrain_open();               // after reset, neither armed nor seeded
PUBLIC void pulsetrain_close(void *controller);
PUBLIC void pulsetrain_reset(void *controller);
PUBLIC int32_t pulsetrain_seed(void *controller, uint64_t seed); // DONE, NOT_SEEDED if refused or 0, STUCK
PUBLIC int32_t pulsetrain_arm(void *controller, uint32_t pulse_limit); // DONE or NOT_ARMED
PUBLIC void pulsetrain_disarm(void *controller);
PUBLIC int32_t pulsetrain_replay(void *controller, uint64_t beats); // that many zero deltas, no pulses; DONE or STUCK
PUBLIC void pulsetrain_run(void *controller, Run *run);
PUBLIC void pulsetrain_resume(void *controller, Run *run);
PUBLIC void pulsetrain_readback(void *controller, Readback *readback);
PUBLIC void pulsetrain_state(void *controller, uint32_t *words, int32_t count);
PUBLIC const char *pulsetrain_violation(void *controller); // of the last run that was UNSAFE
}
