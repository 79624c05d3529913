"""The simulated line beside real clips of lines: noise, sharpness and edges, and a picture of each.

    python benchmarks/line_looks.py [--figure docs/line_looks.jpg] [--seed 31]

Real: the bottle and the bolt clip of tests/footage_media (Intel, CC BY 4.0), and what is given as CLIPS. Rendered:
one clip of each kind of part, all dials at rest. The measures are those of ``looks``.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import harness
import numpy as np

from vidrobust.plugins.line.render import RenderSettings, render

REAL = tuple(
    Path(__file__).resolve().parents[1] / "tests" / "footage_media" / name
    for name in ("line-bottles.mp4", "line-bolt.gif")
)
WIDTH = 400
"""px of a picture in the figure."""


QUANTITIES = ("noise", "laplacian", "edges")


def looks(path: Path, step: int) -> dict[str, float]:
    """Return medians over every ``step``-th of the first hundred frames.

    ``noise``: sigma in levels (Immerkaer 1996), third decile of 16 px blocks. ``laplacian``: its variance
    (Pech-Pacheco et al. 2000). ``edges``: 99th percentile of the Sobel gradient.
    """
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                found.append(of_frame(frame.to_ndarray(format="gray").astype(np.float32)))
            if number >= 100:
                break
    return dict(zip(QUANTITIES, map(float, np.median(found, axis=0)), strict=True))


def of_frame(gray: np.ndarray) -> tuple[float, float, float]:
    """noise, laplacian and edges of one frame, (H, W) float32 levels."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    h, w = (side // 16 * 16 for side in gray.shape)
    squares = cv2.filter2D(gray, -1, kernel)[:h, :w] ** 2
    blocks = np.sqrt(squares.reshape(h // 16, 16, w // 16, 16).mean(axis=(1, 3)))
    gradient = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)) / 8
    laplacian = cv2.Laplacian(gray, cv2.CV_32F, ksize=1).var()
    return float(np.quantile(blocks, 0.3)), float(laplacian), float(np.quantile(gradient, 0.99))


def picture(path: Path, number: int) -> np.ndarray:
    """A frame as (H, WIDTH, 3) uint8, with the name of its clip."""
    with av.open(str(path)) as container:
        frame = next(islice(container.decode(video=0), number, None)).to_ndarray(format="rgb24")
    across = frame.shape[0] * 4 // 3  # cut to the shape of the line's frames
    left = (frame.shape[1] - across) // 2
    small = cv2.resize(frame[:, left : left + across], (WIDTH, 300), interpolation=cv2.INTER_AREA)
    cv2.putText(
        small, path.stem, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1, cv2.LINE_AA
    )
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
        table = harness.table("clip", *QUANTITIES)
        for path, step in [*((p, 10) for p in (*REAL, *given.clips)), *((p, 6) for p in rendered)]:
            found = looks(path, step)
            table.row(path.stem, *(found[name] for name in QUANTITIES))
        if given.figure:
            shown = [picture(path, 8) for path in (*REAL, *rendered)]
            rows = [np.hstack(shown[at : at + 3]) for at in (0, 3)]
            cv2.imwrite(
                str(given.figure), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85]
            )


if __name__ == "__main__":
    harness.run(main)
