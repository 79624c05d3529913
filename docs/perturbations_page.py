"""The reference page of all perturbations; the documentation build writes it from the catalogue."""

from __future__ import annotations

import sys

from vidrobust.perturb.catalogue import SUITES, suite
from vidrobust.perturb.perturbation import Perturbation

_OPENING = """\
# Perturbations

This page is generated from the catalogue. `python docs/perturbations_page.py` prints it.

Strength is a size, from mild to strong; 0 is the identity. All act on the encoded levels 0 to 255 of the
full frame, before the model's own resizing. Where a change has a sign or a direction, the frame's generator
draws it:

* **Relative** strengths *s* of gains, ratios and sizes mean a factor of 1 + s or 1 / (1 + s), each half of
  the time. 0.1 is x 1.1 or / 1.1.
* Offsets, degrees and pixels go either way by s. `translation` takes one of left, right, up, down.
* `Perturbation.apply_signed(pixels, s, direction)` gives + s and - s without chance, for the perturbations
  with named directions in the tables.

**Random numbers.** `apply` takes one generator, which hands one seed to each frame in turn (a batch may be
split anywhere), or one generator a frame: `vidrobust.perturb.draws.seeded(content, frame, draw, key, seed)`.
All strengths of a perturbation use the same draw. Numbers are drawn on the generator's device, so a CPU
generator gives the same noise to frames on any device.

**Clips.** Entries marked *clip* have `apply_clip(pixels, times_s, strength, generator)`: one dust field,
one drift for the whole clip. The state depends on the generator's seed and on the frames' times alone, so a
clip may come in parts. *Whole clip* entries need all frames in one call: h264 predicts between frames, and
lost frames are replaced by neighbours. `apply` takes every frame as a clip of its own at a random time of a
minute. What is *not on single frames* needs neighbours (`needs_neighbours` says why): `apply` gives lone
frames back as they are, and a study of single frames lists it as not applicable.

**Boxes.** *Moved* boxes are the upright boxes around the four moved corners, clipped to the frame.
Elsewhere they stay.

**Geometry.** One warp: bicubic (a = -0.75), borders mirrored about the edge pixel's centre. Whole-pixel
translation is exact. In `imagenet-p`: bilinear and black, as the authors have it.

**Devices.** Noise, masks, fields and HSV are torch on the frame's own device; warps are OpenCV on the CPU
and `grid_sample` elsewhere (within two levels on smooth pictures). Blurs, codecs, weather and everything
else that OpenCV or Pillow computes fetches the frames to the CPU and brings them back. JPEG is 4:2:0
throughout: OpenCV's in `jpeg`, Pillow's in `imagenet-c:jpeg_compression`. H.264 is x264 (veryfast, yuv420p,
one second of rate buffer); `apply` encodes every frame alone, as an intra frame.

**Cost.** Natural perturbations take up to 6 % of an
EfficientNet-Lite0 forward pass of one picture at 224 px on one thread, and h264 about 10 % of it in batches
and up to a quarter for a single frame: it is the exception to the rule of 15 %. `shift:embedding_inpainted`
costs more than a pass, for the inpainting.
"""

_REMARKS = {
    "imagenet-c": """\
Fifteen corruptions and four for validation (the last four) of Hendrycks & Dietterich 2019, arXiv
1903.12261, as the maintained package `imagecorruptions` has them: parameters for 224 px, used at any size;
levels are cut, not rounded. Given the same random numbers, the pixels are those of the package within one
level.

What differs, and from what:

* **frost** in a study lays six pictures over the frame that are drawn by `weather.frost_picture`; the original has
  six photographs, which are not ours to give on. Brightness and contrast are similar, the patterns are not. The
  command `corruptions` takes the photographs from the package `imagecorruptions` where that is installed, and the
  drawn ones elsewhere.
* **glass_blur** replaces pixels where the paper speaks of swaps, as the authors' own code does: its
  exchange of two views keeps the second pixel. The steps are those of the sequential loop, exactly.
* **elastic_transform** is the package's, without the random affine map of the authors'. The authors' is
  `imagenet-c-authors:elastic_transform`; the AlexNet errors that normalise CE belong to that one.
* **motion_blur** and **snow** smear as the package does, not as ImageMagick.
* **shot_noise** draws from exact quantiles at 2^-14, so tails end at four sigma.
* Corruptions made here are not the JPEG files of ImageNet-C: do not put them into one table.
""",
    "imagenet-c-bar": """\
Ten corruptions far from those of ImageNet-C in what networks make of them (Mintun et al. 2021), all with the
formulas and severities of the authors' code; the random numbers are others. On crops of 224 px, as published.
""",
    "imagenet-p": """\
The strength is the number of a frame in the sequence, from 1; equally seeded generators give frames of one
sequence. `SEQUENCES[name].frames(picture, generator)` streams it,
`compared_pairs` and `flip_probability` are the comparison, and the noises at difficulty 2 and 3 are in
`SEQUENCES` too. To build the set as the authors did, give pictures with a shorter side of 256 px and cut
the central 224 px from every frame.
""",
    "cifar-c": """\
The corruptions of CIFAR-10-C and CIFAR-100-C for pictures of 32 px, with the parameters of the authors'
`make_cifar_c.py`; the last four are for validation. Motion blur, snow and frost differ from the authors' as in
`imagenet-c`. There is no baseline: the mean error is reported as it is.
""",
    "tiny-imagenet-c": """\
The same for Tiny-ImageNet's pictures of 64 px, with the parameters of the authors' `make_tinyimagenet_c.py`.
""",
    "shift": """\
Azulay & Weiss 2019 (arXiv 1805.12177) and Zhang 2019 (arXiv 1904.11486). Each protocol compares two
pictures a pixel apart, not a picture with the clean frame, so
`vidrobust.plugins.published.shift_study.shift_study` runs them:
all eight directions, jaggedness along a path, Zhang's consistency with offsets for each frame,
circular and crop shift apart. It lays pictures so that the model's own resizing and cropping leave them as
they are (`View`). `apply` shows the second picture of a pair. Black and inpainted canvases are unlike
anything a network was trained on: read their rates apart.
""",
}


def page() -> str:
    """The page, in Markdown."""
    return "\n".join([_OPENING, *(_section(name) for name in SUITES)])


def _section(name: str) -> str:
    lines = [f"## {name}", ""]
    if name in _REMARKS:
        lines += [_REMARKS[name]]
    lines += [
        "| name | family | unit | strengths | range | | what |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(entry) for entry in suite(name)]
    reasons: dict[str, list[str]] = {}
    for entry in suite(name):
        if entry.not_monotone:
            reasons.setdefault(entry.not_monotone, []).append(entry.name)
    if reasons:
        lines += ["", "Where damage need not grow with strength:", ""]
        lines += [f"* {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "\n".join(lines) + "\n"


def _row(entry: Perturbation) -> str:
    marks = []
    if entry.apply_clip:
        marks.append("whole clip" if entry.whole_clip else "clip")
    if not entry.on_single_frames:
        marks.append("not on single frames")
    if entry.move_boxes:
        marks.append("boxes moved")
    if entry.signed:
        marks.append("directions: " + ", ".join(entry.signed))
    strengths = ", ".join(f"{strength:g}" for strength in entry.strengths)
    limits = f"{entry.range[0]:g} to {entry.range[1]:g}"
    cells = [entry.name, entry.family, entry.unit, strengths, limits, "; ".join(marks), entry.doc]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
