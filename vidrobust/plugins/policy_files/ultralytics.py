"""policy_ultralytics.yaml: training hyper-parameters of Ultralytics, by their published meaning.

hsv_h turns the hue by +-h of a whole turn; hsv_s and hsv_v scale saturation and value by 1 - s to 1 + s,
scale the size. degrees and shear are +-degrees, shear in both axes. translate is a share of the square
training picture, whose side is the footage's longer one. fliplr is a probability.
"""

from __future__ import annotations

from vidrobust.stages.policy.exports import rendered as r
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_ultralytics.yaml"
KEYS = {
    "hue": "hsv_h",
    "saturation": "hsv_s",
    "brightness": "hsv_v",
    "rotation": "degrees",
    "translation": "translate",
    "scale": "scale",
    "shear": "shear",
    "perspective": "perspective",
}
_WHERE = """\
# Use it as overrides: yolo detect train cfg=policy_ultralytics.yaml model=... data=...
# Meant for detection, segmentation and pose; in classification Ultralytics reads scale otherwise.
# Ultralytics draws these for every picture: probabilities are not expressed.
# A key at 0.0 is switched off because the footage speaks against it; policy.json says why. A key that is not
# here keeps its default: it was not measured, or the footage does not decide it.
# Nothing is said of mosaic, mixup, copy_paste, erasing, fliplr, flipud and auto_augment: they do what they do by
# default. auto_augment (classification) holds brightness, contrast, colour, rotation, shear and translation.
"""


def render(policy: Policy) -> r.Export:
    missing: list[str] = []
    notes: dict[str, list[str]] = {}
    off = {one.perturbation for one in policy.rejected if one.is_off}
    values = {key: 0.0 for name, key in KEYS.items() if name in off}
    for step in r.in_order(policy):
        entry = _value(policy, step)
        if isinstance(entry, str):
            missing.append(r.cannot(step, entry))
            continue
        key, value, remark = entry
        values[key] = value
        notes[key] = [*r.why(step), *([remark] if remark else [])]
        if remark:
            missing.append(f"{step.perturbation}: {remark}")
    body = ""
    for key, value in values.items():
        body += "".join(f"# {line}\n" for line in notes.get(key, [])) + f"{key}: {_float(value)}\n"
    start = r.header(
        policy, "Augmentation recommended by vidrobust, as Ultralytics hyper-parameters."
    )
    return r.Export(
        name=NAME, text=start + _WHERE + r.listing(missing) + body, not_expressed=tuple(missing)
    )


def lacks(policy: Policy, step: PolicyStep) -> str:
    """Why Ultralytics cannot do a step; "" where it can."""
    value = _value(policy, step)
    return value if isinstance(value, str) else ""


def _value(policy: Policy, step: PolicyStep) -> tuple[str, float, str] | str:
    """(key, value, what is inexact about it) of a step; or why there is none."""
    name, either_way = step.perturbation, r.number(min(abs(step.low), step.high))
    if name == "translation":
        return _translate(policy, step)
    if name in ("brightness", "scale"):
        return KEYS[name], r.even(step), ""
    if name == "saturation":
        return (
            KEYS[name],
            r.even(step),
            "about HSV value, not luma: chroma changes alike, brightness moves a little",
        )
    if name == "hue":
        return KEYS[name], r.number(either_way / 360), ""
    if name in ("rotation", "shear"):
        return KEYS[name], either_way, ""
    if name == "horizontal_flip":
        return "fliplr", r.number(step.probability * step.high), ""
    return "Ultralytics has no such hyper-parameter"


def _translate(policy: Policy, step: PolicyStep) -> tuple[str, float, str] | str:
    if policy.image_size is None:
        return r.UNKNOWN_SIZE
    x, y = step.axes or (step.high, step.high)
    height, width = policy.image_size
    share = r.number(min(x, y) * width / max(height, width))
    if share == 0:
        return "the footage moves along one axis only, and Ultralytics' number is for both"
    remark = (
        f"one number for both axes, so the smaller of {x:g} and {y:g} of the width"
        if x != y
        else ""
    )
    return "translate", min(share, 1.0), remark


def _float(value: float) -> str:
    text = f"{value:.8f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
