"""What may cost accuracy on a device: a grade for each reason, from the device's numbers and the pilots."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.plan.recommend import Features, Recommendation

GRADES = ("low", "medium", "high")
"""Grades, the mildest first; the whole risk is the worst of its parts."""

TIME = "relaxation and drift"
"""The part of a risk that no pilot shows: too little time passes in it."""


@dataclass(frozen=True)
class Risk:
    """One reason: ``what``, its ``value`` in words, and its ``grade``."""

    what: str
    value: str
    grade: str


def _graded(what: str, value: str, number: float, medium: float, high: float) -> Risk:
    return Risk(what, value, GRADES[(number >= medium) + (number >= high)])


def risks(parameters: ArrayParameters, of: Features, chosen: Recommendation, seconds: float) -> list[Risk]:
    """Graded reasons; ``seconds``: time of a training (for relaxation and drift).

    The limits are rules of thumb, from docs/results/in-situ.md where it has measured: open loop loses less than a point
    at a noise of one step and a ratio of two between SET and RESET, and several at ten.
    """
    verified = chosen.rule == "eapu-verified"
    found = [
        _graded(
            "step over window",
            f"{100 * of.step / of.window:.2g} %: {of.window / of.step:.0f} steps",
            of.step / of.window,
            0.02,
            0.1,
        ),
        _graded(
            "window in weight units",
            f"{of.low:.2g} to {of.high:.2g}",
            1 / max(min(-of.low, of.high), 1e-9),
            1 / 1.5,
            1 / 0.75,
        ),
    ]
    if verified:
        landing = (chosen.landing or 0.0) / chosen.threshold_weight
        found.append(_graded("error of a verified write", f"{landing:.2g} of ΔW_th", landing, 0.6, 1.5))
        found.append(
            _graded(
                "noise of a pulse",
                f"{of.sigma / of.step:.2g} steps: more tries, not more error",
                of.sigma / of.step,
                4,
                16,
            )
        )
    else:
        found.append(_graded("noise of a pulse", f"{of.sigma / of.step:.2g} steps", of.sigma / of.step, 1.5, 5))
        text = f"steps differ by {100 * of.imbalance:.0f} % of their sum"
        found.append(_graded("SET against RESET", text, of.imbalance, 0.25, 0.6))
    shown = math.hypot(of.apparent, of.read)
    text = f"{shown:.2g} weight units" + (", most of it left by writes" if of.apparent > of.read else "")
    found.append(_graded("noise of a read", text, shown, 0.05, 0.15))
    found.append(_graded("stuck devices", f"{100 * parameters.stuck_share:.2g} %", parameters.stuck_share, 0.02, 0.1))
    if parameters.fail_set or parameters.fail_reset:
        worst = max(parameters.fail_set, parameters.fail_reset)
        found.append(_graded("failing pulses", f"{100 * worst:.2g} % at most", 0 if verified else worst, 0.15, 0.4))
    if parameters.spread is not None:
        spread = parameters.spread
        whole = math.hypot(spread.step_both, max(spread.step_set, spread.step_reset))
        found.append(
            _graded(
                "spread of steps",
                f"{100 * whole:.0f} % from device to device",
                whole / (2 if verified else 1),
                0.35,
                0.7,
            )
        )
    if parameters.keeps_time:
        move, text = _moved(parameters, max(seconds, 1e-9))
        found.append(_graded(TIME, f"{text}, {move / chosen.threshold_weight:.2g} ΔW_th", move, 0.05, 0.2))
    return found


def _moved(parameters: ArrayParameters, seconds: float) -> tuple[float, str]:
    """How far (weight units) relaxation and drift move a weight within ``seconds`` of a write, mean and spread."""
    scale, moved = parameters.siemens_per_weight, 0.0
    relaxation, drift = parameters.relaxation, parameters.drift
    if relaxation is not None and seconds > (relaxation.start or 0.0):
        row = min(range(len(relaxation.times)), key=lambda k: abs(math.log(relaxation.times[k] / seconds)))
        entries = relaxation.delta[row][len(relaxation.delta[row]) // 2]
        middle = len(entries) // 2
        one = round(middle + middle / relaxation.score_max)  # the entry at a score of 1
        moved = math.hypot(entries[middle], entries[min(one, len(entries) - 1)] - entries[middle]) / scale
    if drift is not None and seconds > drift.start:
        lost = abs(1 - (seconds / drift.start) ** -drift.exponent)
        moved = math.hypot(moved, lost * parameters.g_reference / scale)
    return moved, f"{moved:.2g} weight units within a training of {seconds:.2g} s"


def whole_risk(found: list[Risk], *, lost_points: float | None) -> str:
    """The grade of all together: the worst part, or, where a pilot has trained the device, what it lost to ideal:
    below 1 point low, below 5 medium. What time does is in no pilot, and counts beside it."""
    unseen = [risk.grade for risk in found if lost_points is None or risk.what == TIME]
    if lost_points is not None:
        unseen.append(GRADES[(lost_points >= 1.0) + (lost_points >= 5.0)])
    return max(unseen, key=GRADES.index, default=GRADES[0])
