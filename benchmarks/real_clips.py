"""How often does the account say "cannot tell" of a coarse cause, on twelve real clips?

    python benchmarks/real_clips.py --out DIR

``vidrobust causes`` runs on each clip of ``CLIPS`` as anybody would run it, with 24 pairs. Clips are of ten seconds
where the footage has them, and whole where it is shorter. The flower and the worker are no class of the models.

named         the share is said, and that the group is a cause
measured      the share is said: the interval is narrow and above 0
limited       the group does at most so much
cannot tell   the interval is wider than .3, and the group is not named: as in the answer's sentence "Undecided"

Aim: at most 15 % of the statements are "cannot tell". The same command goes on with the clips that are missing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import harness
import pandas as pd
from harness import say

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.stages.causes.shares import SMALLEST_SHARE
from vidrobust.stages.causes.statements import WIDEST_KNOWN

PAIRS = 24
# file, start in seconds, length in seconds, network
CLIPS = (
    ("objects/sam2_01_dog.mp4", 0, 10, "mobilenet_v2_1.0_224"),
    ("objects/sam2_02_cups.mp4", 0, 10, "mobilenet_v1_1.0_224"),
    ("objects/intel_car-detection.mp4", 0, 10, "mobilenet_v2_1.0_224"),
    ("objects/intel_car-detection.mp4", 10, 10, "mobilenet_v1_1.0_224"),
    ("objects/intel_car-detection.mp4", 20, 10, "mobilenet_v2_1.0_224"),
    ("factory/intel_bottle-detection.mp4", 0, 10, "mobilenet_v1_1.0_224"),
    ("factory/intel_bottle-detection.mp4", 10, 10, "mobilenet_v2_1.0_224"),
    ("factory/intel_bottle-detection.mp4", 20, 10, "mobilenet_v1_1.0_224"),
    ("objects/cotracker_teddy.mp4", 0, 10, "mobilenet_v2_1.0_224"),
    ("factory/intel_preview_fruit-and-vegetable-detection.gif", 0, 10, "mobilenet_v1_1.0_224"),
    ("objects/mdn_flower.mp4", 0, 10, "mobilenet_v2_1.0_224"),
    ("factory/intel_preview_worker-zone-detection.gif", 0, 10, "mobilenet_v1_1.0_224"),
)


def account_of(clip: tuple[str, int, int, str], root: Path, out: Path) -> list[dict[str, Any]]:
    """What the account says of each group in one clip; the run is made where it is missing."""
    file, start, seconds, network = clip
    name = f"{Path(file).stem}_{start}"
    kept = out / f"{name}.parquet"
    if not kept.is_file():
        asked = [str(root / "corpus" / file), "-m", f"onnx:{root / 'models' / network}.onnx"]
        asked += ["--start-s", str(start)] * bool(start) + ["--end-s", str(start + seconds)]
        asked += ["--pairs", str(PAIRS), "-q", "--overwrite", "-o", str(out / name)]
        subprocess.run([sys.executable, "-m", "vidrobust", "causes", *asked], check=True)
        run = RunTables(out / name)
        (model,) = run.tasks
        account = whole(run, model, level="group")
        account["named"] = account["cause"].isin(named_causes(run, model, level="group"))
        account.to_parquet(kept)
    account = pd.read_parquet(kept)
    rows = account[account["high"].notna()].to_dict("records")
    return [{"clip": name, "network": network, **row, "said": said(row)} for row in rows]


def said(row: dict[str, Any]) -> str:
    """Which of the four statements the answer makes of a group."""
    if row["named"]:
        return "named"
    if row["high"] - max(row["low"], 0.0) > WIDEST_KNOWN:
        return "cannot tell"
    return "measured" if row["low"] > 0 and row["share"] >= SMALLEST_SHARE else "limited"


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    root = Path(__file__).resolve().parents[2] / "shared"
    given.out.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame([row for clip in CLIPS for row in account_of(clip, root, given.out)])
    table = harness.table(
        "clip", "network", "group", "share", "low", "high", "pairs", "statement", digits=4
    )
    for row in rows.itertuples():
        figures = map(float, (row.share, row.low, row.high))
        table.row(row.clip, row.network, row.cause, *figures, int(row.n), row.said)
    undecided = int((rows["said"] == "cannot tell").sum())
    width = (rows["high"] - rows["low"].clip(lower=0)).median()
    say("")
    say(f"* cannot tell: {harness.counted(undecided, len(rows))}")
    say(
        f"* other statements: {rows['said'].value_counts().drop('cannot tell', errors='ignore').to_dict()}"
    )
    say(f"* median width of the intervals: {width:.2f}")


if __name__ == "__main__":
    harness.run(main)
