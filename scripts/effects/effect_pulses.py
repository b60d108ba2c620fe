"""Figures of effects of a pulse: steps, noise, spread, programming, wear, disturb, forming."""

from __future__ import annotations

from typing import Any

import numpy as np
from effect_panels import array, microsiemens, panels, program
from pulsetrain.array.record import FORM
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device import Disturb, Endurance, ProgrammingError, Spread, StepCurve
from pulsetrain.device.catalogue import load_device
from pulsetrain.pictures.style import BLACK, BLUE, GREEN, GREY, MAP, MICRO, ORANGE, label, logarithmic


def window() -> Any:
    """Pulses up and down between hard and between soft bounds."""
    figure, axes = panels(2, share_y=True)
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
    devices: list[tuple[str, dict[str, Any]]] = [
        ("a curve (exponential steps)", {"g_max": 200e-6, "g_reference": 100e-6, "curve": curve})
    ]
    measured = load_device("taox-180nm").parameters
    devices.append(
        ("measured TaOx table", {name: getattr(measured, name) for name in ("g_min", "g_max", "g_reference", "table")})
    )
    for panel, (title, changes) in zip(axes, devices, strict=True):
        for sign, colour, name in ((1, BLUE, "SET"), (-1, ORANGE, "RESET")):
            at: list[float] = []
            low: list[float] = []
            middle: list[float] = []
            high: list[float] = []
            for start in np.linspace(changes.get("g_min", 0.0) + 2e-6, changes["g_max"] - 2e-6, 33):
                made = array(64, 64, changes)
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
        made = array(256, 256, changes)
        made.apply_pulses(np.ones((256, 256), np.int16))
        change = microsiemens(made).reshape(-1) - 200
        axes[0].hist(change, np.linspace(-6, 10, 81), histtype="step", color=colour, label=name, density=True)
    label(axes[0], "change of a SET pulse in µS (step 2 µS)", "density", "write noise")
    for changes, colour, name in (
        ({"write_noise": 2e-6}, BLUE, "write noise 2 µS"),
        ({"apparent_noise": 2e-6}, GREEN, "apparent noise 2 µS"),
    ):
        made = array(64, 64, changes)
        spreads: list[float] = []
        for _ in range(64):
            made.apply_pulses(np.ones((64, 64), np.int16) * (1 if len(spreads) % 2 else -1))
            spreads.append(float(microsiemens(made).std()))
        axes[1].plot(range(1, 65), spreads, color=colour, label=name)
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
        axes[0].plot(counts, high, color=colour, label=f"exponent {exponent}")
        axes[0].plot(counts, low, color=colour, ls=":")
    axes[0].axvline(1e3, color=GREY, lw=1)
    logarithmic(axes[0].xaxis)
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
    own, change[16, 16] = change[16, 16], np.nan  # the pulsed device's own change would hide all others
    image = axes[0].imshow(change, cmap=MAP)
    pointer = {"arrowstyle": "-", "color": "white"}
    text = f"pulsed itself:\n{own:+.0f} µS, off the scale"
    axes[0].annotate(text, (16, 16), (2, 8), color="white", fontsize=8, arrowprops=pointer)
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
    logarithmic(axes[0].yaxis)
    axes[0].set_ylim(0.7, 3000)  # room for the legend above the bars
    label(axes[0], "conductance in µS", "devices of 4096", "forming: yield 92.73 %, 2 % stuck")
    axes[0].get_legend().set_loc("upper center")
    return figure
