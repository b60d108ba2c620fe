"""Deliberately broken cores: command layer, vectors, products and answers. ``mutants.controller`` numbers them."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Mux
from pulsetrain_rtl.commands.command_decoder import CommandDecoder
from pulsetrain_rtl.commands.responder import Responder
from pulsetrain_rtl.commands.vector_store import VectorStore
from pulsetrain_rtl.core import Core
from pulsetrain_rtl.interfaces import AnswerStatus, Opcode
from pulsetrain_rtl.pins.read_sequencer import ReadSequencer
from pulsetrain_rtl.update.outer_product import OuterProduct

MIXED, PLACES, HELD = r"bench_core\.commands", r"bench_core\.vectors", r"bench_core\.answers"
UNKNOWN, LENGTHS, CODES = (rf"bench_core_errors\.{name}" for name in ("unknown", "wrong_lengths", "illegal_codes"))
REFUSED, RELEASE, FAULTS, RESET, SEEDS = (
    rf"bench_core_errors\.{name}" for name in ("refused", "release_at", "an_array", "reset", "seeds")
)

CORE_LIST = (
    ("pair-command-known", "REFRESH is taken without pairs", UNKNOWN),
    ("settings-before-disarmed", "illegal settings are told before a missing arm", REFUSED),
    ("form-without-key", "FORM runs whatever form_key is", REFUSED),
    ("settings-overtaken", "a header replaces settings that were not sampled yet", MIXED),
    ("illegal-code-loaded", "a code beyond its range is loaded", CODES),
    ("missing-cell-programmed", "targets that are missing are 0", LENGTHS),
    ("wrong-load-commits", "a vector is replaced by a packet that is too long or too short", LENGTHS),
    ("load-overwrites-scan", "a LOAD writes the place that a scan still reads", PLACES),
    ("vectors-outlive-reset", "vectors are not 0 after reset", RESET),
    ("products-of-magnitudes", "the sign of the row's code is lost", MIXED),
    ("difference-added", "the second product is added", MIXED),
    ("driven-sides-swapped", "the DACs of the other side are loaded", MIXED),
    ("dac-beat-lost", "the last beat of a vector does not reach the DACs", MIXED),
    ("read-without-room", "reads start without room for their codes", HELD),
    ("unused-converters-told", "codes beyond the last line are not 0", MIXED),
    ("update-done-early", "an update is answered before its slots are over", MIXED),
    ("fault-told-as-abort", "a fault is answered with ABORTED", FAULTS),
    ("seed-before-first-beat", "a seed passes while an update waits for its first beat", SEEDS),
    ("pins-wait-for-the-clock", "abort and disarm reach the pins with the release only", RELEASE),
    ("release-forgets-status", "a release replaces the status of a command that was refused or done", RELEASE),
)
"""Name, what is broken, testbenches that must notice."""


def core(on: Any) -> Any:
    """The core, broken as ``on`` (name -> Value) says."""

    class MutatedDecoder(CommandDecoder):
        def _is_unknown(self, opcode, which):
            return super()._is_unknown(opcode, which) & ~(on("pair-command-known") & (opcode == Opcode.REFRESH.value))

        def _answer_status(self, kind):
            status = super()._answer_status(kind)
            known = ~kind.unknown & ~kind.load
            first = on("settings-before-disarmed") & known & self.refusals.illegal_settings
            unlocked = on("form-without-key") & (status == AnswerStatus.LOCKED.value)
            return Mux(first, AnswerStatus.SETTINGS.value, Mux(unlocked, AnswerStatus.OK.value, status))

        def _uses_settings(self, opcode):
            return super()._uses_settings(opcode) & ~on("settings-overtaken")

        def _code_is_legal(self, code):
            return super()._code_is_legal(code) | on("illegal-code-loaded")

        def _missing_target(self):
            return Mux(on("missing-cell-programmed"), 0, super()._missing_target())

    class MutatedStore(VectorStore):
        def _vector_commits(self, load):
            return super()._vector_commits(load) | (on("wrong-load-commits") & load.discard)

        def _place_is_read(self, active, place, target):
            return super()._place_is_read(active, place, target) & ~on("load-overwrites-scan")

        def _is_loaded(self, loaded):
            return super()._is_loaded(loaded) | on("vectors-outlive-reset")

    class MutatedProduct(OuterProduct):
        def _product(self, row_code, column_code):
            magnitude = Mux(row_code < 0, -row_code, row_code)
            return super()._product(Mux(on("products-of-magnitudes"), magnitude, row_code), column_code)

        def _factor(self, row_code, subtracts):
            return super()._factor(row_code, subtracts & ~on("difference-added"))

    class MutatedSequencer(ReadSequencer):
        def _driven_side(self, backward):
            return super()._driven_side(backward) ^ on("driven-sides-swapped")

        def _last_beat(self, backward, beat):
            return super()._last_beat(backward, beat + on("dac-beat-lost"))

    class MutatedResponder(Responder):
        def _room_for_read(self, kept, groups):
            return super()._room_for_read(kept, groups) | on("read-without-room")

        def _released_status(self, faulted):
            return super()._released_status(faulted & ~on("fault-told-as-abort"))

        def _keeps_status(self, settled):
            return super()._keeps_status(settled) & ~on("release-forgets-status")

        def _lines_present(self, backward, group):
            every = on("unused-converters-told").replicate(self.config.adc_count)
            return super()._lines_present(backward, group) | every

        def _update_is_done(self, finished):
            return super()._update_is_done(finished) | on("update-done-early")

    class MutatedCore(Core):
        command_decoder_class = MutatedDecoder
        vector_store_class = MutatedStore
        outer_product_class = MutatedProduct
        read_sequencer_class = MutatedSequencer
        responder_class = MutatedResponder

        def _may_drive(self, off):
            return super()._may_drive(off) | on("pins-wait-for-the-clock")

        def _may_seed(self, busy):
            return super()._may_seed(busy) | on("seed-before-first-beat")

    return MutatedCore
