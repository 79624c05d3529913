"""Does training a detector with the right step help, on the simulated line, and a random one not?

    python benchmarks/adapt_boxes.py [--dial light=0.3] [--parts 40] [--seconds 0.8] [--steps 60] [--seeds 2] \
        [--arms none,random,policy] [--targets labels self] [--base-steps 300] [--keep DIR]

All by the command line, as a user has it. FCOS on a small trunk (``line_boxes.py``) learns parts at rest from
known boxes: ``adapt --arms none --targets labels`` of a run in which it knows nothing. Then it is shown the line
with a dial turned, and fine-tuned on half of the parts, which are seen at rest (``--on``: pictures of a calm day),
with the dial's own step over its range, with random ones as strong, and with none. What is left, on the other
parts under the dial, of frames of objects without a box, of missed known boxes, and of the change of boxes by the
step.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import adapt as of_classes
import harness
import pandas as pd
from harness import say

from vidrobust.cli.app import main as vidrobust
from vidrobust.files.atomic import write_text
from vidrobust.plugins.finetune.compare import one
from vidrobust.plugins.finetune.judge import BOX_CHANGE, FALSE_BOXES, MISSED, UNCOVERED
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.text.numbers import number, percent, percent_with_interval

MODEL = "line_boxes:detector"


def run_of(model: str, footage: Path, out: Path) -> Path:
    """The stage stability of a model on rendered footage, with its known boxes."""
    labels = ["--labels", str(footage / "boxes.json")]
    vidrobust(
        [
            "stability",
            str(footage / "manifest.csv"),
            *labels,
            "--model",
            model,
            "--out",
            str(out),
            "-q",
        ]
    )
    return out


def rendered(folder: Path, seed: int, given: Any, *dials: str) -> Path:
    """A line of other parts for each seed."""
    if not (folder / "manifest.csv").is_file():
        settings = RenderSettings(parts=given.parts, seconds=given.seconds, seed=seed, dials=dials)
        render(settings, folder, workers=1)
    return folder


def base(folder: Path, given: Any) -> Path:
    """Weights that have learnt parts at rest."""
    run = run_of(MODEL, rendered(folder / "base", given.seed, given), folder / "run-base")
    what = ["--arms", "none", "--targets", "labels", "--seeds", "1", "--quick", "-q"]
    steps = ["--steps", str(given.base_steps), "--batch", "8", "--rate", "0.002"]
    vidrobust(["adapt", str(run), *what, *steps])
    return run / "adapt" / "weights" / "none.pt"


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=["light=0.3"])
    parser.add_argument("--targets", nargs="+", default=["labels", "self"])
    parser.add_argument("--arms", default="none,random,policy")
    parser.add_argument("--parts", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--base-steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--weights", type=Path, help="of the base, instead of training it")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    say(
        "| dial | learnt | arm | without a box | known boxes missed | false boxes a frame | changed by the step |"
    )
    say("|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        model = f"{MODEL},weights={given.weights or base(folder, given)}"
        for dial in given.dial:
            policy = folder / f"{dial}.json"
            write_text(policy, of_classes.right_policy(dial).to_json())
            run = run_of(
                model, rendered(folder / dial, given.seed + 1, given, dial), folder / f"run-{dial}"
            )
            rest = rendered(folder / "rest", given.seed + 1, given)
            calm = run_of(model, rest, folder / f"run-rest-{dial}")
            for targets in given.targets:
                said = [
                    "--targets",
                    targets,
                    "--arms",
                    given.arms,
                    "--policy",
                    str(policy),
                    "--on",
                    str(calm),
                ]
                size = ["--steps", str(given.steps), "--seeds", str(given.seeds), "--batch", "8"]
                vidrobust(
                    ["adapt", str(run), *said, *size, "--rate", str(given.rate), "--quick", "-q"]
                )
                table = pd.read_parquet(run / "adaptation.parquet")
                for arm in dict.fromkeys(table["arm"]):
                    say(line_of(table, arm, f"| {dial} | {targets}", of_classes.right_policy(dial)))


def line_of(table: pd.DataFrame, arm: str, start: str, right: Any) -> str:
    """One arm."""
    step = right.steps[0].perturbation
    uncovered = one(table, arm, "before", metric=UNCOVERED)
    missed = one(table, arm, "before", metric=MISSED)
    false = one(table, arm, "before", metric=FALSE_BOXES)
    moved = one(table, arm, "before", step, BOX_CHANGE)
    said = [
        *(
            f"{percent(row['before'])} → {percent(row['after'])}: {_left(row)} ({row['verdict']})"
            for row in (uncovered, missed)
        ),
        f"{number(false['before'], 2)} → {number(false['after'], 2)} ({false['verdict']})",
        f"{percent(moved['before'])} → {percent(moved['after'])} ({moved['verdict']})",
    ]
    return f"{start} | {arm} | {' | '.join(said)} |"


def _left(row: dict[str, Any]) -> str:
    if row["ratio"] != row["ratio"]:
        return "none there"
    return percent_with_interval(row["ratio"], row["low"], row["high"])


if __name__ == "__main__":
    harness.run(main)
