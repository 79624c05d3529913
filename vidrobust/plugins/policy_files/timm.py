"""policy_timm.py: auto-augment strings of timm, one per step that such a string can say.

With the operation named beside it, a string's magnitude M, a whole number of at most 10, means

    BrightnessIncreasing, ContrastIncreasing, ColorIncreasing   factor 1 - 0.09 M to 1 + 0.09 M
    Rotate                                                      3 M degrees
    TranslateXRel, TranslateYRel                                translate_pct M / 10 of a side
    ShearX, ShearY                                              slope 0.03 M
    GaussianBlur                                                sigma 0.1 + 0.19 M px

and ``mstd101`` draws evenly from 0 to M. M is rounded down: never stronger than the policy.
"""

from __future__ import annotations

import math

from vidrobust.stages.policy.exports import rendered as r
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_timm.py"
LARGEST = 10
_ENHANCED = {
    "brightness": "BrightnessIncreasing",
    "contrast": "ContrastIncreasing",
    "saturation": "ColorIncreasing",
}

_START = """
from __future__ import annotations

from timm.data.auto_augment import rand_augment_transform
from torchvision.transforms import Compose

# timm's auto-augment string, the operation it is to use, and its share of a side
AUTO_AUGMENT = (
"""
_END = '''\
)


def train_transform(img_mean=(124, 116, 104)) -> Compose:
    """Augmentation for training on PIL images; what moves away leaves the colour ``img_mean`` behind."""
    return Compose(
        [
            rand_augment_transform(text, {"img_mean": img_mean, "translate_pct": share}, [operation])
            for text, operation, share in AUTO_AUGMENT
        ]
    )
'''
_WHERE = """\
# Put it before resizing. Leave --aa off: a string alone draws from timm's own list of operations and sizes.
# policy_torchvision.py says the same policy without rounding, for any training code that takes transforms.
"""


def render(policy: Policy) -> r.Export:
    lines, missing = "", []
    for step in r.in_order(policy):
        entries = _entries(policy, step)
        if isinstance(entries, str):
            missing.append(r.cannot(step, entries))
            continue
        lines += "".join(f"    # {line}\n" for line in r.why(step))
        for operation, magnitude, share in entries:
            text = f"rand-m{magnitude}-n1-p{step.probability:g}-mstd101"
            lines += f'    ("{text}", "{operation}", {share}),\n'
    start = r.header(policy, "Augmentation recommended by vidrobust, for timm.")
    return r.Export(
        name=NAME,
        text=start + _WHERE + r.listing(missing) + _START + lines + _END,
        not_expressed=tuple(missing),
    )


def lacks(policy: Policy, step: PolicyStep) -> str:
    """Why timm cannot do a step; "" where it can."""
    entries = _entries(policy, step)
    return entries if isinstance(entries, str) else ""


def _entries(policy: Policy, step: PolicyStep) -> list[tuple[str, int, float]] | str:
    """(operation, magnitude, translate_pct) of a step; or why there is none."""
    name = step.perturbation
    if name == "translation":
        moved = r.shares(policy, step)
        if moved is None:
            return r.UNKNOWN_SIZE
        named = zip(("TranslateXRel", "TranslateYRel"), moved, strict=True)
        return [(operation, LARGEST, share) for operation, share in named if share > 0]
    either_way = min(abs(step.low), step.high)
    if name in _ENHANCED:
        return _whole(_ENHANCED[name], r.even(step), 0.09, "of gain")
    if name == "rotation":
        return _whole("Rotate", either_way, 3.0, "degrees")
    if name == "shear":
        sheared = _whole("ShearX", math.tan(math.radians(either_way)), 0.03, "of slope")
        if isinstance(sheared, str):
            return sheared
        axes = ("ShearX", "ShearY")
        return [(axis, size, share) for axis in axes for _, size, share in sheared]
    if name == "gaussian_blur":
        return _whole(
            "GaussianBlur", r.in_pixels(policy, step)[1] - 0.1, 0.19, "px of sigma beyond 0.1"
        )
    return "timm has no such operation"


def _whole(
    operation: str, size: float, unit: float, what: str
) -> list[tuple[str, int, float]] | str:
    magnitude = min(LARGEST, math.floor(r.number(size / unit) + 1e-9))
    if magnitude < 1:
        return f"timm's smallest step is {unit:g} {what}"
    return [(operation, magnitude, 0.0)]
