"""policy_albumentations.yaml: for albumentations.load(path, data_format="yaml")."""

from __future__ import annotations

import math
from typing import Any

from vidrobust.stages.policy.exports import rendered as r
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_albumentations.yaml"
# the version whose names and units these are; later ones of the 2 series read them
VERSION = "2.0.8"
# cv2.INTER_CUBIC, as in the catalogue, and cv2.BORDER_REPLICATE: where the catalogue mirrors at the border,
# Albumentations would add a box for each mirrored piece of an object, where ``move_boxes`` has one box for
# one.
CUBIC, SMEAR = 2, 1
HUE_STEP_DEG = 2.0  # a byte of OpenCV's hue

_ABOUT_BOXES = """\
# With boxes: transform(image=..., bboxes=...), rows of x1, y1, x2, y2 in px and the label; one that leaves the
# frame is dropped. Where a picture moves away its border is smeared, not mirrored: Albumentations would add a box
# for each mirrored piece of an object.
"""
_BOXES = """\
  bbox_params:
    format: pascal_voc
    label_fields: null
    min_area: 0.0
    min_visibility: 0.0
    min_width: 0.0
    min_height: 0.0
    check_each_transform: true
    clip: true
"""
_END = "  keypoint_params: null\n  additional_targets: {}\n  is_check_shapes: true\n"

Node = dict[str, Any]


def render(policy: Policy) -> r.Export:
    missing: list[str] = []
    blocks, moves = "", False
    for step in r.in_order(policy):
        node = _node(policy, step)
        if isinstance(node, str):
            missing.append(r.cannot(step, node))
            continue
        blocks += "".join(f"  # {line}\n" for line in r.why(step)) + _item(node, "  ")
        moves = moves or step.family == "geometry"
    text = r.header(policy, "Augmentation recommended by vidrobust, for Albumentations 2.")
    text += (
        '# Load it with: albumentations.load("policy_albumentations.yaml", data_format="yaml")\n'
    )
    text += "# Put it before resizing and normalising; it takes uint8 RGB arrays (H, W, 3).\n"
    text += _ABOUT_BOXES
    text += r.listing(missing)
    text += f'__version__: "{VERSION}"\ntransform:\n  __class_fullname__: Compose\n  p: 1.0\n'
    text += f"  transforms:\n{blocks}" if blocks else "  transforms: []\n"
    text += (_BOXES if moves else "  bbox_params: null\n") + _END
    return r.Export(name=NAME, text=text, not_expressed=tuple(missing))


def lacks(policy: Policy, step: PolicyStep) -> str:
    """Why Albumentations cannot do a step; "" where it can."""
    node = _node(policy, step)
    return node if isinstance(node, str) else ""


def _node(policy: Policy, step: PolicyStep) -> Node | str:
    (low, high), p = r.in_pixels(policy, step), step.probability
    name = step.perturbation
    if name in ("brightness", "contrast", "saturation"):
        return _jitter(p, **{name: list(r.factors(step))})
    if name == "hue":
        if max(abs(low), abs(high)) < HUE_STEP_DEG:
            return f"Albumentations turns hue in steps of {HUE_STEP_DEG:g} degrees"
        return _jitter(p, hue=[r.number(low / 360), r.number(high / 360)])
    if name == "exposure_offset":
        limit = [r.number(low / 255), r.number(high / 255)]
        return _transform(
            "RandomBrightnessContrast",
            p,
            brightness_limit=limit,
            contrast_limit=[0.0, 0.0],
            brightness_by_max=True,
        )
    if name == "gamma":
        return _transform(
            "RandomGamma", p, gamma_limit=[r.number(100 * f) for f in r.factors(step)]
        )
    if name in ("translation", "rotation", "scale", "shear"):
        return _geometry(policy, step)
    return _texture(policy, step)


def _geometry(policy: Policy, step: PolicyStep) -> Node | str:
    (low, high), p = r.in_pixels(policy, step), step.probability
    if step.perturbation == "translation":
        moved = r.shares(policy, step)
        if moved is None:
            return r.UNKNOWN_SIZE
        x, y = moved
        return _affine(p, translate_percent={"x": [-x, x], "y": [-y, y]})
    if step.perturbation == "rotation":
        return _affine(p, rotate=[low, high])
    if step.perturbation == "scale":
        return _affine(p, scale=list(r.factors(step)), keep_ratio=True)
    slides = [{"x": [low, high], "y": [0.0, 0.0]}, {"x": [0.0, 0.0], "y": [low, high]}]
    return _transform("OneOf", p, transforms=[_affine(1.0, shear=shear) for shear in slides])


def _texture(policy: Policy, step: PolicyStep) -> Node | str:
    (low, high), p = r.in_pixels(policy, step), step.probability
    name = step.perturbation
    if name == "gaussian_blur":
        return _transform(
            "GaussianBlur", p, blur_limit=[0, 0], sigma_limit=[max(low, 0.01), max(high, 0.01)]
        )
    if name == "motion_blur":
        longest = math.floor(high) - (math.floor(high) + 1) % 2
        if longest < 3:
            return "Albumentations smears over odd numbers of pixels from 3"
        return _transform(
            "MotionBlur",
            p,
            blur_limit=[3, longest],
            allow_shifted=False,
            angle_range=[0.0, 180.0],
            direction_range=[0.0, 0.0],
        )
    if name == "defocus_blur":
        if high < 1:
            return "Albumentations defocuses by whole pixels of radius"
        radius = [max(1, math.ceil(low)), math.floor(high)]
        return _transform("Defocus", p, radius=radius, alias_blur=[0.0, 0.0])
    if name == "gaussian_noise":
        return _transform(
            "GaussNoise",
            p,
            std_range=[r.number(low / 255), r.number(high / 255)],
            mean_range=[0.0, 0.0],
            per_channel=True,
        )
    if name == "jpeg":
        quality = [max(1, round(100 - high)), max(1, round(100 - low))]
        return _transform("ImageCompression", p, compression_type="jpeg", quality_range=quality)
    if name == "horizontal_flip":
        return _transform("HorizontalFlip", r.number(p * high))
    return "Albumentations has no such transform"


def _transform(name: str, p: float, **arguments: Any) -> Node:
    return {"__class_fullname__": name, "p": p, **arguments}


def _jitter(p: float, **ranges: list[float]) -> Node:
    still = {
        "brightness": [1.0, 1.0],
        "contrast": [1.0, 1.0],
        "saturation": [1.0, 1.0],
        "hue": [0.0, 0.0],
    }
    return _transform("ColorJitter", p, **{**still, **ranges})


def _affine(p: float, **ranges: Any) -> Node:
    return _transform("Affine", p, **ranges, interpolation=CUBIC, border_mode=SMEAR)


def _item(node: Node, indent: str) -> str:
    lines = []
    for key, value in node.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(
                f"{key}:\n" + "".join(_item(item, indent + "  ") for item in value).rstrip("\n")
            )
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return f"{indent}- " + f"\n{indent}  ".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """A YAML value in flow style. Floats keep a point: YAML 1.1 reads 1e-05 as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:.10f}".rstrip("0")
        return text + "0" if text.endswith(".") else text
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    return str(value)
