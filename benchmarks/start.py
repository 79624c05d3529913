"""How long the program takes to start: ``vidrobust --help``, and ``study`` until the first frames are looked at.

    python benchmarks/start.py CLIP --model SPEC [--repeats 5]

Each runs in a process of its own; so does the import of PyTorch, which every study needs. Columns: wall-clock
and processor seconds, medians. Only the processor seconds can be compared where other work runs beside.
"""

from __future__ import annotations

import sys
import tempfile
from statistics import median

import harness

HELP = "from vidrobust.cli.app import main; main()"
FIRST_FRAME = """
import os
from vidrobust.cli.app import main
from vidrobust.frame_pairs.transitions import PairWatcher

PairWatcher.feed = lambda self, batch: os._exit(0 if len(batch) else 1)
main()
"""


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("--model", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = ["study", asked.clip, "--model", asked.model, "-q", "--overwrite"]
        study += ["--out", f"{folder}/run"]
        for name, program, arguments in (
            ("--help", HELP, ["--help"]),
            ("import of PyTorch", "import torch", []),
            ("study, first frame", FIRST_FRAME, study),
        ):
            command = [sys.executable, "-c", program, *arguments]
            harness.timed(command)  # what is only done once on a machine does not count
            took = [harness.timed(command) for _ in range(asked.repeats)]
            wall, used = (median(getattr(t, n) for t in took) for n in ("wall_s", "processor_s"))
            harness.say(f"{name:20} {wall:6.2f} s {used:6.2f} s of processor")


if __name__ == "__main__":
    harness.run(main)
