"""Figures of docs/devices/: each effect of the golden array, measured on it and drawn over its equation.

``make effects`` draws them anew; the same numbers come out on every machine.
"""

from __future__ import annotations

import argparse
import io
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.array import ArrayParameters, CrossbarArray
from pulsetrain.checkpoint import write_atomic
from pulsetrain.config import ControllerConfig, ControllerSettings
from pulsetrain.device import (
    Disturb,
    Drift,
    Endurance,
    Flicker,
    ProgrammingError,
    Relaxation,
    Spread,
    StepCurve,
    Telegraph,
    Temperature,
)
from pulsetrain.device.files import load_device
from pulsetrain.wires_exact import solve

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "devices"
BLUE, GREEN, ORANGE, BLACK, GREY = "#0072B2", "#009E73", "#D55E00", "#000000", "#999999"
MICRO = 1e6


def array(rows: int, columns: int, *, seed: int = 1, **changes: Any) -> CrossbarArray:
    """An array of the default device, without any noise, with the named parameters changed."""
    quiet: dict[str, Any] = {"write_noise": 0.0, "read_noise": 0.0}
    return CrossbarArray(rows, columns, ArrayParameters(**(quiet | changes)), seed, seed)


def microsiemens(made: CrossbarArray) -> NDArray[np.float64]:
    """Conductances in µS."""
    values: NDArray[np.float64] = made.conductance * 1e-6
    return values


def program(made: CrossbarArray, siemens: float | NDArray[np.float64]) -> None:
    """Bring all devices to the conductance ``siemens``."""
    parameters = made.parameters
    target = np.broadcast_to(siemens, (made.rows, made.columns))
    made.set_weights((target - parameters.g_reference) / parameters.siemens_per_weight)


def read_one_by_one(made: CrossbarArray, count: int) -> NDArray[np.float64]:
    """Column 0 of ``count`` reads of row 0 in µS over the reference; the row is driven alone."""
    codes = np.zeros((count, made.rows), np.int32)
    codes[:, 0] = 2047
    found = made.read(codes, full_scale=2000, dac_max=2047, adc_max=32767)[:, 0]
    values: NDArray[np.float64] = found * (200.0 / 32767)
    return values


def panels(count: int, *, height: float = 3.6) -> tuple[Any, list[Any]]:
    """A figure with ``count`` panels side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.6 + 4.6 * count, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, count, squeeze=False)[0])
    for panel in axes:
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def label(panel: Any, x: str, y: str, title: str) -> None:
    """Name the axes, and show the legend if there is one."""
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.set_title(title, fontsize=10)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=8)


def window() -> Any:
    """Pulses up and down between hard and between soft bounds."""
    figure, axes = panels(2)
    for panel, bounds in zip(axes, ("hard", "soft"), strict=True):
        for noise, colour, name in ((0.0, BLACK, "σ = 0"), (2e-6, BLUE, "σ = 2 µS")):
            made = array(1, 1, bounds=bounds, write_noise=noise)
            program(made, 0.0)
            trace = [microsiemens(made)[0, 0]]
            for k in range(600):
                made.apply_pulses([[1 if k < 300 else -1]])
                trace.append(microsiemens(made)[0, 0])
            panel.plot(trace, color=colour, label=name, lw=1.2)
        label(panel, "pulse (300 SET, 300 RESET)", "conductance in µS", f"{bounds} bounds, step 2 µS at mid-range")
    return figure


def steps() -> Any:
    """A curve of mean and σ, and a measured table: change of a pulse over the conductance before it."""
    figure, axes = panels(2)
    g = np.linspace(0, 200e-6, 9)
    mean = 1e-6 + 9e-6 * np.exp(-g / 40e-6)
    curve = StepCurve(0.0, 200e-6, tuple(mean), tuple(mean[::-1]), tuple(0.5 * mean), tuple(0.5 * mean[::-1]))
    devices = [("a curve (exponential steps)", {"g_max": 200e-6, "g_reference": 100e-6, "curve": curve})]
    measured = load_device("taox-180nm").parameters
    devices.append(
        ("measured TaOx table", {name: getattr(measured, name) for name in ("g_min", "g_max", "g_reference", "table")})
    )
    for panel, (title, changes) in zip(axes, devices, strict=True):
        for sign, colour, name in ((1, BLUE, "SET"), (-1, ORANGE, "RESET")):
            at, low, middle, high = [], [], [], []
            for start in np.linspace(changes.get("g_min", 0.0) + 2e-6, changes["g_max"] - 2e-6, 33):
                made = array(64, 64, **changes)
                program(made, start)
                before = microsiemens(made)
                made.apply_pulses(np.full((64, 64), sign, np.int16))
                change = (microsiemens(made) - before).reshape(-1)
                at.append(start * MICRO)
                for values, quantile in ((low, 10), (middle, 50), (high, 90)):
                    values.append(float(np.percentile(change, quantile)))
            panel.plot(at, middle, color=colour, label=f"{name}: median, 10 to 90 %")
            panel.fill_between(at, low, high, color=colour, alpha=0.2, lw=0)
        label(panel, "conductance before the pulse in µS", "change of a pulse in µS", title)
    return figure


def write_noise() -> Any:
    """Absolute and relative noise of a pulse, failed pulses, and apparent noise."""
    figure, axes = panels(3)
    for changes, colour, name in (
        ({"write_noise": 2e-6}, BLUE, "σ = 2 µS"),
        ({"write_noise_relative": 0.5}, GREEN, "half of the step"),
        ({"write_noise": 0.5e-6, "fail_set": 0.2}, ORANGE, "σ = 0.5 µS, 20 % fail"),
    ):
        made = array(256, 256, **changes)
        made.apply_pulses(np.ones((256, 256), np.int16))
        change = microsiemens(made).reshape(-1) - 200
        axes[0].hist(change, np.linspace(-6, 10, 81), histtype="step", color=colour, label=name, density=True)
    label(axes[0], "change of a SET pulse in µS (step 2 µS)", "density", "write noise")
    for changes, colour, name in (
        ({"write_noise": 2e-6}, BLUE, "write noise 2 µS"),
        ({"apparent_noise": 2e-6}, GREEN, "apparent noise 2 µS"),
    ):
        made, spread = array(64, 64, **changes), []
        for _ in range(64):
            made.apply_pulses(np.ones((64, 64), np.int16) * (1 if len(spread) % 2 else -1))
            spread.append(float(microsiemens(made).std()))
        axes[1].plot(range(1, 65), spread, color=colour, label=name)
    axes[1].plot(range(1, 65), 2 * np.sqrt(np.arange(1, 65)), color=BLACK, ls="--", lw=1, label="2 µS·√n")
    label(
        axes[1],
        "pulses, SET and RESET in turn",
        "spread of the conductance in µS",
        "write noise adds up, apparent noise does not",
    )
    made = array(1, 1, apparent_noise=2e-6)
    trace = []
    for _ in range(100):
        made.apply_pulses([[1]])
        trace.append(microsiemens(made)[0, 0])
    axes[2].plot(trace, ".", color=GREEN, ms=4, label="as read")
    axes[2].plot(200 + 2 * np.arange(1, 101), color=BLACK, lw=1, label="persistent")
    label(axes[2], "SET pulses", "conductance in µS", "apparent noise on one device")
    return figure


def spread() -> Any:
    """Devices that differ: steps, and windows."""
    figure, axes = panels(2)
    for law, colour in (("normal", BLUE), ("lognormal", ORANGE)):
        made = array(256, 256, spread=Spread(step_set=0.4, law=law))
        made.apply_pulses(np.ones((256, 256), np.int16))
        axes[0].hist(
            microsiemens(made).reshape(-1) - 200,
            np.linspace(0, 6, 81),
            histtype="step",
            color=colour,
            density=True,
            label=f"{law}, s = 0.4",
        )
    label(axes[0], "SET step of a device in µS (nominal 2 µS)", "density", "steps")
    made = array(64, 64, spread=Spread(g_min=10e-6, g_max=20e-6), step_set=40e-6, step_reset=40e-6)
    for sign, colour, name in ((1, BLUE, "after many SET"), (-1, ORANGE, "after many RESET")):
        for _ in range(30):
            made.apply_pulses(np.full((64, 64), sign, np.int16))
        axes[1].hist(microsiemens(made).reshape(-1), np.linspace(0, 460, 93), histtype="step", color=colour, label=name)
    label(axes[1], "conductance in µS", "devices", "windows (σ = 10 and 20 µS)")
    return figure


def programming() -> Any:
    """What ideal programming leaves behind when write-and-verify is not perfect."""
    figure, axes = panels(1)
    knots = ProgrammingError((1e-6, 4e-6, 2e-6), (0.0, 0.0, -1e-6), 0.0, 150e-6)
    made = array(1, 1024, g_max=150e-6, g_reference=75e-6, programming=knots)
    targets = np.linspace(5e-6, 145e-6, 1024)
    for number in range(6):
        program(made, targets[np.newaxis])
        axes[0].plot(
            targets * MICRO,
            microsiemens(made)[0] - targets * MICRO,
            ".",
            ms=2,
            color=BLUE,
            label="programmed" if not number else None,
        )
    x = np.linspace(0, 150, 151)
    for k in (-1, 1):
        axes[0].plot(
            x,
            np.interp(x, [0, 75, 150], [0, 0, -1]) + k * np.interp(x, [0, 75, 150], [1, 4, 2]),
            color=BLACK,
            lw=1,
            label="mean ± σ" if k > 0 else None,
        )
    label(axes[0], "target in µS", "miss in µS", "programming error")
    return figure


def relaxation() -> Any:
    """Measured relaxation: quantiles over time as the table says, and as the array does it."""
    figure, axes = panels(2)
    scores = np.linspace(-4, 4, 65)
    tails = 0.25e-6 * np.sinh(scores)  # heavier than normal
    table = tuple((tuple(-0.1e-6 * k + s * tails) for s in (1 + 0.7 * k, 0.5 + 0.3 * k)) for k in range(4))
    law = Relaxation(
        (0.01, 0.1, 1.0, 10.0), tuple(tuple(rows) for rows in table), 4.0, 0.0, 400e-6, (0.6, 0.6, 0.6), None, 8
    )
    made = array(128, 128, relaxation=law)
    program(made, 100e-6)
    elapsed, times, found = 0.0, np.geomspace(1e-3, 100, 26), []
    for time in times:
        made.wait(time - elapsed)
        elapsed = time
        found.append(np.percentile(microsiemens(made) - 100, [1, 10, 50, 90, 99]))
    for k, (name, colour) in enumerate(
        (("1 %", ORANGE), ("10 %", GREEN), ("median", BLUE), ("90 %", GREEN), ("99 %", ORANGE))
    ):
        axes[0].plot(times, [row[k] for row in found], "-", color=colour, label=f"array: {name}" if k < 3 else None)
    from scipy.stats import norm

    for probability in (0.01, 0.1, 0.5, 0.9, 0.99):
        rows = np.array(law.delta)
        ends = 0.75 * rows[:, 0] + 0.25 * rows[:, 1]
        quantiles = [np.interp(norm.ppf(probability), scores, row) * MICRO for row in ends]
        axes[0].plot(
            law.times, quantiles, "o", ms=4, mfc="none", color=BLACK, label="table" if probability == 0.5 else None
        )
    axes[0].set_xscale("log")
    label(axes[0], "time after the write in s", "change in µS", "distribution over time, at 100 µS")
    for start, colour in ((50e-6, BLUE), (350e-6, ORANGE)):
        made = array(128, 128, relaxation=law)
        program(made, start)
        made.wait(10.0)
        change = np.sort((microsiemens(made) - start * MICRO).reshape(-1))
        axes[1].plot(
            change,
            norm.ppf((np.arange(change.size) + 0.5) / change.size),
            color=colour,
            label=f"after a write to {start * MICRO:.0f} µS",
        )
    axes[1].set_xlim(-12, 12)
    label(axes[1], "change after 10 s in µS", "normal score", "tails: a straight line would be normal")
    return figure


def drift() -> Any:
    """Power-law drift of a few devices, at two temperatures."""
    figure, axes = panels(2)
    times = np.geomspace(0.1, 1e6, 60)
    for panel, kelvin in zip(axes, (300.0, 358.0), strict=True):
        law = {"drift": Drift(0.05, 0.02, 1.0, 1e8), "temperature": Temperature(kelvin, 300.0, 1.0)}
        made = array(1, 24, **law)
        elapsed, trace = 0.0, []
        for time in times:
            made.wait(time - elapsed)
            elapsed = time
            trace.append(microsiemens(made)[0].copy())
        panel.plot(times, np.array(trace)[:, 1:], color=GREY, lw=0.7)
        panel.plot(times, np.mean(trace, axis=1), color=BLUE, label="mean of 24 devices")
        faster = Temperature(kelvin, 300.0, 1.0).acceleration
        panel.plot(times, 200 * np.maximum(times * faster, 1) ** -0.05, "--", color=BLACK, label="200 µS·(t/t₀)^−0.05")
        panel.set_xscale("log")
        label(panel, "time after the write in s", "conductance in µS", f"ν = 0.05 ± 0.02, {kelvin:.0f} K, E_a = 1 eV")
    return figure


def read_noise() -> Any:
    """Flicker and telegraph noise of single devices, and the spectrum of the first."""
    figure, axes = panels(3)
    made = array(1, 1, flicker=Flicker(sigma=0.5e-6, reads=4, octaves=10))
    made.set_weights([[0.5]])
    trace = read_one_by_one(made, 2**14) - 40
    axes[0].plot(trace[:2000], color=BLUE, lw=0.7)
    label(axes[0], "read", "noise in µS", "flicker: 10 octaves of 0.5 µS")
    power = np.zeros(2**13)
    for seed in range(1, 17):
        made = array(1, 1, seed=seed, flicker=Flicker(sigma=0.5e-6, reads=4, octaves=10))
        made.set_weights([[0.5]])
        trace = read_one_by_one(made, 2**14) - 40
        power += np.abs(np.fft.rfft(trace - trace.mean())[1:]) ** 2
    frequency = np.arange(1, 2**13 + 1) / 2**14
    bins = np.geomspace(1 / 2**14, 0.25, 24)
    middle = [(frequency >= a) & (frequency < b) for a, b in itertools.pairwise(bins)]
    x = np.array([frequency[chosen].mean() for chosen in middle if chosen.any()])
    y = np.array([power[chosen].mean() for chosen in middle if chosen.any()])
    axes[1].loglog(x, y / y[8], "o-", ms=3, color=BLUE, label="array, 16 devices")
    axes[1].loglog(x, x[8] / x, "--", color=BLACK, label="1/f")
    label(axes[1], "frequency in 1/read", "power (arbitrary)", "spectrum of the flicker noise")
    made = array(1, 1, telegraph=Telegraph(1.0, relative=0.02, reads=40))
    made.set_weights([[0.5]])
    axes[2].plot(read_one_by_one(made, 2000), color=ORANGE, lw=0.8)
    label(axes[2], "read", "conductance − 200 µS, in µS", "telegraph noise: 2 % of 240 µS")
    return figure


def wires() -> Any:
    """What line resistance takes from the current of a column, exactly and by the reads' approximation."""
    figure, axes = panels(2)
    rng = np.random.default_rng(1)
    for size, colour in ((32, BLUE), (64, GREEN), (128, ORANGE)):
        g = rng.uniform(0, 200e-6, (size, size))
        volts = np.full(size, 0.2)
        lost = []
        resistances = np.geomspace(0.1, 10, 9)
        for ohm in resistances:
            currents = solve(g, volts, ohm, ohm)
            lost.append(100 * (1 - float(currents.sum() / (volts @ g).sum())))
        axes[0].loglog(resistances, lost, "o-", ms=3, color=colour, label=f"{size}×{size}")
    label(axes[0], "resistance of a segment in ohm", "current lost in %", "all rows driven, cells 0 to 200 µS")
    g = rng.uniform(0, 200e-6, (64, 64))
    ideal = np.full(64, 0.2) @ g
    exact = solve(g, np.full(64, 0.2), 2.0, 2.0)
    axes[1].plot(100 * (exact / ideal - 1), color=BLACK, label="exact")
    axes[1].plot(100 * (_wired(g, 2.0) / ideal - 1), "o", ms=3, mfc="none", color=BLUE, label="as reads have it")
    label(axes[1], "column", "current against ideal in %", "64×64, 2 ohm a segment")
    return figure


def _wired(g: NDArray[np.float64], ohm: float) -> NDArray[np.float64]:
    """Currents of all columns at 0.2 V on every row as a read of the array forms them."""
    size = len(g)
    made = array(size, size, g_max=200e-6, g_reference=100e-6, wires={"row": ohm, "column": ohm})
    program(made, g)
    codes = made.read(np.full((1, size), 2047, np.int32), full_scale=60000, dac_max=2047, adc_max=32767)[0]
    conductance = codes * (6000e-6 / 32767) + size * made.parameters.g_reference
    currents: NDArray[np.float64] = conductance * 0.2
    return currents


def endurance() -> Any:
    """The window of a device closes."""
    figure, axes = panels(1)
    for exponent, colour in ((1, BLUE), (2, GREEN), (8, ORANGE)):
        law = Endurance(1e3, exponent, closes_to=40e-6)
        made = array(1, 2, step_set=500e-6, step_reset=500e-6, endurance=law)
        counts, low, high = [], [], []
        for k in range(1, 6001):
            made.apply_pulses([[1, -1]])
            if k in {int(x) for x in np.geomspace(1, 6000, 60)}:
                counts.append(k)
                high.append(microsiemens(made)[0, 0])
                low.append(microsiemens(made)[0, 1])
        axes[0].semilogx(counts, high, color=colour, label=f"exponent {exponent}")
        axes[0].semilogx(counts, low, color=colour, ls=":")
    axes[0].axvline(1e3, color=GREY, lw=1)
    label(axes[0], "pulses", "conductance after SET (—) and RESET (···), µS", "N = 1000, closes to 40 µS")
    return figure


def disturb() -> Any:
    """Neighbours of a device that is pulsed a thousand times."""
    figure, axes = panels(1, height=4.2)
    made = array(33, 33, disturb=Disturb(0.5e-6, row=2e-3, column=1e-2))
    counts = np.zeros((33, 33), np.int16)
    counts[16, 16] = 1
    for _ in range(1000):
        made.apply_pulses(counts)
    change = microsiemens(made) - 200
    change[16, 16] = np.nan
    image = axes[0].imshow(change, cmap="viridis")
    axes[0].grid(False)
    figure.colorbar(image, ax=axes[0], label="change in µS")
    label(
        axes[0], "column", "row", "1000 SET pulses at the middle;\nper pulse 1 % along the column, 0.2 % along the row"
    )
    return figure


def forming() -> Any:
    """Fresh and stuck cells."""
    figure, axes = panels(1)
    made = array(64, 64, fresh=True, stuck_share=0.02, write_noise=10e-6)
    from pulsetrain.array_block import FORM

    made.begin_operation(ControllerConfig(), ControllerSettings())
    for number, colour in ((1, BLUE), (2, ORANGE)):
        for row in range(64):
            columns = np.zeros(1, np.uint64)
            for column in np.flatnonzero(made.fresh[row]):
                columns[0] |= np.uint64(1) << np.uint64(column)
            if columns[0]:
                made.pulse(FORM, row, 1, 0, columns)
        axes[0].hist(
            microsiemens(made).reshape(-1),
            np.linspace(0, 120, 61),
            histtype="step",
            color=colour,
            label=f"after {number} FORM pulses: {np.count_nonzero(made.fresh)} fresh",
        )
    made.end_operation()
    axes[0].set_yscale("log")
    label(axes[0], "conductance in µS", "devices of 4096", "forming: yield 92.73 %, 2 % stuck")
    return figure


FIGURES: Mapping[str, Callable[[], Any]] = {
    item.__name__.replace("_", "-"): item
    for item in (
        window,
        steps,
        write_noise,
        spread,
        programming,
        relaxation,
        drift,
        read_noise,
        wires,
        endurance,
        disturb,
        forming,
    )
}


def main() -> None:
    """Draw the figures named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], help="figures (default: all)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the PNG files")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.names or FIGURES:
        buffer = io.BytesIO()
        FIGURES[name]().savefig(buffer, format="png")
        write_atomic(options.output / f"{name}.png", buffer.getvalue())
        print(f"{options.output / name}.png", flush=True)


if __name__ == "__main__":
    main()
