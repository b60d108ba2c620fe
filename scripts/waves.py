"""Record a short run of the controller as a waveform: ``build/waves/controller.vcd``, for GTKWave or Surfer."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pulsetrain.contract.configuration import CONFIGS  # noqa: E402
from pulsetrain.errors import PulsetrainError  # noqa: E402

TEST = r"bench_controller\.requests_match_the_model/idle=True/back_pressure=True"


def main() -> int:
    """Build with tracing, run one testbench of the tiny configuration, say where the waveform is."""
    from tb.lib.build import build, run
    from tb.lib.configs import TOP, Bench

    target = ROOT / "build" / "waves" / "controller.vcd"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        built = build(Bench("tiny", CONFIGS["tiny"], parts=(TOP,)), waves=True)
    except PulsetrainError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    outcome = run(built, tests=TEST, label="waves", waves=target)
    if outcome.failed:
        print(f"{outcome.text()}\nlog: {outcome.log}", file=sys.stderr)
        return 1
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB; open it in GTKWave or Surfer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
