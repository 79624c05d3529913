"""Does a recipe that is chosen by trying leave fewer flips on real footage? Three public clips, one real network.

    python benchmarks/choose_on_footage.py --out DIR

Each clip of ``CLIPS``, named before the run, is studied (``vidrobust policy``) and adapted as anybody would, with few
steps: ``vidrobust adapt RUN --steps 24 --batch 8 --frames 120 --seeds 1``. The network's own confident answers over
time are the targets. The first 60 % of a clip train, of which the last quarter chooses; from a second later on it
judges. Flips are per pair of neighbours of what judges; ``other`` are answers unlike those before. The same command
goes on with what is missing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import harness
from harness import say

from vidrobust.run_folder.folder import RunFolder
from vidrobust.text.numbers import percent, percent_with_interval

# Their classes are among the network's: a cat, a stuffed bear, cups.
CLIPS = ("cotracker_cat.mp4", "cotracker_teddy.mp4", "sam2_02_cups.mp4")
NETWORK = "efficientnet-lite0"
TRAINED = ("--steps", "24", "--batch", "8", "--frames", "120", "--seeds", "1")


def adapted(clip: Path, out: Path) -> RunFolder:
    """The run of a clip with its table ``adaptation``, made where it is missing."""
    run = out / clip.stem
    command = [sys.executable, "-m", "vidrobust"]
    if not (run / "policy.json").is_file():
        asked = [str(clip), "-m", NETWORK, "--end-s", "12", "--pairs", "12", "-q", "-o", str(run)]
        subprocess.run([*command, "policy", *asked], check=True)
    if not (run / "adaptation.parquet").is_file():
        subprocess.run([*command, "adapt", str(run), *TRAINED, "-q"], check=True)
    return RunFolder.existing(run)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    footage = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "objects"
    table = harness.table("clip", "recipe", "flips", "of before", "verdict", "other")
    for name in CLIPS:
        run = adapted(footage / name, given.out)
        chosen = run.read_json("adaptation.json")["chosen"]
        rows = run.table("adaptation")
        rows = rows[rows["against"] == "before"].set_index(["recipe", "metric"])
        for recipe in dict.fromkeys(rows.index.get_level_values(0)):
            flips = rows.loc[recipe, "flips"]
            other = rows.loc[recipe, "other"] if (recipe, "other") in rows.index else None
            table.row(
                f"{Path(name).stem} (before: {percent(flips['before'])})",
                f"{recipe}, chosen" if recipe == chosen else recipe,
                percent(flips["after"]),
                percent_with_interval(flips["ratio"], flips["low"], flips["high"]),
                flips["verdict"],
                "" if other is None else percent(other["after"]),
            )
        if chosen == "before":
            say(f"{name}: no recipe beats the network as it is")


if __name__ == "__main__":
    harness.run(main)
