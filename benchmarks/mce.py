"""mCE of a real network on frames of real clips, beside the maintained reference package imagecorruptions.

    python benchmarks/mce.py CORPUS MODELS              # five frames of each of eight clips
    python benchmarks/mce.py CORPUS MODELS --frames 25  # 200 images

Frames and their sets of right ImageNet classes are those of CORPUS/clip_labels.csv. The reference resizes with
torchvision on Pillow, corrupts with imagecorruptions and asks the same ONNX file with onnxruntime; nothing is
shared with the package but AlexNet's errors and, for frost, the photographs of ice. Corruptions without chance
must give equal errors. The others are drawn anew, by the reference twice: by the answers on which its two draws
differ it says how many standard deviations the package's count of wrong answers lies from theirs.
"""

from __future__ import annotations

import csv
import tempfile
import time
import warnings
from pathlib import Path

import harness
import numpy as np
import onnxruntime
from claims.pictures import classes
from harness import say
from PIL import Image
from torchvision import transforms

from vidrobust.models.load import classifiers_of, load_models
from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.corruptions import corruptions
from vidrobust.plugins.published.labelled_images import LabelledImages, read_labels
from vidrobust.video.source import open_video

CLIPS = (
    *("cotracker_cat", "cotracker_backpack", "cotracker_teddy", "sam2_01_dog", "sam2_02_cups"),
    *("intel_bottle-detection", "intel_preview_fruit-and-vegetable-detection"),
    "intel_preview_bolt-multi-size-detection",
)
NET = "mobilenet_v2_1.0_224.onnx"
WITHOUT_CHANCE = (
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
)
SEVERITIES = range(1, 6)


def extract(corpus: Path, folder: Path, frames: int) -> LabelledImages:
    """Evenly spread frames of each clip as PNG, and their labels."""
    with (corpus / "clip_labels.csv").open(newline="") as stream:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(stream)}
    lines = ["file,label"]
    for clip in CLIPS:
        row = rows[clip]
        at = np.linspace(int(row["first_frame"]), int(row["last_frame"]), frames + 2).astype(int)[
            1:-1
        ]
        with open_video(corpus / row["file"]) as source:
            found = source.at([int(frame) for frame in at])
        for frame, pixels in zip(at, found.pixels, strict=True):
            name = f"{clip}_{frame}.png"
            Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(folder / name)
            lines += [f"{name},{k}" for k in classes(row["acceptable_imagenet_indices"])]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return read_labels(folder, folder / "labels.csv")


class Reference:
    """The same network by other means."""

    def __init__(self, images: LabelledImages, net: Path, background: int) -> None:
        cut = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
        self.crops = [np.array(cut(Image.open(path).convert("RGB"))) for path in images.paths]
        self.labels, self.background = images.labels, background
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            net, options, providers=["CPUExecutionProvider"]
        )

    def wrong(self, name: str = "", severity: int = 0) -> np.ndarray:
        """(n,) bool: which images the network gets wrong."""
        import imagecorruptions

        entry, out = self.session.get_inputs()[0], []
        for crop, label in zip(self.crops, self.labels, strict=True):
            seen = (
                imagecorruptions.corrupt(crop, corruption_name=name, severity=severity)
                if severity
                else crop
            )
            x = (np.asarray(seen).astype(np.float32) - 127.5) / 127.5
            x = x[None] if entry.shape[-1] == 3 else x.transpose(2, 0, 1)[None]
            top = int(np.ravel(self.session.run(None, {entry.name: x})[0]).argmax())
            out.append(str(top - self.background) not in label)
        return np.array(out)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--frames", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as made:
        images = extract(given.corpus, Path(made), given.frames)
        (model,) = classifiers_of(load_models((f"onnx:{given.models / NET}",), device="cpu"))
        started = time.process_time()
        (one,) = corruptions(images, [model])["models"].values()  # type: ignore[attr-defined]
        cost = time.process_time() - started
        started = time.process_time()
        reference = Reference(images, given.models / NET, len(model.class_names) - 1000)
        clean, ces, equal, deviations = reference.wrong(), [], 0, []
        say(f"{len(images)} images, {NET}")
        say(f"clean error {one['clean_error']:.3f}, reference {clean.mean():.3f}\n")
        table = harness.table("corruption", "error", "reference", "CE", "reference CE", "note")
        for name, found in one["corruptions"].items():
            draws = [
                np.array([reference.wrong(name, s) for s in SEVERITIES]).T
                for _ in range(1 if name in WITHOUT_CHANCE else 2)
            ]
            wrong = np.mean(draws, axis=0)
            ces.append(100 * wrong.mean(axis=0).sum() / sum(alexnet.ERRORS[name]))
            same = np.allclose(found["errors"], wrong.mean(axis=0))
            equal += same and name in WITHOUT_CHANCE
            if name in WITHOUT_CHANCE:
                note = "equal" if same else "NOT equal"
            else:
                more = wrong.size * (np.mean(found["errors"]) - wrong.mean())
                # its expectation is the variance of the difference
                apart = int((draws[0] != draws[1]).sum())
                deviations.append(more / np.sqrt(0.75 * max(apart, 1)))
                note = f"{more:+.1f} of {wrong.size}, {deviations[-1]:+.1f} sd"
            errors = float(np.mean(found["errors"])), float(wrong.mean())
            table.row(name, *errors, round(found["ce"], 1), round(ces[-1], 1), note)
        say(
            f"\nmCE {one['mce']:.1f} ({one['mce_low']:.1f} to {one['mce_high']:.1f}), reference {np.mean(ces):.1f}"
        )
        say(f"{equal} of {len(WITHOUT_CHANCE)} without chance are equal at all severities")
        say(
            f"those with chance lie {min(deviations):+.1f} to {max(deviations):+.1f} sd from the reference"
        )
        say(f"{cost:.0f} s of processor time, reference {time.process_time() - started:.0f} s")


if __name__ == "__main__":
    harness.run(main)
