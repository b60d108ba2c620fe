"""What the row programmer knows of the cells of its row, a word of cells a cycle (specification, section 16)."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, enum, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.commands import CELL_STATE
from pulsetrain.contract.enumerations import CODE_BITS, LEFT_ALONE, TRY_BITS

from pulsetrain_rtl.interfaces import Polarity, bits_of, check_config, codes_layout, word_of
from pulsetrain_rtl.update.bit_counting import count_ones

OUTCOMES = ("verified", "unreached", "unverified")


class Action(enum.Enum, shape=unsigned(3)):
    """What happens to a word of cells in a cycle."""

    NONE = 0
    TARGETS = 1  # its targets arrive
    SLOT = 2  # a slot of the scheduler counts a step for its cells
    SAMPLE = 3  # it was converted
    CHOOSE = 4  # find out which of its cells the coming slots pulse
    CODES = 5  # its codes go to the report
    STATES = 6  # its states do


class Work(enum.Enum, shape=unsigned(2)):
    """What is done to a row. The last three are the modes of programming, each one higher."""

    VERIFY = 0
    PROGRAM = 1
    FORM = 2
    REFRESH = 3


def counted_cells_signature(config):
    """How the cells of a row ended; 0 unless a row ended in the cycle before."""
    return wiring.Signature(dict.fromkeys(OUTCOMES, Out(bits_of(config.weight_columns))))


def chosen_signature(config):
    """A word of cells that was chosen from: see ``RoundSlots``."""
    cells = unsigned(config.verify_lanes)
    return wiring.Signature(
        {
            "valid": Out(1),
            "group": Out(unsigned(max(1, bits_of(config.column_groups - 1)))),
            "index": Out(config.group_words),
            "pulsed": Out(cells),
            "rises": Out(cells),
        }
    )


def selected(index, values):
    """The one of ``values`` whose bit of ``index`` is set: an OR of ANDs, half of what a tree of choices takes."""
    words = [Cat(value) for value in values]
    gated = [word & bit.replicate(len(word)) for bit, word in zip(index, words, strict=True)]
    return reduce(or_, gated)


class RowCells(wiring.Component):
    """A memory with ``verify_lanes`` cells a word, walked through a converter group at a time.

    A word is written four cycles after it was read: a word may be visited in every cycle, but none a second time before
    the fifth one after. In a verified update ``count`` is |n| and ``target``
    n·verify_step until the first read has given the target. In programming ``count`` are the pulses taken so far.

    Members
    -------
    forget : the row is over, or the work is to be dropped: no cell is chosen from the next cycle on.
    action, group : what happens in this cycle to the next word of which group. A group is walked through from end to
        end, with NONE in between at any time.
    last : that word is the last one of its group.
    at_last : it would be, were there an action in this cycle, and with ``moves``.
    moves : words go on; they all stay where they are while it is low, which it is only while words are chosen from.
    resting : no word is under way.
    work, first, refreshes, round : held by the programmer. ``first``: this is the first read of the row. ``refreshes``:
        the coming slots refresh. ``round``: the number of the round, 0 before the first one.
    begins, reads : the first word of a row comes after this cycle; a read of the row does.
    step, verify_tolerance, program_tolerance : settings.
    takes_targets, targets : of the group for the TARGETS that follow; elements beyond the last column do not matter.
    takes_codes, codes : of the group, for the SAMPLEs that follow.
    cells, polarity : of the whole row, for SLOT.
    left : groups with a cell that is neither met nor blind.
    rising, falling : groups with a cell that is not met, and is to rise or to fall.
    chosen : of CHOOSE, three cycles later.
    counts : how the cells of the row have ended so far. ``unreached``: those that the last read has left.
    report : the elements of CODES or STATES of a group, complete when ``resting``.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        code, groups = unsigned(config.adc_bits), unsigned(config.column_groups)
        super().__init__(
            {
                "forget": In(1),
                "action": In(Action),
                "group": In(unsigned(max(1, bits_of(config.column_groups - 1)))),
                "last": Out(1),
                "at_last": Out(1),
                "moves": In(1),
                "resting": Out(1),
                "work": In(Work),
                "first": In(1),
                "refreshes": In(1),
                "round": In(TRY_BITS),
                "begins": In(1),
                "reads": In(1),
                "step": In(code),
                "verify_tolerance": In(code),
                "program_tolerance": In(code),
                "takes_targets": In(1),
                "targets": In(codes_layout(config)),
                "takes_codes": In(1),
                "cells": In(config.weight_columns),
                "polarity": In(Polarity),
                "codes": In(data.ArrayLayout(signed(config.adc_bits), config.adc_count)),
                "left": Out(groups),
                "rising": Out(groups),
                "falling": Out(groups),
                "chosen": Out(chosen_signature(config)),
                "counts": Out(counted_cells_signature(config)),
                "report": Out(config.adc_count * CODE_BITS),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _is_legal(self, target):
        """Whether the converters can tell that a cell is at this target."""
        return self._in_range(target)

    def _is_blind(self, code):
        """Whether a cell with this code cannot be verified."""
        return ~self._in_range(code) | self._is_end(code)

    def _offset_before(self, offset):
        """What a further step of a cell is added to; ``offset`` are the steps before it."""
        return offset

    def _target(self, wanted):
        """The target of a cell that should read ``wanted``."""
        end = Cat(Const(1, 1), (~wanted[-1]).replicate(self.config.adc_bits - 2), wanted[-1]).as_signed()
        return Mux(self._in_range(wanted), wanted, end)

    def _is_met(self, distance, tolerance, forms):
        """Whether a cell needs no further pulse; ``distance`` is what its target lies above its code."""
        below, rest = distance[-1], distance[:-1]
        # |distance| ≤ tolerance. Of a negative one the inverse is the magnitude less 1, and ~rest < tolerance.
        most = Cat(tolerance, Const(0, len(rest)))[: len(rest)]
        return Mux(below, forms | (rest > ~most), rest <= most)

    def _polarity_up(self, distance):
        """Whether a cell that is not met is to rise."""
        return ~distance[-1]

    def _blind_pulse(self, count, round_):
        """Whether a blind cell with |n| = ``count`` takes a pulse in a round."""
        return count >= round_

    def _is_kept(self, left, round_):
        """Whether a cell's code is kept for its report: of cells that are done, only the reads before the rounds."""
        return left | (round_ == 0)

    def _in_range(self, value):
        """Whether a signed value is at most a_max in magnitude, from its bits: a comparison would be an adder."""
        low = self.config.adc_bits - 1
        high = value[low:]
        return ~high.any() | (high.all() & value[:low].any())

    def _is_end(self, code):
        """Whether a code within the range is one of its ends."""
        low, sign = code[:-1], code[-1]
        return (~sign & low.all()) | (sign & ~low[1:].any())

    def elaborate(self, _platform):
        m = Module()
        config, moves = self.config, self.moves
        lanes, words, groups = config.verify_lanes, config.group_words, config.column_groups
        memory, read, write = self._memory()
        m.submodules.memory = memory

        # Which word comes next, as a number and as one bit of many; when it has been chosen from, a second walk tells.
        place, position, visits = Signal(range(words)), Signal(words, init=1), Signal()
        m.d.comb += [
            read.addr.eq(Cat(place, self.group)),
            read.en.eq(moves),
            visits.eq((self.action != Action.NONE) & moves),
            self.at_last.eq(position[-1]),
            self.last.eq(visits & position[-1]),
            self.chosen.index.eq(1),
        ]
        if words > 1:
            chosen_position = Signal(words, init=1)
            m.d.comb += self.chosen.index.eq(chosen_position)
            for bits, goes_on in ((position, visits), (chosen_position, self.chosen.valid & moves)):
                with m.If(goes_on):
                    m.d.sync += bits.eq(bits.rotate_left(1))
                with m.If(self.forget):
                    m.d.sync += bits.eq(1)
            with m.If(visits):
                m.d.sync += place.eq(Mux(self.last, 0, place + 1))
            with m.If(self.forget):
                m.d.sync += place.eq(0)

        # Stage 1 has what comes from outside and, late, from the memory; stage 2 has both from registers, 3 the
        # operands, 4 the new target.
        actions = data.StructLayout(dict.fromkeys(("targets", "slot", "sample", "choose", "codes", "states"), 1))
        now = Signal(actions)
        stages = [Signal(actions, name=f"stage_{number}") for number in (1, 2, 3, 4)]
        addresses = [Signal.like(read.addr, name=f"address_{number}") for number in (1, 2, 3, 4)]
        starts, busy = Signal(4), Signal(5)  # what is known of groups comes a cycle after the last stage
        m.d.comb += [now[name].eq(self.action == Action[name.upper()]) for name in actions.members]
        m.d.comb += self.resting.eq(~busy.any())
        with m.If(moves):
            m.d.sync += [starts.eq(Cat(position[0], starts)), busy.eq(Cat(self.action != Action.NONE, busy))]
            for old, new in zip((now, *stages[:-1]), stages, strict=True):
                m.d.sync += new.eq(old)
            for old, new in zip((read.addr, *addresses[:-1]), addresses, strict=True):
                m.d.sync += new.eq(old)
        with m.If(self.forget):
            m.d.sync += [busy.eq(0), *(stage.eq(0) for stage in stages)]

        # A slot is the first one of its row for all cells of a group or for none.
        fresh, fresh_before, slot_is_first, old = Signal(), Signal(), Signal(), Signal.like(read.data)
        m.d.comb += fresh.eq(Mux(position[0], ~self.left.bit_select(self.group, 1), fresh_before))
        with m.If(moves):
            m.d.sync += [fresh_before.eq(fresh), slot_is_first.eq(fresh_before), old.eq(read.data)]

        shared = self._shared(m)
        ends = []
        elements, entering = [], Signal(lanes * CODE_BITS)
        group_numbers = self._group_numbers(m, now, stages[1], entering)
        for lane in range(lanes):
            first, element = self._first_stage(m, lane, visits, position, group_numbers, stages[1], old[lane])
            elements.append(element)
            second = self._second_stage(m, lane, stages[1], old[lane], first, slot_is_first, shared)
            ends.append(self._third_stage(m, lane, stages[2], second, write.data[lane], shared))
        m.d.comb += [
            write.en.eq(stages[3].targets | stages[3].slot | stages[3].sample),
            write.addr.eq(addresses[3]),
            self.chosen.valid.eq(stages[2].choose),
            self.chosen.group.eq(addresses[2][len(place) :]),
            entering.eq(Cat(elements)),
            self.report.eq(
                Cat(self._reported(group_numbers.word_select(index, CODE_BITS)) for index in range(words * lanes))
            ),
        ]

        # What is known of whole groups. The first word of a read begins anew, for cells may be done now.
        noted, anew, noted_group = Signal(), Signal(), Signal.like(self.group)
        m.d.sync += [noted.eq(write.en & ~self.forget), noted_group.eq(addresses[3][len(place) :])]
        m.d.sync += anew.eq(stages[3].sample & starts[3])
        masks = ((self.left, "left"), (self.rising, "rising"), (self.falling, "falling"))
        for mask, name in masks:
            some = Signal(name=f"some_{name}")
            m.d.comb += some.eq(Cat(end[name] for end in ends).any())
            for group in range(groups):
                with m.If(noted & (noted_group == group)):
                    m.d.sync += mask[group].eq(some | (mask[group] & ~anew))
            with m.If(self.forget):
                m.d.sync += mask.eq(0)
        for name in OUTCOMES:
            ones, count = Signal(lanes, name=f"{name}_now"), getattr(self.counts, name)
            m.d.sync += ones.eq(Cat(end[name] for end in ends))
            m.d.sync += count.eq(count + count_ones(m, ones, f"{name}_ones"))
            with m.If(self.begins | (self.reads if name == "unreached" else 0)):
                m.d.sync += count.eq(0)
        return m

    def _group_numbers(self, m, now, stage, entering):
        """The numbers of a group, moved on with each word: targets and codes out of it, a report into it."""
        config = self.config
        group_numbers = Signal(config.group_words * len(entering))
        numbers = range(config.group_words * config.verify_lanes)
        of_codes = config.adc_bits
        takes = self.takes_targets | self.takes_codes
        with m.If(takes | (self.moves & (now.targets | now.sample | stage.codes | stage.states))):
            m.d.sync += group_numbers.eq(Cat(group_numbers, entering)[len(entering) :])
        with m.If(takes):
            for number in numbers:
                place, target = group_numbers[number * CODE_BITS :][:CODE_BITS], self.targets[number].as_unsigned()
                code = Mux(self.takes_codes, self.codes[number].as_unsigned(), target[:of_codes])
                m.d.sync += place.eq(Cat(code, target[of_codes:]))
        return group_numbers

    def _reported(self, element):
        """An element of the report: what lies above a state is 0 or the sign of a code, the same bit throughout."""
        top = max(self.config.adc_bits - 1, max(field.low + field.width for field in CELL_STATE.values()))
        return Cat(element[: top + 1], element[top].replicate(CODE_BITS - 1 - top))

    def _memory(self):
        """The cells, and its ports for reading and writing. Two words at least: an address needs a bit."""
        config = self.config
        flags = dict.fromkeys(("left", "blind", "rises", "alone", "illegal"), 1)
        # ±2·a_max moves any code to the end of the range, so that larger offsets need not be told apart.
        cell = data.StructLayout(
            {
                "target": signed(config.adc_bits + 1),
                "code": signed(config.adc_bits),
                "count": unsigned(TRY_BITS),
                **flags,
            }
        )
        depth = max(2, config.column_groups << bits_of(config.group_words - 1))
        memory = Memory(
            shape=data.ArrayLayout(cell, config.verify_lanes), depth=depth, init=[], attrs={"ram_style": "block"}
        )
        return memory, memory.read_port(), memory.write_port()

    def _shared(self, m):
        """What the arithmetic of all lanes has in common."""
        config = self.config
        names = ("verifies", "forms", "refreshes", "moves_target", "in_rounds", "lowers")
        shared = {name: Signal(name=name) for name in names}
        tolerance, lowers_before = Signal(config.adc_bits), Signal()
        m.d.comb += [
            shared["verifies"].eq(self.work == Work.VERIFY),
            shared["moves_target"].eq(self.first & ((self.work == Work.VERIFY) | shared["refreshes"])),
            shared["in_rounds"].eq(self.round != 0),
        ]
        m.d.sync += tolerance.eq(Mux(shared["verifies"], self.verify_tolerance, self.program_tolerance))
        if config.pair:  # FORM is for single devices, REFRESH for pairs
            m.d.comb += shared["refreshes"].eq(self.work == Work.REFRESH)
        else:
            m.d.comb += shared["forms"].eq(self.work == Work.FORM)
        with m.If(self.moves):  # a slot leaves with its last word
            m.d.sync += [lowers_before.eq(self.polarity == Polarity.RESET), shared["lowers"].eq(lowers_before)]
        return {**shared, "tolerance": tolerance}

    def _first_stage(self, m, lane, visits, position, group_numbers, stage, old):
        """Take the lane's element of what comes from outside, and wait for what the memory has of it; say that for the
        report."""
        config = self.config
        numbers = range(lane, config.group_words * config.verify_lanes, config.verify_lanes)
        layout = data.StructLayout({"exists": 1, "takes": 1, "value": signed(CODE_BITS)})
        came, first = Signal(layout, name=f"came_{lane}"), Signal(layout, name=f"first_{lane}")
        lanes_of_group = config.group_words * config.verify_lanes
        padded = Cat(self.cells, Const(0, config.column_groups * lanes_of_group - config.weight_columns))
        cells = Cat(
            selected(position, [padded[group * lanes_of_group + number] for number in numbers])
            for group in range(config.column_groups)
        ).bit_select(self.group, 1)
        beyond = [(config.column_groups - 1) * config.adc_count + number >= config.weight_columns for number in numbers]
        missing = (self.group == config.column_groups - 1) & (position & Cat(*map(Const, beyond))).any()
        with m.If(visits):
            m.d.sync += [
                came.value.eq(group_numbers[lane * CODE_BITS :][:CODE_BITS]),
                came.takes.eq(cells),
                came.exists.eq(~missing),
            ]
        with m.If(self.moves):
            m.d.sync += first.eq(came)
        failed = ~old.alone & (old.left | old.illegal)
        state = word_of(CELL_STATE, {"tries": old.count, "failed": failed, "left_alone": old.alone})
        element = Signal(CODE_BITS, name=f"element_{lane}")
        with m.If(first.exists):
            m.d.comb += element.eq(Mux(stage.states, state, old.code))
        return first, element

    def _second_stage(self, m, lane, stage, old, first, slot_is_first, shared):
        """Judge what was taken and bring the operands together."""
        config, value = self.config, first["value"]
        code = value[: config.adc_bits].as_signed()
        operands = data.StructLayout(
            {"target": signed(config.adc_bits + 1), "added": signed(config.adc_bits + 1), "carry": 1,
             "code": signed(config.adc_bits), "count": TRY_BITS, "counts": 1,
             **dict.fromkeys(("stays", "judged", "blind", "blinded", "rises", "alone", "illegal"), 1)}
        )  # fmt: skip
        second, was, zero, takes = Signal(operands, name=f"operands_{lane}"), Signal(), Signal(), Signal()
        blinded, alone, legal = Signal(), Signal(), Signal()
        lowers = shared["lowers"]
        step = Cat(self.step, Const(0, 1)) ^ lowers.replicate(config.adc_bits + 1)
        m.d.comb += [
            takes.eq(stage.slot & first["takes"]),
            zero.eq(stage.targets | (stage.slot & (slot_is_first | ~old.left))),
            was.eq(old.left & ~zero),
            alone.eq(value == LEFT_ALONE),
            legal.eq(self._is_legal(value) | shared["refreshes"]),
            blinded.eq(stage.sample & was & self.first & shared["verifies"] & self._is_blind(code)),
        ]
        repeats = self.first & shared["refreshes"]  # the first read of a refresh gives targets, the next one judges
        with m.If(self.moves):
            m.d.sync += [second.judged.eq(0), second.blinded.eq(0)]
        with m.If(self.moves & stage.as_value().any()):
            m.d.sync += [
                second.target.eq(Mux(takes, self._offset_before(old.target), old.target)),
                second.added.eq(Mux(stage.slot, step, code)),
                second.carry.eq(takes & lowers),
                second.code.eq(Mux(stage.sample & self._is_kept(was, self.round), code, old.code)),
                second.count.eq(old.count),
                second.counts.eq(takes | (stage.sample & was & ~shared["verifies"] & shared["in_rounds"])),
                second.stays.eq(
                    takes | (stage.targets & first["exists"] & ~alone & legal) | (was & (~stage.sample | repeats))
                ),
                second.judged.eq(stage.sample & was & ~blinded & ~repeats),
                second.blind.eq(blinded | (stage.sample & old.blind)),
                second.blinded.eq(blinded),
                second.rises.eq(Mux(takes, ~lowers, old.rises)),
                second.alone.eq(Mux(stage.targets, alone, old.alone)),
                second.illegal.eq(Mux(stage.targets, ~legal, old.illegal)),
                self.chosen.pulsed[lane].eq(old.left | (old.blind & self._blind_pulse(old.count, self.round))),
                self.chosen.rises[lane].eq(old.rises),
            ]
            with m.If(zero):
                m.d.sync += [second.target.eq(0), second.count.eq(0)]
            with m.If(stage.targets):
                m.d.sync += second.code.eq(0)
            with m.If(
                (stage.targets & shared["refreshes"])
                | (stage.slot & ~first["takes"])
                | (stage.sample & ~shared["moves_target"])
            ):
                m.d.sync += second.added.eq(0)
        return second

    def _third_stage(self, m, lane, stage, second, new, shared):
        """Add, then find out where the cell stands. Returns what became of it, a bit each."""
        config = self.config
        third = Signal.like(second, name=f"result_{lane}")
        total, far = Signal(signed(config.adc_bits + 2), name=f"total_{lane}"), Signal(name=f"far_{lane}")
        top = config.adc_bits
        # One adder: the bit below the lowest makes the carry.
        m.d.comb += total.eq(
            (Cat(Const(1, 1), second.target).as_signed() + Cat(second.carry, second.added).as_signed())[1:]
        )
        m.d.comb += far.eq(total[top] ^ total[top + 1])
        offset = Mux(far, Cat((~total[top + 1]).replicate(top), total[top + 1]), total[: top + 1])
        m.d.sync += [third.judged.eq(0), third.blinded.eq(0)]
        with m.If(stage.as_value().any()):
            m.d.sync += [
                third.eq(second),
                third.target.eq(Mux(stage.slot, offset, self._target(total))),
                third.count.eq(second.count + second.counts),
            ]
        distance = Signal(signed(config.adc_bits + 2), name=f"distance_{lane}")
        met = Signal(name=f"met_{lane}")
        m.d.comb += [
            distance.eq(third.target - third.code),
            met.eq(self._is_met(distance, shared["tolerance"], shared["forms"])),
            new.target.eq(third.target),
            new.code.eq(third.code),
            new.count.eq(third.count),
            new.left.eq(third.stays | (third.judged & ~met)),
            new.blind.eq(third.blind),
            new.rises.eq(Mux(third.judged, self._polarity_up(distance), third.rises)),
            new.alone.eq(third.alone),
            new.illegal.eq(third.illegal),
        ]
        kept = {name: Signal(name=f"{name}_{lane}") for name in ("left", "blind", "rises")}
        m.d.sync += [signal.eq(new[name]) for name, signal in kept.items()]
        unfinished = kept["left"] | kept["blind"]
        return {
            "left": kept["left"],
            "rising": unfinished & kept["rises"],
            "falling": unfinished & ~kept["rises"],
            "verified": third.judged & met,
            "unreached": third.judged & ~met,
            "unverified": third.blinded,
        }
