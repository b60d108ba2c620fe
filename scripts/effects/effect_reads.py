"""Figures of effects of time and of reads: relaxation, drift, slow noise, line resistance."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from effect_panels import array, microsiemens, panels, program, read_one_by_one
from numpy.typing import NDArray
from pulsetrain.array.wires.exact import solve
from pulsetrain.device import Drift, Flicker, Relaxation, Telegraph, Temperature
from pulsetrain.pictures.style import BLACK, BLUE, GREEN, GREY, MICRO, ORANGE, label, logarithmic
from scipy.stats import norm


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
    for probability in (0.01, 0.1, 0.5, 0.9, 0.99):
        rows = np.array(law.delta)
        ends = 0.75 * rows[:, 0] + 0.25 * rows[:, 1]
        quantiles = [np.interp(norm.ppf(probability), scores, row) * MICRO for row in ends]
        axes[0].plot(
            law.times, quantiles, "o", ms=4, mfc="none", color=BLACK, label="table" if probability == 0.5 else None
        )
    logarithmic(axes[0].xaxis)
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
    figure, axes = panels(2, share_y=True)
    times = np.geomspace(0.1, 1e6, 60)
    for panel, kelvin in zip(axes, (300.0, 358.0), strict=True):
        law = {"drift": Drift(0.05, 0.02, 1.0, 1e8), "temperature": Temperature(kelvin, 300.0, 1.0)}
        made = array(1, 24, law)
        elapsed, trace = 0.0, []
        for time in times:
            made.wait(time - elapsed)
            elapsed = time
            trace.append(microsiemens(made)[0].copy())
        panel.plot(times, np.array(trace)[:, 1:], color=GREY, lw=0.7)
        panel.plot(times, np.mean(trace, axis=1), color=BLUE, label="mean of 24 devices")
        faster = Temperature(kelvin, 300.0, 1.0).acceleration
        panel.plot(times, 200 * np.maximum(times * faster, 1) ** -0.05, "--", color=BLACK, label="200 µS·(t/t₀)^−0.05")
        logarithmic(panel.xaxis)
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
    middle = [(frequency >= a) & (frequency < b) for a, b in pairwise(bins)]
    x = np.array([frequency[chosen].mean() for chosen in middle if chosen.any()])
    y = np.array([power[chosen].mean() for chosen in middle if chosen.any()])
    axes[1].plot(x, y / y[8], "o-", ms=3, color=BLUE, label="array, 16 devices")
    axes[1].plot(x, x[8] / x, "--", color=BLACK, label="1/f")
    logarithmic(axes[1].xaxis, axes[1].yaxis)
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
        axes[0].plot(resistances, lost, "o-", ms=3, color=colour, label=f"{size}×{size}")
    logarithmic(axes[0].xaxis, axes[0].yaxis)
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
