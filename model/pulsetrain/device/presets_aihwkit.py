"""Presets whose numbers are those of IBM's aihwkit (github.com/IBM/aihwkit, release 1.1.0), in siemens.

The models of the pulsed devices (simulator/presets/devices.py) are fits to published measurements. Their weights run
from −1 to 1 (SB: −0.75 to 1.25); aihwkit gives no siemens. Here the window is 0 to 200 µS, so that **one weight unit of
aihwkit is 100 µS and one of pulsetrain too**: this choice only scales. aihwkit's own names stand in the comments:
``dw_min`` step, ``dw_min_std`` its noise from cycle to cycle and ``dw_min_dtod`` its spread from device to device (both
relative), ``up_down_dtod`` spread of one polarity against the other, ``w_max_dtod``, ``w_min_dtod`` relative spread of
the ends of the window, ``write_noise_std`` (in units of ``dw_min``) the difference between the weight that is stored
and the one that is read, drawn anew with each pulse.

What differs from aihwkit: the spread of one polarity is drawn for SET and RESET each (there with opposite signs); steps
follow a device's own window from end to end (there they are fixed at weight 0); an end of a window stays on its side of
the middle (there it is mirrored); the weights are not shifted to the symmetry point of each device.
"""

from __future__ import annotations

import math

from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.device.reading import Flicker
from pulsetrain.device.retention import Relaxation
from pulsetrain.device.spread import ProgrammingError, Spread
from pulsetrain.device.steps import StepCurve

UNIT = 100e-6
"""Siemens that one weight unit of aihwkit stands for: chosen, see above."""

_AIHWKIT = (
    "aihwkit 1.1.0, simulator/presets/devices.py, {}. aihwkit has no siemens: its weight 0 is {:g} µS and a unit "
)
_AIHWKIT += "100 µS here, chosen by pulsetrain. No read noise in the source: none."

_GONG_2018 = "Fit to Gong et al., Nature Communications 2018, doi 10.1038/s41467-018-04485-1, of "
_GONG_2022 = "Fit to the {} array of Gong, Rasch et al., IEDM 2022, doi 10.1109/IEDM45625.2022.10019569, of "

CMO_SOURCE = """
    aihwkit 1.1.0, inference/noise/reram.py, ReRamCMONoiseModel (fit to Falcone et al., arXiv 2502.04524): relaxation in
    µS at every level of mean -0.08900206 ln t and sd 0.04201137 ln t + 0.41183342 (t in s, from 1 s on), 1/f read noise
    0.0277316483 log10(G/µS) sqrt(ln((t + 1 µs)/2 µs)), that is 0.0231 log10(G/µS) per octave; octaves quicker than 32
    reads of 1 µs are white, slower ones than 8192 reads left out.
    """

TEN_YEARS = 3.15576e8
"""Seconds; the relaxation of CMO/HfOx is extrapolated to them in its source."""


def idealised() -> Device:
    """aihwkit's IdealizedPresetDevice: equal, small steps, 10,000 over the window."""
    return Device(
        name="idealised",
        about="equal small steps, 10,000 over the window, spread from device to device",
        source="""
        Gokmen and Vlasov, Frontiers in Neuroscience 2016, doi 10.3389/fnins.2016.00333, without asymmetry and with 8
        times as many steps, of """
        + _AIHWKIT.format("IdealizedPresetDevice", 100),
        parameters=ArrayParameters(
            g_min=0.0,
            g_max=2 * UNIT,  # w_min = -1, w_max = 1
            g_reference=UNIT,
            siemens_per_weight=UNIT,
            step_set=0.02e-6,  # dw_min = 0.0002
            step_reset=0.02e-6,
            write_noise=0.0,
            write_noise_relative=0.3,  # dw_min_std
            read_noise=0.0,
            spread=Spread(step_both=0.3, g_min=30e-6, g_max=30e-6),  # dw_min_dtod, w_min_dtod, w_max_dtod = 0.3
        ),
    )


def reram_es() -> Device:
    """aihwkit's ReRamESPresetDevice: steps that change exponentially over the window.

    In the source a pulse at weight w moves up by dw_min·(1 − A_up·exp(γ_up·z)) and down by
    dw_min·(1 − up_down)·(1 − A_down·exp(−γ_down·z)), z = a·w + b at w_max − w_min = 2, times 1 + dw_min_std·normal.
    """
    step, up_down, a, b, gamma = 0.00135, 0.259359, -0.5, -0.5, 5.0
    weights = [i / 64 - 1 for i in range(129)]  # knots of 1/64 unit: linear between them within 0.02 %
    up = [step * (1 + 1.18445 * math.exp(gamma * (a * w + b))) for w in weights]  # A_up = -1.18445
    down = [step * (1 - up_down) * (1 + 0.081404 * math.exp(-gamma * (a * w + b))) for w in weights]  # A_down
    none = (0.0,) * len(weights)
    return Device(
        name="reram-es",
        about="HfO2 ReRAM, exponential steps, noise of 5 steps a pulse",
        source=_GONG_2018 + _AIHWKIT.format("ReRamESPresetDevice", 100),
        parameters=ArrayParameters(
            g_min=0.0,
            g_max=2 * UNIT,
            g_reference=UNIT,
            siemens_per_weight=UNIT,
            step_set=_rounded(up[64]),  # at weight 0, for readers: the curve counts
            step_reset=_rounded(down[64]),
            write_noise=0.0,
            write_noise_relative=5.0,  # dw_min_std: in the source it multiplies the step at that weight, as here
            read_noise=0.0,
            apparent_noise=10.125e-6,  # write_noise_std·dw_min = 75·0.00135
            curve=StepCurve(0.0, 2 * UNIT, _siemens(up), _siemens(down), none, none),
            spread=Spread(
                step_both=0.2,  # dw_min_dtod
                step_set=0.05,  # up_down_dtod
                # The spreads of the source are of dw_min, and the step down is 1 - up_down of it:
                # sqrt((0.2² + 0.05²)/0.740641² - 0.2²)
                step_reset=0.1936,
                g_min=30e-6,  # w_min_dtod = 0.3
                g_max=30e-6,
            ),
        ),
    )


def reram_sb() -> Device:
    """aihwkit's ReRamSBPresetDevice: soft bounds, weights from −0.75 to 1.25."""
    return Device(
        name="reram-sb",
        about="HfO2 ReRAM, soft bounds, noise of 4 steps a pulse",
        source="Loose f" + _GONG_2018[1:] + _AIHWKIT.format("ReRamSBPresetDevice", 75),
        parameters=ArrayParameters(
            g_min=0.0,  # w_min = -0.75
            g_max=2 * UNIT,  # w_max = 1.25
            g_reference=0.75 * UNIT,
            siemens_per_weight=UNIT,
            bounds="soft",
            # dw_min = 0.002 at weight 0, up with (1 - w/1.25), down with (1 + w/0.75): at mid-range, w = 0.25:
            step_set=0.16e-6,  # 0.002·0.8
            step_reset=0.8e-6 / 3,  # 0.002·4/3
            write_noise=0.75e-6,  # dw_min_std·dw_min = 3.75·0.002, everywhere (mult_noise False)
            read_noise=0.0,
            apparent_noise=11.2e-6,  # write_noise_std·dw_min = 56·0.002
            spread=Spread(
                step_both=0.3,  # dw_min_dtod
                step_set=0.01,  # up_down_dtod
                step_reset=0.01,
                noise=0.3,  # in the source the noise has the factor of the device's step
                g_min=30e-6,  # w_min_dtod·w_min = 0.4·0.75
                g_max=30e-6,  # w_max_dtod·w_max = 0.24·1.25
            ),
        ),
    )


def reram_array_om() -> Device:
    """aihwkit's ReRamArrayOMPresetDevice: an array of optimised material."""
    return _reram_array(
        "reram-array-om", "Optimized Material", "ReRamArrayOMPresetDevice",
        step=0.0949, step_spread=0.7829, noise=0.4158, apparent=1.4113, g_min=0.5695, g_max=0.3499, stuck=0.1348,
    )  # fmt: skip


def reram_array_hfo2() -> Device:
    """aihwkit's ReRamArrayHfO2PresetDevice: an array of plain HfO2; a pulse moves half of half the window."""
    return _reram_array(
        "reram-array-hfo2", "Baseline HfO2", "ReRamArrayHfO2PresetDevice",
        step=0.4622, step_spread=0.7125, noise=0.2174, apparent=0.5841, g_min=0.5990, g_max=0.4295, stuck=0.0977,
    )  # fmt: skip


def _reram_array(
    name: str, material: str, preset: str, *, step: float, step_spread: float, noise: float, apparent: float,
    g_min: float, g_max: float, stuck: float,
) -> Device:  # fmt: skip
    """Soft bounds at ±1 with log-normal steps: dw_min, dw_min_dtod, dw_min_std, write_noise_std, w_min_dtod, w_max_dtod
    and the measured share of corrupt devices (corrupt_devices_prob, which aihwkit leaves at 0)."""
    # dw_min is the median of log-normal steps, ArrayParameters has their mean: exp(s²/2) above.
    mean = step * math.exp(step_spread**2 / 2)
    return Device(
        name=name,
        about=f"ReRAM array on 14 nm ({material}): soft bounds, log-normal steps",
        source=_GONG_2022.format(material)
        + _AIHWKIT.format(preset, 100)
        + f" Stuck cells: {100 * stuck:.4g} %, as measured (off in aihwkit). Not modelled: the reference device that "
        "is subtracted there.",
        parameters=ArrayParameters(
            g_min=0.0,
            g_max=2 * UNIT,
            g_reference=UNIT,
            siemens_per_weight=UNIT,
            bounds="soft",
            step_set=_rounded(mean),
            step_reset=_rounded(mean),
            write_noise=_rounded(noise * mean),  # everywhere (mult_noise False)
            read_noise=0.0,
            stuck_share=stuck,
            apparent_noise=_rounded(apparent * step),
            spread=Spread(
                step_both=step_spread,
                step_set=0.01,  # up_down_dtod
                step_reset=0.01,
                noise=step_spread,  # in the source the noise has the factor of the device's step
                g_min=_rounded(g_min),
                g_max=_rounded(g_max),
                law="lognormal",
            ),
        ),
    )


def reram_wan_2022() -> Device:
    """The array of Wan et al. 2022 (NeuRRAM) as aihwkit has it: errors after programming, 1 s, 1 and 2 days."""
    # Standard deviation in µS over x = G/40 µS, powers from 0: ReRamWan2022NoiseModel.
    second = (0.348, 16.030, -43.853, 45.393, -16.815)
    day = (0.701, 22.086, -50.773, 47.095, -16.458)
    two_days = (0.782, 20.274, -43.507, 37.062, -11.934)
    places = [i / 40 for i in range(41)]  # knots of 1 µS
    after = [[sum(c * x**k for k, c in enumerate(powers)) for x in places] for powers in (second, day, two_days)]
    # What is added to the error of 1 s, independent of it. (At the top of the window the fits for 1 s lie above: 0.)
    added = [[math.sqrt(max(later**2 - first**2, 0.0)) for first, later in zip(after[0], row, strict=True)]
             for row in after[1:]]  # fmt: skip
    return Device(
        name="reram-wan-2022",
        about="HfOx array of the NeuRRAM chip: programming error and its growth over two days",
        source="""
        aihwkit 1.1.0, inference/noise/reram.py, ReRamWan2022NoiseModel: polynomials fitted to the figures of Wan et
        al., Nature 2022, doi 10.1038/s41586-022-04992-8: sd of the error after 1 s (here the programming error), 1 day
        and 2 days (here normal relaxation, what is missing to it) over 0 to 40 µS; read noise of 1 % of 40 µS as its
        documentation advises. ASSUMED, the source has no pulses: step of 1/200 of the window with a noise of one step,
        as in `paper`.
        """,
        parameters=ArrayParameters(
            g_min=0.0,
            g_max=40e-6,
            g_reference=20e-6,
            siemens_per_weight=8e-6,  # ±2.5 weight units over the window, as `paper`
            step_set=0.2e-6,  # assumed: 40 µS/200
            step_reset=0.2e-6,
            write_noise=0.2e-6,
            read_noise=0.4e-6,
            programming=ProgrammingError(sigma=_micro(after[0]), low=0.0, high=40e-6),
            relaxation=Relaxation(
                times=(86400.0, 172800.0),
                delta=tuple(tuple(_normal_row(sigma) for sigma in row) for row in added),
                score_max=_SCORES,
                low=0.0,
                high=40e-6,
                start=1.0,
            ),
        ),
    )


def cmo_hfox() -> Device:
    """CMO/HfOx array of IBM Research Zurich: fine programming, relaxation in log time, 1/f read noise."""
    return Device(
        name="cmo-hfox",
        about="CMO/HfOx array: many small steps, fine programming, relaxation in log time",
        source=f"""
        Window 9 to 88.2 µS: aihwkit 1.1.0, SingleDeviceConductanceConverter. Programming error sd 0.00081107 +
        0.00106879 G (µS), acceptance 0.2 %; {CMO_SOURCE} Step: 400 to 500 pulses a branch over 15 to 90 µS, from a
        description of a figure of arXiv 2502.04524 (second hand, within 1.3). ASSUMED: steps the same everywhere,
        noise of a pulse of one step as in `paper`.
        """,
        parameters=ArrayParameters(
            g_min=9e-6,
            g_max=88.2e-6,
            g_reference=48.6e-6,
            siemens_per_weight=15.84e-6,  # ±2.5 weight units over the window, as `paper`
            step_set=0.167e-6,  # 75 µS/450
            step_reset=0.167e-6,
            write_noise=0.167e-6,  # assumed
            read_noise=0.0871e-6,  # sqrt(5) octaves of 0.0231·log10(48.6) µS
            programming=ProgrammingError(
                sigma=(0.01042998e-6, 0.095078348e-6), low=9e-6, high=88.2e-6
            ),  # the fit at both ends of the window, linear between
            relaxation=cmo_relaxation(),
            # 0.0231·log10(G/µS): its tangent at 48.6 µS, 0.03894 µS with a slope of 2.063e-4
            flicker=Flicker(sigma=0.02891e-6, relative=2.063e-4, reads=32, octaves=8),
        ),
    )


def cmo_relaxation() -> Relaxation:
    """Relaxation of CMO/HfOx: mean and spread linear in log time, the same at every conductance, normal."""
    rows = []
    for time in (1.0, TEN_YEARS):
        mean, sigma = -0.08900206 * math.log(time), 0.04201137 * math.log(time) + 0.41183342
        rows.append((_normal_row(sigma, mean),))
    return Relaxation(times=(1.0, TEN_YEARS), delta=tuple(rows), score_max=_SCORES, low=0.0, high=200e-6)


_SCORES = 6.0  # a normal row is a straight line; beyond 6 standard deviations it is held, which no one sees


def _normal_row(sigma: float, mean: float = 0.0) -> tuple[float, ...]:
    """A row of normal changes, mean and sigma in µS."""
    return tuple(_micro([mean - _SCORES * sigma, mean, mean + _SCORES * sigma]))


def _micro(values: list[float]) -> tuple[float, ...]:
    """Microsiemens in siemens, to 1 pS, the grid of the array."""
    return tuple(round(value * 1e6) / 1e12 for value in values)


def _siemens(weights: list[float]) -> tuple[float, ...]:
    """Weights of aihwkit in siemens, to 1 pS."""
    return tuple(_rounded(weight) for weight in weights)


def _rounded(weight: float) -> float:
    """A weight of aihwkit in siemens, to 1 pS."""
    return round(weight * 1e8) / 1e12  # UNIT is 1e8 pS
