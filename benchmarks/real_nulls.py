"""Does a study name a cause where real footage shows nothing that changes?

    python benchmarks/real_nulls.py --out DIR [--corpus DIR] [--held-out DIR] [--model FILE] [--pairs 12]

Ten stretches of recorded clips of cameras and scenes at rest, chosen by eye before any was studied: an empty road,
room, street and table. Noise, coding and keyframes are in all of them and may be named; any other cause is
false. --held-out: the folder of the clips of data/passes_held_out.csv. The same command continues.
"""

from __future__ import annotations

import json
from pathlib import Path

import harness
import pandas as pd
from harness import say

NULLS = (
    ("factory/intel_bottle-detection.mp4", 7.4, 10.8),
    ("objects/intel_car-detection.mp4", 0.1, 4.1),
    ("objects/intel_car-detection.mp4", 9.2, 14.0),
    ("objects/intel_car-detection.mp4", 19.6, 24.9),
    ("one-by-one-person-detection.mp4", 0.1, 5.7),
    ("one-by-one-person-detection.mp4", 45.6, 49.9),
    ("one-by-one-person-detection.mp4", 70.6, 74.2),
    ("aboda4.avi", 7.3, 8.8),
    ("aboda4.avi", 23.2, 27.9),
    ("bgs_video.avi", 0.1, 1.8),
)
"""File, and first and last second."""
ALWAYS = ("noise_and_coding", "keyframes")


def main() -> None:
    """Print a row a stretch."""
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--held-out", type=Path)
    parser.add_argument(
        "--model", type=Path, default=root / "models" / "mobilenet_v1_0.25_128.onnx"
    )
    parser.add_argument("--pairs", type=int, default=12)
    given = parser.parse_args()
    table = harness.table("stretch", "flips", "pairs", "largest share", "named", "steps")
    false = studied = 0
    for number, (name, start, end) in enumerate(NULLS):
        files = [folder / name for folder in (given.corpus, given.held_out) if folder is not None]
        file = next((path for path in files if path.is_file()), None)
        if file is None:
            say(f"{name} is not there")
            continue
        run = given.out / str(number)
        if not (run / "policy.json").is_file():
            limits = ("--start-s", str(start), "--end-s", str(end), "--pairs", str(given.pairs))
            harness.study(file, f"onnx:{given.model}", run, *limits)
        named, account, pairs = (
            pd.read_parquet(path)
            if (path := run / f"{table_}.parquet").is_file()
            else pd.DataFrame()
            for table_ in ("named", "account", "pairs")
        )
        causes = list(named.get("cause", []))
        of = account[account["item"] == ""].set_index("cause") if len(account) else account
        top = of["share"].idxmax() if len(of) else ""
        steps = json.loads((run / "policy.json").read_text())["steps"]
        studied += 1
        false += any(cause not in ALWAYS for cause in causes)
        flips = int(pairs["label_flip"].sum()) if "label_flip" in pairs else 0
        table.row(
            f"{name} {start:g} to {end:g} s",
            f"{flips} of {len(pairs)}",
            int(of["n"].max()) if len(of) else 0,
            f"{top} {of.loc[top, 'share']:.2f} [{of.loc[top, 'low']:.2f}, {of.loc[top, 'high']:.2f}]"
            if top
            else "-",
            ", ".join(causes) or "none",
            ", ".join(s["perturbation"] for s in steps) or "none",
        )
    say(f"\nA cause besides noise and coding is named in {false} of {studied}.")


if __name__ == "__main__":
    harness.run(main)
