"""Whether a study shows the model what a plain loop shows it, and what another chain of pictures costs.

    python benchmarks/pixels.py MODEL CLIPS... [--frames 90] [--json FILE]

MODEL is an ONNX classifier with a sidecar. The loops are PyAV's and OpenCV's own, with Pillow's or torchvision's
resize and ONNX Runtime: nothing of this project but the sidecar's figures. Printed is, for each clip, the share of
frames whose label is the loop's in a study by default and by ``--color accurate`` (aim: 100 % by default), then the
share of labels that change in the loop itself where one step of the chain is another.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import harness
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from vidrobust.models.onnx_runtime import cpu_session
from vidrobust.models.sidecar import read_sidecar

RESIZES = {
    "pil": lambda frame, side: np.asarray(
        Image.fromarray(frame).resize(side, Image.Resampling.BILINEAR)
    ),
    "pil, bicubic": lambda frame, side: np.asarray(
        Image.fromarray(frame).resize(side, Image.Resampling.BICUBIC)
    ),
    "torch": lambda frame, side: by_torch(frame, side, antialias=True),
    "torch, not antialiased": lambda frame, side: by_torch(frame, side, antialias=False),
    "opencv-linear": lambda frame, side: cv2.resize(frame, side, interpolation=cv2.INTER_LINEAR),
    "opencv-area": lambda frame, side: cv2.resize(frame, side, interpolation=cv2.INTER_AREA),
}


def by_torch(frame: np.ndarray, side: tuple[int, int], *, antialias: bool) -> np.ndarray:
    pixels = torch.from_numpy(frame).permute(2, 0, 1)
    made = functional.resize(pixels, [side[1], side[0]], antialias=antialias)
    return np.asarray(made.permute(1, 2, 0))


def by_pyav(clip: str) -> Iterator[np.ndarray]:
    with av.open(clip) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def by_opencv(clip: str) -> Iterator[np.ndarray]:
    video = cv2.VideoCapture(clip)
    while (read := video.read())[0]:
        yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    video.release()


def jpeg(frame: np.ndarray) -> np.ndarray:
    coded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


class Loop:
    """A user's loop over one classifier."""

    def __init__(self, model: Path) -> None:
        self.how = read_sidecar(model).preprocess
        self.session = cpu_session(model, 2)
        self.name = self.session.get_inputs()[0].name
        self.last = self.session.get_inputs()[0].shape[-1] == 3

    def label(self, frame: np.ndarray, resize: str = "torch", *, aside: int = 0) -> int:
        height, width = frame.shape[:2]
        short, size = self.how.resized[0], self.how.shape[0]
        longer = int(short * max(height, width) / min(height, width))
        side = (longer, short) if width > height else (short, longer)
        small = RESIZES[resize](frame, side)
        top, left = (round((each - size) / 2) + aside for each in small.shape[:2])
        crop = small[top : top + size, left : left + size]
        if self.how.channels == "BGR":
            crop = crop[..., ::-1]
        values = (crop.astype(np.float32) - np.float32(self.how.mean)) / np.float32(self.how.std)
        given = values[None] if self.last else values.transpose(2, 0, 1)[None]
        answer = self.session.run(None, {self.name: np.ascontiguousarray(given)})[0]
        return int(np.asarray(answer).ravel().argmax())


def studied(model: Path, clip: str, color: str, folder: Path) -> list[int]:
    """Labels of ``vidrobust stability``, frame by frame."""
    out = folder / f"{Path(clip).stem}_{color}"
    asked = ["stability", clip, f"--model=onnx:{model}", f"--out={out}", f"--color={color}", "-q"]
    subprocess.run([sys.executable, "-m", "vidrobust", *asked], check=True)
    return [int(label) for label in pd.read_parquet(out / "frames.parquet")["label"]]


def same(ours: list[int], theirs: list[int]) -> float:
    """Percent of labels that are equal; all frames have to be there."""
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    return 100 * float(np.mean(np.array(ours) == np.array(theirs)))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--frames", type=int, default=90, help="of each clip, for the chains")
    asked = parser.parse_args()
    loop = Loop(asked.model)
    rows: list[dict[str, Any]] = []
    chains: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in asked.clips:
            readers = {"PyAV": by_pyav, "OpenCV": by_opencv}
            labels = {
                f"{name}, {resize}": [loop.label(frame, resize) for frame in read(clip)]
                for name, read in readers.items()
                for resize in ("torch", "pil")
            }
            for color in ("fast", "accurate"):
                ours = studied(asked.model, clip, color, Path(folder))
                agree = {f"{way}, %": same(ours, theirs) for way, theirs in labels.items()}
                flips = sum(a != b for a, b in itertools.pairwise(ours))
                rows.append(
                    {
                        "clip": Path(clip).stem,
                        "color": color,
                        "frames": len(ours),
                        "flips": flips,
                        **agree,
                    }
                )
            first = list(itertools.islice(by_pyav(clip), asked.frames))
            usual = [loop.label(frame) for frame in first]
            others = {
                **{f"resize {way}": [loop.label(f, way) for f in first] for way in RESIZES},
                "crop a px aside": [loop.label(f, aside=-1) for f in first],
                "JPEG 90 before": [loop.label(jpeg(f)) for f in first],
                "BGR by mistake": [loop.label(np.ascontiguousarray(f[..., ::-1])) for f in first],
            }
            changed = {way: 100 - same(theirs, usual) for way, theirs in others.items()}
            chains.append({"clip": Path(clip).stem, "frames": len(first), **changed})
    harness.say("Frames with the loop's label, by the decoder and the resize of the loop:")
    harness.say(pd.DataFrame(rows).round(1).to_string(index=False))
    harness.say("\nLabels that change where one step is another, %:")
    harness.say(pd.DataFrame(chains).set_index("clip").T.round(1).to_string())


if __name__ == "__main__":
    harness.run(main)
