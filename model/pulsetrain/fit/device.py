"""From measured files to a device: all inputs read, fitted, put together and simulated back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

import numpy as np

from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.display import Displayed
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_path, check_real, check_type
from pulsetrain.fit import goodness
from pulsetrain.fit.goodness import Curves, RelaxationCurves
from pulsetrain.fit.inputs import InputFile, kind_of, read_file
from pulsetrain.fit.pulse_data import Pulses, read_pulses
from pulsetrain.fit.relaxation import fit_relaxation
from pulsetrain.fit.relaxation_data import RelaxationSeries, read_relaxation
from pulsetrain.fit.result import BinGoodness, Finding, Part, TimeGoodness
from pulsetrain.fit.step_table_data import StepDistribution, pair_tables, read_step_table
from pulsetrain.fit.steps_from_pulses import fit_pulses, fitted_pulses
from pulsetrain.fit.steps_from_tables import TOLERANCE, fit_step_tables

FORMS = ("auto", "curve", "table")
"""Forms of steps: a table of whole distributions, a curve of mean and spread, or what the data are enough for."""

WEIGHT_RANGE = 2.5
"""Weights ±2.5 fill the usable conductances, as in Liu et al. 2025 (doi 10.1038/s41467-025-66240-7)."""


@dataclass(frozen=True)
class Inputs:
    """Everything measured: ``files`` with the kind of each, and what they hold (None: nothing of that kind)."""

    files: tuple[tuple[InputFile, str], ...]
    pulses: Pulses | None
    tables: tuple[StepDistribution, StepDistribution] | None
    series: RelaxationSeries | None


@dataclass(frozen=True, repr=False)
class Fit(Displayed):
    """A fitted device and how near it comes: ``bins`` of steps, ``times`` of relaxation over all cells and by
    ``states``, ``curves`` to draw; ``notes`` and ``missing`` in words."""

    device: Device
    inputs: Inputs
    findings: tuple[Finding, ...]
    bins: tuple[BinGoodness, ...]
    times: tuple[TimeGoodness, ...]
    states: tuple[TimeGoodness, ...]
    curves: tuple[Curves, ...]
    relaxation_curves: RelaxationCurves | None
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    def _described(self) -> list[tuple[str, str]]:
        polarities = list(dict.fromkeys(item.polarity for item in self.bins))
        return [
            ("device", repr(self.device.name)),
            *((f"{polarity} bins met", f"{100 * self.share_met(polarity):.0f} %") for polarity in polarities),
            ("relaxation times", str(len(self.times))),
            ("notes", str(len(self.notes))),
        ]

    def share_met(self, polarity: str) -> float:
        """The share of bins of a polarity whose distance is within ``goodness.WANTED``."""
        near = [item.ks <= goodness.WANTED for item in self.bins if item.polarity == polarity]
        return sum(near) / len(near)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {
            "name": self.device.name,
            **(self.device.fit or {}),
            "notes": list(self.notes),
            "bins": [asdict(item) for item in self.bins],
            "relaxation": [asdict(item) for item in self.times],
            "relaxation_by_state": [asdict(item) for item in self.states],
        }


def read_inputs(
    paths: Sequence[str | PathLike[str]],
    *,
    kind: str | None = None,
    set_file: str | PathLike[str] | None = None,
    reset_file: str | PathLike[str] | None = None,
) -> Inputs:
    """Read and check all files. Raises PulsetrainError for the first that is wrong, or files that do not go together.

    ``kind``: of all files that are no tables of ``set_file`` and ``reset_file``; None: told by each file.
    """
    if isinstance(paths, (str, PathLike)):
        raise PulsetrainError(f"Input files must be a list of paths, not the one path {str(paths)!r}")
    of_set, of_reset = (None if path is None else check_path("Input file", path) for path in (set_file, reset_file))
    named = [path for path in (of_set, of_reset) if path is not None]
    every = list(dict.fromkeys([*(check_path("Input file", path) for path in paths), *named]))
    if not every:
        raise PulsetrainError("Input files must be one or more, not none")
    files = tuple((file, "step-table" if file.path in named else kind_of(file, kind)) for file in map(read_file, every))
    of = {name: [file for file, found in files if found == name] for name in ("pulses", "relaxation", "step-table")}
    for name in ("pulses", "relaxation"):
        if len(of[name]) > 1:
            found = " and ".join(repr(str(file.path)) for file in of[name])
            raise PulsetrainError(f"Files of {name} must be at most one, not {found}")
    if of["pulses"] and of["step-table"]:
        raise PulsetrainError("Steps must be given by pulses or by tables, not by both")
    pulses = read_pulses(of["pulses"][0]) if of["pulses"] else None
    series = read_relaxation(of["relaxation"][0]) if of["relaxation"] else None
    tables = None
    if of["step-table"]:
        tables = pair_tables([read_step_table(file) for file in of["step-table"]], of_set, of_reset)
    return Inputs(files, pulses, tables, series)


def fit_device(
    inputs: Inputs,
    *,
    name: str | None = None,
    form: str = "auto",
    weight_range: float = WEIGHT_RANGE,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Fit:
    """Fit a device to ``inputs`` and simulate it back in the golden array.

    ``form``: one of ``FORMS``. ``weight_range``: weights ± that fill the usable conductances. ``seed``: of the
    simulation and of the draws for confidence intervals. ``progress`` is told what is worked on. Raises PulsetrainError
    if there are too few measurements.
    """
    check_type("Inputs of a fit", inputs, Inputs)
    check_choice("Option --form", form, FORMS)
    check_integer("Option --seed", seed, 0, 2**32 - 1)
    check_real("Option --weight-range", weight_range, low=1e-3, high=1e3)
    tell = progress or (lambda _: None)
    parts: list[Part] = []
    if inputs.tables is not None:
        tell("fitting the steps")
        parts.append(fit_step_tables(*inputs.tables, form))
    if inputs.pulses is not None:
        tell("fitting the steps")
        parts.append(fit_pulses(inputs.pulses, form, seed))
    if inputs.series is not None:
        tell("fitting the relaxation")
        parts.append(fit_relaxation(inputs.series, seed))
    parameters, notes = _parameters(inputs, parts, weight_range)
    tell("simulating the device back")
    bins: list[BinGoodness] = []
    curves: list[Curves] = []
    times: list[TimeGoodness] = []
    states: list[TimeGoodness] = []
    relaxation_curves: RelaxationCurves | None = None
    if inputs.tables is not None:
        bins, curves = goodness.of_tables(parameters, inputs.tables, seed)
    if inputs.pulses is not None:
        bins, curves = goodness.of_pulses(parameters, fitted_pulses(inputs.pulses), seed)
    if inputs.series is not None:
        times, states, relaxation_curves = goodness.of_relaxation(parameters, inputs.series, seed)
    findings = [finding for part in parts for finding in part.findings]
    missing = [line for part in parts for line in part.missing] + _never_measured(inputs)
    table = _fit_table(inputs, findings, bins, times, missing, seed)
    files = ", ".join(file.path.name for file, _ in inputs.files)
    device = Device(
        name=name or inputs.files[0][0].path.name.split(".")[0],
        about=f"fitted to {files}",
        source=f"pulsetrain fit, from {files}; see the table [fit]",
        parameters=parameters,
        fit=table,
    )
    equal = f"values within {1e9 * TOLERANCE:g} nS count as equal"
    told = f"KS distances: {equal}; without that, values that repeat in the data are missed by rounding"
    all_notes = tuple(notes + [line for part in parts for line in part.notes] + [told])
    return Fit(device, inputs, tuple(findings), tuple(bins), tuple(times), tuple(states), tuple(curves),
               relaxation_curves, all_notes, tuple(missing))  # fmt: skip


def _parameters(inputs: Inputs, parts: list[Part], weight_range: float) -> tuple[ArrayParameters, list[str]]:
    """All parts together, with the window over all of them and the scale of weights."""
    values: dict[str, Any] = {}
    for part in parts:
        values |= part.parameters
    if inputs.series is not None:
        starts = np.concatenate([time.start for time in inputs.series.times])
        low, high = float(np.floor(starts.min() * 1e9) / 1e9), float(np.ceil(starts.max() * 1e9) / 1e9)
        high = max(high, low + 1e-9)
        values["g_min"] = min(values.get("g_min", low), low)
        values["g_max"] = min(max(values.get("g_max", high), high), 2e-3)
    steps = values.get("table") or values.get("curve")
    usable = (steps.low, steps.high) if steps is not None else (values["relaxation"].low, values["relaxation"].high)
    usable = max(usable[0], values["g_min"]), min(usable[1], values["g_max"])
    values["g_reference"] = round((usable[0] + usable[1]) / 2, 12)
    values["siemens_per_weight"] = max((usable[1] - usable[0]) / 2 / weight_range, 1e-12)
    values["read_noise"] = 0.0
    parameters = ArrayParameters(**values)
    if steps is not None:  # not used beside a table or a curve, but what a reader of the file looks for
        for name in ("set", "reset"):
            values[f"step_{name}"] = float(np.clip(parameters.mean_step(name), 1e-12, 2e-3))
        values["write_noise"] = float(min(parameters.step_noise("set"), 2e-5))
        parameters = ArrayParameters(**values)
    notes = [
        f"weight 0 at {1e6 * parameters.g_reference:.4g} µS, the middle of the usable {1e6 * usable[0]:.4g} to "
        f"{1e6 * usable[1]:.4g} µS; weights ±{weight_range:g} reach its ends"
    ]
    return parameters, notes


def _never_measured(inputs: Inputs) -> list[str]:
    found = []
    if inputs.pulses is None and inputs.tables is None:
        found.append("steps of pulses: none were measured; those of the file are the defaults of pulsetrain")
    if inputs.series is None:
        found.append("relaxation and drift: nothing was measured at times after a write")
    if inputs.pulses is None:
        found.append("read noise: it was not measured by itself and is 0 in the file")
    if inputs.pulses is None:
        found.append("stuck cells: only pulses cell by cell show them")
    found.append("endurance, write disturb, line resistance, temperature: no such measurements; they are off")
    return found


def _fit_table(
    inputs: Inputs,
    findings: list[Finding],
    bins: list[BinGoodness],
    times: list[TimeGoodness],
    missing: list[str],
    seed: int,
) -> dict[str, Any]:
    """What the device file keeps of the fit."""
    table: dict[str, Any] = {
        "seed": seed,
        "inputs": [{"file": f.path.name, "kind": kind, "sha256": f.sha256} for f, kind in inputs.files],
        "findings": [finding.to_dict() for finding in findings],
        "not_fitted": missing,
    }
    for polarity in ("set", "reset"):
        distances = np.array([item.ks for item in bins if item.polarity == polarity])
        if distances.size:
            table[f"{polarity}_goodness"] = {
                "bins": int(distances.size),
                "share_within_0_05": float((distances <= goodness.WANTED).mean()),
                "ks_median": float(np.median(distances)),
                "ks_largest": float(distances.max()),
                "ks_tolerance": TOLERANCE,
            }
    if times:
        table["relaxation_goodness"] = [
            {"time": t.time, "mean_error": t.mean_error, "sd_error": t.sd_error, "ks": t.ks, "cells": t.cells}
            for t in times
        ]
    return table
