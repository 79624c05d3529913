"""Does an annotation file of the size of YouTube-BoundingBoxes fit into bounded memory, and how long does it take?

    python benchmarks/youtube_bb.py [--rows 5600000] [--shards 24] [--keep DIR] [--json FILE]

A file is made in the layout of the data set: videos of eleven letters, segments of some nineteen seconds with a
row a second, of one object or two. Then, each in a process of its own: ``vidrobust data`` checks it, cuts it into
shards, and one shard is read as a study reads it. Peak memory is that of the process, and holds Python and its
libraries, whose own part is measured beside it.
"""

from __future__ import annotations

import string
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.plugins.published.ytbb import CLASSES

CHUNK_VIDEOS = 4000
SEGMENT_S = 19
LETTERS = np.array(list(string.ascii_letters + string.digits + "-_"))
MEASURED = """
import resource, sys, time
began = time.perf_counter()
{what}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"MEASURED {{time.perf_counter() - began:.1f}} {{time.process_time():.1f}} {{peak:.0f}}")
"""


def make(path: Path, rows: int, seed: int = 0) -> None:
    """A CSV without header, written piece by piece."""
    rng, left, first = np.random.default_rng(seed), rows, True
    while left > 0:
        part = _videos(rng).head(left)
        part.to_csv(path, mode="w" if first else "a", header=False, index=False)
        left, first = left - len(part), False


def _videos(rng: np.random.Generator) -> pd.DataFrame:
    """The rows of some videos: a segment each, of one object or two, sometimes absent."""
    objects = rng.integers(1, 3, CHUNK_VIDEOS)
    ids = ["".join(row) for row in LETTERS[rng.integers(0, len(LETTERS), (CHUNK_VIDEOS, 11))]]
    video = np.repeat(np.arange(CHUNK_VIDEOS), objects)
    thing = np.concatenate([np.arange(n) for n in objects])
    row, second = (
        np.repeat(np.arange(len(video)), SEGMENT_S),
        np.tile(np.arange(SEGMENT_S), len(video)),
    )
    label = rng.integers(0, 23, CHUNK_VIDEOS)[video][row]
    begin = 1000 * rng.integers(0, 600, CHUNK_VIDEOS)[video][row]
    present = rng.random(len(row)) < 0.9
    x, y = rng.uniform(0, 0.6, (2, len(row))).round(3)
    box = {"x1": x, "x2": (x + 0.3).round(3), "y1": y, "y2": (y + 0.3).round(3)}
    return pd.DataFrame(
        {
            "id": np.array(ids)[video][row],
            "ms": begin + 1000 * second,
            "class": label,
            "name": np.array([CLASSES[k] for k in range(23)])[label],
            "object": thing[row],
            "presence": np.where(present, "present", "absent"),
            **{name: np.where(present, values, -1.0) for name, values in box.items()},
        }
    )


def measured(what: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MiB of Python lines in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(what=what)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    wall, processor, peak = done.stdout.split("MEASURED ")[1].split()
    return float(wall), float(processor), float(peak)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--rows", type=int, default=5_600_000)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as made:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "yt_bb_detection_train.csv"
        began = time.perf_counter()
        if not path.is_file():
            make(path, given.rows)
        size = path.stat().st_size / 2**20
        say(f"{given.rows:,} rows, {size:.0f} MiB, made in {time.perf_counter() - began:.0f} s\n")
        cli = f"from vidrobust.cli.app import main\nmain(['data', 'youtube-bb', '--at', {str(folder)!r}, '--json'"
        shard = f"{folder}/yt_bb_detection_train.shard-001-of-{given.shards:03d}.csv"
        steps = {
            "the libraries alone": "import vidrobust.plugins.published.data_sets",
            "`vidrobust data youtube-bb`: all rows checked": f"{cli}])",
            f"`--shards {given.shards}`: cut by video": f"{cli}, '--shards', '{given.shards}'])",
            "one shard read as a study reads it": (
                "from pathlib import Path\nfrom vidrobust.plugins.published import ytbb\n"
                f"ytbb.read(Path({shard!r}))"
            ),
        }
        table = harness.table("step", "seconds", "of the processor", "peak MiB", digits=1)
        for name, what in steps.items():
            table.row(name, *measured(what))


if __name__ == "__main__":
    harness.run(main)
