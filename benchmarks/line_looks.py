"""The simulated line beside real clips of lines: noise, sharpness and edges, and a picture of each.

    python benchmarks/line_looks.py [--figure docs/line_looks.jpg] [--seed 31]

Real: the bottle and the bolt clip of tests/footage_media (Intel, CC BY 4.0), and what is given as CLIPS. Rendered:
one clip of each kind of part, all dials at rest. The measures are those of vidrobust/line_sim/looks.py.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import harness
import numpy as np
from harness import say

from vidrobust.plugins.line.demo import QUANTITIES, looks
from vidrobust.plugins.line.render import RenderSettings, render

REAL = tuple(
    Path(__file__).resolve().parents[1] / "tests" / "footage_media" / name
    for name in ("line-bottles.mp4", "line-bolt.gif")
)
WIDTH = 400
"""px of a picture in the figure."""


def picture(path: Path, number: int) -> np.ndarray:
    """A frame as (H, WIDTH, 3) uint8, with the name of its clip."""
    with av.open(str(path)) as container:
        frame = next(islice(container.decode(video=0), number, None)).to_ndarray(format="rgb24")
    across = frame.shape[0] * 4 // 3  # cut to the shape of the line's frames
    left = (frame.shape[1] - across) // 2
    small = cv2.resize(frame[:, left : left + across], (WIDTH, 300), interpolation=cv2.INTER_AREA)
    cv2.putText(small, path.stem, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1, cv2.LINE_AA)
    return small


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--seed", type=int, default=31)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        manifest = render(RenderSettings(parts=4, seconds=0.4, seed=given.seed), Path(folder))
        rendered = [Path(folder) / path for path in manifest["path"]]
        say(f"| clip | {' | '.join(QUANTITIES)} |\n|---|---|---|---|")
        for path, step in [*((p, 10) for p in (*REAL, *given.clips)), *((p, 6) for p in rendered)]:
            found = looks(path, step)
            say(f"| {path.stem} | {' | '.join(f'{found[name]:.3g}' for name in QUANTITIES)} |")
        if given.figure:
            shown = [picture(path, 8) for path in (*REAL, *rendered)]
            rows = [np.hstack(shown[at : at + 3]) for at in (0, 3)]
            cv2.imwrite(str(given.figure), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    harness.run(main)
