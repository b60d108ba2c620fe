"""What is trained, from options to objects; and what is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pulsetrain.cli.study_options import STUDY_OPTIONS, planned
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.enumerations import PairPolicy, Ramp, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.device.catalogue import preset
from pulsetrain.device.device import Device
from pulsetrain.plan import PlanRequest, load_plan, make_plan, save_plan
from pulsetrain.tiles.scaling import InputScaling
from pulsetrain.training.data import load_digits
from pulsetrain.training.network import Network, load_network
from pulsetrain.training.results import load_results
from pulsetrain.training.store import RESULTS
from pulsetrain.training.study import StudySettings

from tests.cli.conftest import Run


def test_options_reach_the_study(run: Run, tmp_path: Path) -> None:
    options = {
        "--optimizer": "sgd", "--rule": "ideal", "--learning-rate": "0.2", "--momentum": "0.5", "--epochs": "1",
        "--batch": "64", "--seeds": "2", "--seed": "9", "--held-out": "validation", "--config": "wide",
        "--lanes": "32", "--threshold-log2": "10", "--max-pulses": "3", "--parallel-max": "16",
        "--setup-cycles": "2", "--set-cycles": "3", "--reset-cycles": "4", "--hold-cycles": "5",
        "--recovery-cycles": "6", "--write-step": "1.5", "--write-noise": "3", "--noise-per": "step",
        "--threshold": "0.03", "--output": "study", "--reads": "exact", "--settle-cycles": "7",
        "--forward-full-scale": "3200", "--backward-full-scale": "1600", "--verify-step": "4",
        "--verify-tolerance": "2", "--try-limit": "9", "--read-noise": "0.25", "--adc-offset": "0.5",
        "--reset-step": "6", "--bounds": "soft", "--stuck-share": "0.01", "--network": "64-32-10", "--data": "digits",
        "--pulse-limit": "12", "--pair-policy": "BOTH", "--ramp": "WIDTH", "--set-ramp": "start=2,step=1,stop=5",
        "--set-lines": "word-code=3, bit-unselected=FLOAT", "--fresh-conductance": "0.07", "--count-pulses": "yes",
    }  # fmt: skip
    code, _, _ = run("train", *(word for pair in options.items() for word in pair))
    assert code == 0
    found = StudySettings.from_dict(json.loads((tmp_path / "study" / RESULTS).read_text())["settings"])
    assert found == StudySettings(
        rules=("ideal",),
        optimizers=("sgd",),
        learning_rate=0.2,
        momentum=0.5,
        epochs=1,
        batch=64,
        first_seed=9,
        seeds=2,
        data=load_digits("validation"),
        network=Network.of((64, 32, 10)),
        config=CONFIGS["wide"].replace(lanes=32),
        settings=ControllerSettings(
            threshold_log2=10, max_pulses=3, parallel_max=16, setup_cycles=2, set_cycles=3, reset_cycles=4,
            hold_cycles=5, recovery_cycles=6, settle_cycles=7, forward_full_scale=3200, backward_full_scale=1600,
            verify_step=4, verify_tolerance=2, try_limit=9, pulse_limit=12, pair_policy=PairPolicy.BOTH,
            ramp=Ramp.WIDTH, set_ramp=RampSettings(2, 1, 5),
            set_lines=LineSettings(word_code=3, bit_unselected=Unselected.FLOAT),
        ),
        device=preset("paper").changed(
            step_set=1.5e-6, step_reset=6e-6, write_noise=3e-6, noise_per="step", read_noise=0.25e-6, adc_offset=0.5e-6,
            bounds="soft", stuck_share=0.01, g_fresh=0.07e-6, count_pulses=True,
        ),
        threshold_weight=0.03,
        reads="exact",
    )  # fmt: skip


TRAIN_ERRORS = [
    (["--rule", "sign"], "Rule must be one of all, eapu, eapu-verified, every-step, ideal, not 'sign'"),
    (["--optimizer", "lion"], "Optimizer must be one of adam, all, sgd, not 'lion'"),
    (["--tile", "board"], "Tile must be one of model, rtl, not 'board'"),
    (["--config", "huge"], "Configuration must be one of base, macro32, small32, tiny, wide, not 'huge'"),
    (["--reads", "dreams"], "Reads must be one of converters, exact, not 'dreams'"),
    (["--bounds", "elastic"], "Option --bounds must be one of hard, soft, not 'elastic'"),
    (["--try-limit", "0"], "Option --try-limit must be an integer between 1 and 255 rounds, not 0"),
    (["--settle-cycles", "0"], "Option --settle-cycles must be an integer between 1 and 65535 cycles, not 0"),
    (
        ["--forward-full-scale", "0"],
        "Option --forward-full-scale must be an integer between 1 and 65535 × 0.1 µS, not 0",
    ),
    (
        ["--backward-full-scale", "65536"],
        "Option --backward-full-scale must be an integer between 1 and 65535 × 0.1 µS, not 65536",
    ),
    (["--verify-step", "0"], "Option --verify-step must be an integer between 1 and 255 codes, not 0"),
    (["--verify-tolerance", "1"], "Verify tolerance must be at most half of the verify step of 1 codes, not 1"),
    (["--read-noise", "-1"], "Option --read-noise must be a number between 0 and 20 µS, not -1"),
    (["--reset-step", "x"], "Option --reset-step must be a number between 1e-06 and 2000 µS, not 'x'"),
    (["--stuck-share", "2"], "Option --stuck-share must be a number between 0 and 1, not 2"),
    (["--held-out", "train"], "Held-out part must be one of test, validation, not 'train'"),
    (["--compare"], "Tile must be 'rtl' when RTL and model are compared, not 'model'"),
    (
        ["--tile", "rtl", "--compare", "--rule", "ideal"],
        "Rule must be eapu, eapu-verified for RTL and model to be compared, not ideal",
    ),
    (["--learning-rate", "nan"], "Learning rate must be a finite number above 0, not nan"),
    (["--learning-rate", "inf"], "Learning rate must be a finite number above 0, not inf"),
    (["--learning-rate", "0"], "Learning rate must be a finite number above 0, not 0.0"),
    (["--learning-rate", "-0.1"], "Learning rate must be a finite number above 0, not -0.1"),
    (["--learning-rate", "fast"], "Option --learning-rate must be a number, not 'fast'"),
    (["--learning-rate", ""], "Option --learning-rate must be a number, not ''"),
    (
        ["--learning-rate", "0.1", "--optimizer", "all"],
        "Learning rate must be left to its defaults when more than one optimizer is trained, not 0.1",
    ),
    (
        ["--learning-rate", "1e308", "--optimizer", "sgd", "--rule", "ideal"],
        "Learning rate must be low enough for finite steps (epoch 1), not 1e+308",
    ),
    (["--momentum", "1"], "Momentum must be a finite number at least 0 and at most 0.999, not 1.0"),
    (["--momentum", "x"], "Option --momentum must be a number, not 'x'"),
    (["--epochs", "0"], "Epochs must be an integer between 1 and 100000, not 0"),
    (["--epochs", "2.5"], "Option --epochs must be an integer, not '2.5'"),
    (["--batch", "0"], "Batch must be an integer between 1 and 1347, not 0"),
    (["--batch", "1348"], "Batch must be an integer between 1 and 1347, not 1348"),
    (["--seeds", "0"], "Seeds must be an integer between 1 and 10000, not 0"),
    (["--seed", "-1"], "First seed must be an integer between 0 and 4294967295, not -1"),
    (["--seed", "one"], "Option --seed must be an integer, not 'one'"),
    (["--lanes", "7"], "Columns must be a multiple of lanes (7), not 64"),
    (["--rows", "0"], "Option --rows must be an integer between 1 and 1024, not 0"),
    (["--rows", "many"], "Option --rows must be an integer between 1 and 1024, not 'many'"),
    (["--config", "tiny", "--parallel-max", "9"], "Option --parallel-max must be an integer between 1 and 8, not 9"),
    (["--set-lines", "word-code=256"], "Option --set-lines word-code must be an integer between 0 and 255, not 256"),
    (
        ["--amplitude-bits", "4", "--read-lines", "bit-code=16"],
        "Option --read-lines bit-code must be an integer between 0 and 15, not 16",
    ),
    (["--set-cycles", "5", "--pulse-limit", "4"], "SET cycles must be at most the pulse limit of 4 cycles, not 5"),
    (["--ramp", "UP"], "Option --ramp must be one of NONE, WIDTH, LEVEL, not 'UP'"),
    (["--verify", "1"], "Verify must be left to the rule eapu-verified, not 1"),
    (["--network", "64x10"], "Network must be sizes joined by -, like 64-64-10, not '64x10'"),
    (["--network", "no.toml"], "Network file must exist, not 'no.toml'"),
    (
        ["--data", "digit"],
        "Data must be one of digits, idx, mnist, or the path of an .npz file, not 'digit' (did you mean 'digits'?)",
    ),
    (["--data", "no.npz"], "Data file must exist, not 'no.npz'"),
    (
        ["--data", "mnist", "--data-folder", "no"],
        "Data folder must hold train-images-idx3-ubyte or train-images-idx3-ubyte.gz (train images), not be "
        "without ('no')",
    ),
    (["--data-folder", "no"], "Data folder must be left out for the data 'digits', not 'no'"),
    (["--schedule", "cosin"], "Schedule must be one of constant, cosine, not 'cosin' (did you mean 'cosine'?)"),
    (["--validation", "1"], "Validation share must be a finite number at least 0 and at most 0.9, not 1.0"),
    (
        ["--validation", "0.0001"],
        "Validation share must leave examples for both parts, not 0.0001: 0 of 1347",
    ),
    (["--patience", "3"], "Patience must be left out without a validation share, not 3"),
    (["--patience", "0", "--validation", "0.1"], "Patience must be an integer of at least 1, not 0"),
    (["--input-scaling", "percentile"], "Value of the input scaling percentile must be a number, not left out"),
    (["--input-scaling", "bound:0"], "Bound of inputs must be a finite number above 0, not 0.0"),
    (["--input-scaling", "median:3"], "Input scaling must be one of bound, largest, percentile, not 'median'"),
    (["--input-scaling", "bound:x"], "Input scaling must be a text like percentile:99, not 'bound:x'"),
    (["--processes", "0"], "Option --processes must be an integer of at least 1, not 0"),
    (["--threshold-log2", "17"], "Option --threshold-log2 must be an integer between 1 and 16, not 17"),
    (["--threshold-log2", "0"], "Option --threshold-log2 must be an integer between 1 and 16, not 0"),
    (["--max-pulses", "0"], "Option --max-pulses must be an integer between 1 and 15, not 0"),
    (["--parallel-max", "65"], "Option --parallel-max must be an integer between 1 and 64, not 65"),
    (["--setup-cycles", "0"], "Option --setup-cycles must be an integer between 1 and 65535 cycles, not 0"),
    (["--set-cycles", "0"], "Option --set-cycles must be an integer between 1 and 65535 cycles, not 0"),
    (["--reset-cycles", "65536"], "Option --reset-cycles must be an integer between 1 and 65535 cycles, not 65536"),
    (["--hold-cycles", "0"], "Option --hold-cycles must be an integer between 1 and 65535 cycles, not 0"),
    (["--recovery-cycles", "0"], "Option --recovery-cycles must be an integer between 1 and 65535 cycles, not 0"),
    (["--write-step", "0"], "Option --write-step must be a number between 1e-06 and 2000 µS, not 0"),
    (["--write-noise", "nan"], "Option --write-noise must be a number between 0 and 20 µS, not nan"),
    (["--write-noise", "low"], "Option --write-noise must be a number between 0 and 20 µS, not 'low'"),
    (["--noise-per", "row"], "Option --noise-per must be one of pulse, step, not 'row'"),
    (["--threshold", "0"], "Threshold must be a finite number at least 1e-12 weight units, not 0.0"),
    (["--resume", "--overwrite"], "Option --overwrite must be left out with --resume, not given"),
    (["--resume"], "Output folder must hold a study to resume, not 'study'"),
    (["--epoch", "3"], "Option must be one that --help lists, not '--epoch' (did you mean '--epochs'?)"),
]


@pytest.mark.parametrize(("arguments", "message"), TRAIN_ERRORS)
def test_train_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("train", "--output", "study", *arguments)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"Error: {message}")
    assert not (tmp_path / "study" / RESULTS).exists()
    if "epoch 1" not in message:  # found out before the first step
        assert err == f"Error: {message}\n"
        assert list(tmp_path.iterdir()) == []


def test_each_option_is_there_once() -> None:
    flags = [option.flag for option in STUDY_OPTIONS]
    assert len(set(flags)) == len(flags)


def test_a_network_and_data_of_ones_own(run: Run, tmp_path: Path) -> None:
    """Network file, arrays of a file, validation, schedule and scaling; resumed without saying any of it again."""
    random = np.random.default_rng(1)
    images, labels = random.normal(size=(60, 4, 4)), random.integers(0, 3, 60)
    np.savez(
        tmp_path / "own.npz", train_images=images, train_labels=labels, test_images=images[:9], test_labels=labels[:9]
    )
    (tmp_path / "small.toml").write_text(
        'format = "pulsetrain network"\nversion = 1\ninputs = [4, 4, 1]\nloss = "mean-squared-error"\n'
        'layers = [{kind = "convolution", channels = 2, kernel = 3}, {kind = "tanh"}, {kind = "flatten"},'
        ' {kind = "dense", outputs = 3, weight_scale = 0.5}]\n'
    )
    options = (
        "--network", "small.toml", "--data", "own.npz", "--schedule", "cosine", "--validation", "0.25",
        "--patience", "2", "--input-scaling", "percentile:80", "--epochs", "6", "--batch", "8",
        "--rule", "eapu", "--rule", "ideal",
    )  # fmt: skip
    code, out, _ = run("train", *options, "--output", "study")
    assert code == 0
    network = "network 4×4×1: convolution 2 of 3×3, tanh, flatten, dense 3"
    assert f"own, held-out part (test), {network}, after " in out
    assert "the best on the validation part, 1 seed" in out
    assert "adam 0.001 cosine" in out
    assert "inputs clipped" in out
    values, results = load_results(tmp_path / "study" / RESULTS)
    found = StudySettings.from_dict(values)
    assert (found.schedule, found.validation, found.patience) == ("cosine", 0.25, 2)
    assert found.input_scaling == InputScaling("percentile", 80.0)
    assert found.network == load_network(tmp_path / "small.toml")
    for result in results:
        assert len(result.accuracy) == len(result.validation) <= 6
        assert result.best_epoch == 1 + max(range(len(result.validation)), key=result.validation.__getitem__)
        assert len(result.accuracy) in (6, result.best_epoch + 2)
    assert run("train", "--resume", "--output", "study")[1].split("\n")[1:] == out.split("\n")[1:]
    for option, message in (
        (("--data", "own.npz", "--held-out", "validation"), "Data must be those of the file, 'own' (held out: test, "),
        (("--schedule", "constant"), "Schedule must be cosine as in the study to resume, not constant"),
        (
            ("--input-scaling", "largest"),
            "Input scaling must be percentile:80.0 as in the study to resume, not largest",
        ),
        (
            ("--network", "16-3"),
            "Network must be 4×4×1: convolution 2 of 3×3, tanh, flatten, dense 3 as in the study to ",
        ),
    ):
        code, out, err = run("train", "--resume", "--output", "study", *option)
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {message}")


def test_a_resumed_study_may_be_told_a_part_of_its_settings(run: Run) -> None:
    lines = "word-code=3,bit-unselected=FLOAT"
    assert run("train", "--epochs", "1", "--output", "study", "--set-lines", lines, "--pair-policy", "BOTH")[0] == 0
    resume = ("train", "--resume", "--output", "study")
    for options in (
        (),
        ("--set-lines", "word-code=3"),
        ("--pair-policy", "BOTH"),
        ("--rows", "64"),
        ("--config", "base"),
    ):
        assert run(*resume, *options)[0] == 0
    for options, message in (
        (("--set-lines", "word-code=4"), "SET lines word code must be 3 as in the study to resume, not 4"),
        (
            ("--set-lines", "bit-unselected=GROUND"),
            "SET lines bit unselected must be FLOAT as in the study to resume, not GROUND",
        ),
        (("--pair-policy", "SET_ONLY"), "Pair policy must be BOTH as in the study to resume, not SET_ONLY"),
        (("--rows", "65"), "Rows must be 64 as in the study to resume, not 65"),
        (("--network", "64-10"), "Network must be 64-64-10 as in the study to resume, not 64-10"),
        (("--held-out", "validation"), "Held out must be test as in the study to resume, not validation"),
        (("--read-noise", "1"), "Read noise must be 0.5 µS as in the study to resume, not 1 µS"),
    ):  # fmt: skip
        assert run(*resume, *options) == (2, "", f"Error: {message}\n")


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_plan(PlanRequest(Device("paper"), epochs=1, pilot=False))
    return save_plan(tmp_path_factory.mktemp("plan"), made)[0]


def test_a_plan_is_trained_as_it_is(run: Run, plan_file: Path, tmp_path: Path) -> None:
    rule = "only --tile, --compare, --seeds, --output, --resume, --overwrite, --processes, --quiet and --json"
    for option, value in (
        ("--device", "paper"), ("--epochs", "3"), ("--rule", "ideal"), ("--set-cycles", "3"), ("--threshold", "0.1"),
        ("--seed", "2"), ("--rows", "64"), ("--write-noise", "1"), ("--network", "64-10"),
    ):  # fmt: skip
        error = f"Error: Options with --plan must be {rule}, not also {option}\n"
        assert run("train", "--plan", str(plan_file), option, value, "--output", "study") == (2, "", error)
    assert list(tmp_path.iterdir()) == []
    code, _, err = run("train", "--plan", "no.toml")
    assert code == 2
    assert err.startswith("Error: Plan file must exist, not")


def test_resuming_leaves_tile_and_seeds_to_the_study(plan_file: Path) -> None:
    """A plan that was begun with --tile rtl --seeds 2 is resumed without saying so again."""
    again = planned(plan_file, {}, resume=True)
    assert not {"tile", "compare", "seeds"} & set(again)
    assert again["learning_rate"] == load_plan(plan_file).settings.learning_rate
    assert planned(plan_file, {"seeds": "2"}, resume=False)["seeds"] == 2
