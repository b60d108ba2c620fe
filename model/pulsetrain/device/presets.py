"""Named devices, every number with its source. Where a source gives no number, what is assumed instead is said.

Times are seconds, conductances siemens; microsiemens are divided by 1e6, which rounds once. ``source`` of each device
says the same in words: the command ``pulsetrain devices`` shows it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.device.presets_aihwkit import CMO_SOURCE, cmo_relaxation
from pulsetrain.device.reading import Flicker
from pulsetrain.device.spread import ProgrammingError, Spread
from pulsetrain.device.steps import StepTable

_TAOX_TABLE = Path(__file__).parent / "preset_data" / "taox.toml"

SKY130_STUCK = 0.0059
"""Share of cells that a RESET of stepped voltages does not reach: 1 - 0.9941, 1T4R_9.csv of sky130_fd_pr_reram."""


def paper() -> Device:
    """The simulation of Liu et al. 2025: the defaults of ArrayParameters."""
    return Device(
        name="paper",
        about="simulation of Liu et al. 2025: equal steps of 2 µS with a noise of 2 µS",
        source="""
        Liu et al., Nature Communications 2025, doi 10.1038/s41467-025-66240-7, and the code published with it: 80 µS
        per unit weight, write noise 2 µS on each written cell, threshold 2 µS. Window of 0 to 400 µS (±2.5 weight
        units; trained weights reach ±2) and read noise of 0.5 µS: chosen by pulsetrain.
        """,
        parameters=ArrayParameters(),
    )


def taox_180nm() -> Device:
    """TaOx on 180 nm CMOS: window and programming error of a chip, pulses as measured on a single device."""
    with _TAOX_TABLE.open("rb") as file:
        table = tomllib.load(file)  # ΔG per pulse of TaOx device 4 of cross-sim-data, as measured
    return Device(
        name="taox-180nm",
        about="TaOx on 180 nm CMOS: abrupt SET, gradual RESET, as measured pulse by pulse",
        source="""
        Window 0 to 150 µS and programming error 0.1 ± 3.9 µS (write and verify to ±5 µS, read at 0.2 V): chip of He et
        al., Nature Communications 2026. Pulses: ΔG tables of TaOx device 4, measured from 9.0 to 143.2 µS,
        github.com/sandialabs/cross-sim-data; changes that would leave the window are cut to it. Window from device to
        device: sd of devices 2, 4 and 6 there (5.4 to 102.7, 9.0 to 143.2, 10 to 133 µS), three devices only. G_ref:
        the symmetry point of the table, 120 µS, where SET and RESET move 2.9 µS. ASSUMED FROM OTHER TECHNOLOGIES, no
        TaOx source at hand: spread of steps 0.2 (HfO2, Gong et al. 2018 as fitted in aihwkit), stuck cells 0.59 %
        (sky130 ReRAM), and relaxation, read noise and 1/f noise of CMO/HfOx:
        """
        + CMO_SOURCE,
        parameters=ArrayParameters(
            g_min=0.0,  # He et al. 2026
            g_max=150e-6,  # He et al. 2026
            g_reference=120e-6,  # symmetry point of the table
            siemens_per_weight=48e-6,  # weight -2.5 at the low end, as `paper`; the high end is at 0.625
            # Not used beside the table, except by FORM on its sigma: the table's mean and spread at G_ref.
            step_set=2.9e-6,
            step_reset=2.9e-6,
            write_noise=4e-6,
            read_noise=0.107e-6,  # assumed from CMO/HfOx: sqrt(5) octaves of 0.0231·log10(120) µS
            stuck_share=SKY130_STUCK,  # assumed
            table=StepTable(**table),
            spread=Spread(
                step_both=0.2,  # assumed from Gong et al. 2018 (dw_min_dtod of aihwkit's ReRamES)
                g_min=2.4e-6,  # sd of 5.4, 9.0, 10 µS
                g_max=21e-6,  # sd of 102.7, 143.2, 133 µS
            ),
            programming=ProgrammingError(sigma=(3.9e-6,), mean=(0.1e-6,)),  # He et al. 2026
            relaxation=cmo_relaxation(),  # assumed
            # Assumed from CMO/HfOx, 0.0231·log10(G/µS): 0.0480 µS at 120 µS, with the slope at 75 µS
            flicker=Flicker(sigma=0.0320e-6, relative=1.337e-4, reads=32, octaves=8),
        ),
    )


def hfo2_milo() -> Device:
    """HfO2 1T1R array of Milo et al. 2021 as CrossSim has it: a programming error, no pulses."""
    return Device(
        name="hfo2-milo",
        about="HfO2 1T1R array, programmed by incremental gate voltages",
        source="""
        Window 50 to 225 µS and sd of the programming error 4.782321 - 0.009107 G (µS): fit of CrossSim
        (simulator/devices/custom/RRAM_Milo.py) to Fig. 4, IGVVA-100, of Milo et al., IRPS 2021 (IEEE 9405119).
        ASSUMED, the source has no pulses: step of 1/200 of the window with a noise of one step, as in `paper`. No read
        noise and no relaxation in the source: none.
        """,
        parameters=ArrayParameters(
            g_min=50e-6,
            g_max=225e-6,
            g_reference=137.5e-6,
            siemens_per_weight=35e-6,  # ±2.5 weight units over the window, as `paper`
            step_set=0.875e-6,  # assumed: 175 µS/200
            step_reset=0.875e-6,
            write_noise=0.875e-6,
            read_noise=0.0,
            # 4.782321 - 0.009107·50 and ·225: the fit at both ends of the window, linear between.
            programming=ProgrammingError(sigma=(4.326971e-6, 2.733246e-6), low=50e-6, high=225e-6),
        ),
    )


def sky130() -> Device:
    """SkyWater's 130 nm ReRAM: forming, failing pulses, stuck cells."""
    return Device(
        name="sky130",
        about="SkyWater 130 nm ReRAM: pulses that fail, cells that must be formed",
        source="""
        github.com/google/skywater-pdk-libs-sky130_fd_pr_reram: unformed below 0.1 µS, 30 to 120 µS after FORM
        (technology_specifications.rst); cell 1T1R #5: FORM yield 92.73 %, SET 97.45 %, RESET 90.83 % (1 µs pulses),
        taken as shares of pulses that work, which the source leaves open; stuck 0.59 %: what a RESET of stepped
        voltages does not reach (1T4R #9). ASSUMED, the source has no steps: 1/200 of the window with a noise of one
        step, as in `paper`. No read noise in the source: none.
        """,
        parameters=ArrayParameters(
            g_min=30e-6,
            g_max=120e-6,
            g_reference=75e-6,
            siemens_per_weight=18e-6,  # ±2.5 weight units over the window, as `paper`
            step_set=0.45e-6,  # assumed: 90 µS/200
            step_reset=0.45e-6,
            write_noise=0.45e-6,
            read_noise=0.0,
            stuck_share=SKY130_STUCK,
            g_formed=75e-6,  # the middle of 30 to 120 µS
            form_yield=0.9273,
            fail_set=0.0255,  # 1 - 0.9745
            fail_reset=0.0917,  # 1 - 0.9083
        ),
    )
