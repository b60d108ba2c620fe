"""VectorStore alone: loads that commit or do not, and readers that must not notice the loads after their start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cocotb
from pulsetrain.contract.enumerations import Side, Which

from tb.lib.common import STALL_PATTERNS, TB, bench_test, check, elements, joined
from tb.lib.coverage import coverage

CYCLES = 2500
VECTORS = tuple((side, which) for side in Side for which in Which)


@dataclass
class Reader:
    """One that reads: the places and codes of its vectors when it started, and what it was last asked for."""

    places: dict[tuple[int, int], int] = field(default_factory=dict)
    codes: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    remaining: int = 0
    """Cycles that it stays active."""
    asked: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """Codes that its ports must show, by vector."""
    loaded_vectors: set[tuple[int, int]] = field(default_factory=set)
    """Those that had been loaded when it started."""

    shows: set[tuple[int, int]] = field(default_factory=set)
    """Those of ``asked`` that had been."""

    def ask(self, codes: dict[tuple[int, int], list[int]]) -> None:
        """What the ports show next."""
        self.asked, self.shows = codes, self.loaded_vectors & set(codes)


class VectorTB(TB):
    """Moves everything cycle by cycle, so that it knows which load came before which start."""

    def __init__(self, dut: Any, label: str, idle: bool, late: bool) -> None:
        super().__init__(dut, "store", label)
        self.idle, self.late = idle, late
        self.current = dict.fromkeys(VECTORS, 0)
        self.codes = {vector: [0] * self.lines(vector[0]) for vector in VECTORS}
        self.scan, self.drive = Reader(), Reader()
        self.loading: list[list[int]] = []
        self.target, self.kind = VECTORS[0], "commit"
        self.beats: list[list[int]] = []
        self.stimulus: dict[str, int] = {}
        self.loads = 0
        self.loaded: set[tuple[int, int]] = set()
        self.held: set[tuple[int, int]] = set()
        """Vectors that could not be loaded in the cycle before."""
        self.committed = False
        """Whether the cycle before made a vector current."""

    def lines(self, side: int) -> int:
        """Codes of a vector."""
        return self.config.weight_columns if side else self.config.rows

    def vector_beats(self, side: int) -> int:
        """Beats of a vector."""
        return self.config.beats_per_row if side else self.config.row_beats

    def beat(self, codes: list[int], number: int) -> list[int]:
        """A beat of a vector; lanes beyond its last line are 0."""
        lanes = self.config.lanes
        return (codes + [0] * lanes)[number * lanes :][:lanes]

    def new_load(self) -> None:
        """Choose the next vector, and whether it will be complete."""
        random, lanes, most = self.random, self.config.lanes, self.config.dac_max
        self.target = random.choice(VECTORS)
        self.kind = random.choice(("commit", "commit", "commit", "discard", "clear"))
        beats = self.vector_beats(self.target[0])
        if self.kind != "commit":
            beats = random.randint(1, beats)
        edges = (-most, most, 0)
        self.loading = [
            [random.choice((*edges, random.randint(-most, most))) for _ in range(lanes)] for _ in range(beats)
        ]
        self.beats = []

    def choose(self) -> dict[str, int]:
        """The inputs of the next cycle."""
        random, config = self.random, self.config
        if not self.loading:
            self.new_load()
        last = len(self.loading) == 1
        values = {
            "clear": 0,
            "load__valid": int(not self.idle or random.random() < 0.6),
            "load__payload__side": self.target[0],
            "load__payload__which": self.target[1],
            "load__payload__codes": joined(self.loading[0], config.dac_bits),
            "load__payload__commit": int(last and self.kind == "commit"),
            "load__payload__discard": int(last and self.kind == "discard"),
            "scan__enable": int(not self.late or random.random() < 0.6),
            "scan__which": random.getrandbits(1) if self.stimulus.get("scan__difference") else 0,
            "scan__row_beat": random.randrange(config.row_beats),
            "scan__column_beat": random.randrange(config.beats_per_row),
            "drive__beat": random.randrange(self.vector_beats(self.stimulus.get("side", 0))),
        }
        if last and self.kind == "clear":
            values["clear"] = values["load__valid"] = 1
            values["load__payload__commit"] = random.getrandbits(1)
        for name, reader in (("scan", self.scan), ("drive", self.drive)):
            values[f"{name}__active"] = int(reader.remaining > 0)
            values[f"{name}__start"] = int(reader.remaining <= 1 and random.random() < 0.3)
        if not self.scan.remaining:
            values["scan__difference"] = random.getrandbits(1)
        if not self.drive.remaining:
            values["drive__side"] = random.getrandbits(1)
        return values

    def check_cycle(self) -> bool:
        """Compare the outputs of this cycle with the model. Returns whether a beat was taken."""
        config, stimulus = self.config, self.stimulus
        ports = {Side.ROWS: "scan__rows", Side.COLUMNS: "scan__columns"}
        if self.scan.asked:
            loaded = self.get("scan__loaded")
            check(loaded == (set(self.scan.asked) == self.scan.shows), f"loaded is {loaded} for {self.scan.asked}")
        for vector, wanted in self.scan.asked.items():
            if vector in self.scan.shows:
                self.compare(vector, elements(self.get(ports[vector[0]]), config.dac_bits, config.lanes), wanted)
        for vector, wanted in self.drive.asked.items():
            loaded = self.get("drive__loaded")
            check(loaded == (vector in self.drive.shows), f"loaded is {loaded} for {vector}")
            if loaded:
                self.compare(vector, elements(self.get("drive__codes"), config.dac_bits, config.lanes), wanted)

        held = {vector for vector in VECTORS for reader in (self.scan, self.drive) if self.holds(reader, vector)}
        ready, about = self.get("load__ready"), f"load of {self.target}"
        check(not ready or self.target not in held, f"{about}: ready while a reader holds the place")
        if not self.committed and self.target not in held | self.held:
            check(ready == 1, f"{about}: not ready though no reader has held the place for a cycle")
        if self.target in held and stimulus["load__valid"]:
            coverage.hit("vector", "a load waits for a reader")
        taken = bool(ready and stimulus["load__valid"])
        self.held, self.committed = held, bool(taken and stimulus["load__payload__commit"])
        return taken

    def holds(self, reader: Reader, vector: tuple[int, int]) -> bool:
        """Whether that reader needs the place that a load of that vector would fill."""
        return reader.remaining > 0 and reader.places.get(vector) == 1 - self.current[vector]

    def compare(self, vector: tuple[int, int], got: list[int], wanted: list[int]) -> None:
        """Scoreboard: codes on a port."""
        mask = (1 << self.config.dac_bits) - 1
        check(
            got == [code & mask for code in wanted],
            f"vector {vector} reads {got}, loaded before the reader's start was {wanted}",
        )

    def follow(self, taken: bool) -> None:
        """The model's next state after the edge."""
        stimulus = self.stimulus
        self.ask()
        for name, reader in (("scan", self.scan), ("drive", self.drive)):
            reader.remaining = max(0, reader.remaining - 1)
            if stimulus[f"{name}__start"]:
                self.start(name, reader)
        if stimulus["clear"]:
            coverage.hit("vector", "a load is cleared")
            self.loading = []
        elif taken:
            self.beats.append(self.loading.pop(0))
            if stimulus["load__payload__commit"]:
                flat = [code for beat in self.beats for code in beat]
                self.codes[self.target] = flat[: self.lines(self.target[0])]
                self.current[self.target] ^= 1
                self.loaded.add(self.target)
                self.loads += 1
                busy = self.scan.remaining or self.drive.remaining
                coverage.hit("vector", "loaded beside a reader" if busy else "loaded")
            elif stimulus["load__payload__discard"]:
                coverage.hit("vector", "a load is discarded")

    def ask(self) -> None:
        """What the ports show after the edge."""
        stimulus, scan, drive = self.stimulus, self.scan, self.drive
        if stimulus["scan__enable"]:
            wanted = [vector for vector in scan.codes if vector[1] == stimulus["scan__which"]] if scan.remaining else []
            beats = (stimulus["scan__row_beat"], stimulus["scan__column_beat"])
            scan.ask({vector: self.beat(scan.codes[vector], beats[vector[0]]) for vector in wanted})
        driven = drive.codes.items() if drive.remaining else ()
        drive.ask({vector: self.beat(codes, stimulus["drive__beat"]) for vector, codes in driven})

    def start(self, name: str, reader: Reader) -> None:
        """A reader keeps the vectors as they were in the cycle of its start."""
        if name == "scan":
            self.stimulus["scan__difference"] = self.random.getrandbits(1)
            vectors = [vector for vector in VECTORS if not vector[1] or self.stimulus["scan__difference"]]
        else:
            side = self.stimulus.get("drive__side", 0)
            self.stimulus["side"] = side
            vectors = [(side, 0)]
        coverage.hit("vector", f"{name} starts")
        if any(not any(self.codes[vector]) for vector in vectors) and not self.loads:
            coverage.hit("vector", "read before any load")
        reader.places = {vector: self.current[vector] for vector in vectors}
        reader.codes = {vector: self.codes[vector] for vector in vectors}
        reader.loaded_vectors = self.loaded & set(vectors)
        reader.remaining = self.random.choice((1, 2, 5, 20))


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=CYCLES + 100)
async def readers_see_the_vectors_of_their_start(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random loads beside random readers; every code is compared, and when a load may pass and when it must."""
    tb = VectorTB(dut, f"vectors/{idle}/{back_pressure}", idle, back_pressure)
    await tb.reset()
    for _ in range(CYCLES):
        tb.stimulus.update(tb.choose())
        if tb.stimulus["scan__start"] and tb.scan.remaining:
            coverage.hit("vector", "from one scan to the next")
        tb.set(**{name: value for name, value in tb.stimulus.items() if name != "side"})
        await tb.edge
        tb.follow(tb.check_cycle())
    check(tb.loads > 30, f"only {tb.loads} vectors were loaded in {CYCLES} cycles")
    tb.covered(idle, back_pressure)
