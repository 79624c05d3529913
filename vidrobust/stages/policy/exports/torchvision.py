"""policy_torchvision.py: a module of torchvision v2 transforms that stands alone."""

from __future__ import annotations

import re
from pathlib import Path

from vidrobust.stages.policy.exports.rendered import (
    UNKNOWN_SIZE,
    Export,
    cannot,
    factors,
    header,
    in_order,
    in_pixels,
    listing,
    number,
    shares,
    why,
)
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_torchvision.py"

# Pieces of the module by name: its head, its end, and the functions that a policy may need
_, *_PIECES = re.split(
    r"^#### (\w+)\n",
    Path(__file__).with_suffix(".txt").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
TEXT = dict(zip(_PIECES[::2], _PIECES[1::2], strict=True))
FUNCTIONS = TEXT.keys() - {"imports", "end", "gaussian_blur"}


def render(policy: Policy) -> Export:
    body, functions, missing = "", "", []
    for step in in_order(policy):
        call = _call(policy, step)
        if call is None:
            missing.append(cannot(step, lacks(policy, step)))
            continue
        body += "".join(f"            # {line}\n" for line in why(step))
        body += f"            v2.RandomApply([{call}], p={step.probability:g}),\n"
        if step.perturbation == "gaussian_blur":
            functions += TEXT["gaussian_blur"]
        if step.perturbation in FUNCTIONS:
            relative = step.perturbation in ("white_balance", "gamma")
            low, high = factors(step) if relative else (number(step.low), number(step.high))
            functions += TEXT[step.perturbation].format(low=low, high=high)
    body = body or "            v2.Identity(),  # nothing is recommended\n"
    start = header(policy, "Augmentation recommended by vidrobust, for torchvision.transforms.v2.")
    return Export(
        name=NAME,
        text=start + listing(missing) + TEXT["imports"] + body + TEXT["end"] + functions,
        not_expressed=tuple(missing),
    )


def _call(policy: Policy, step: PolicyStep) -> str | None:
    low, high = in_pixels(policy, step)
    name = step.perturbation
    if name in FUNCTIONS:
        return f"Levels({name})"
    if name in ("brightness", "contrast", "saturation"):
        return f"v2.ColorJitter({name}={factors(step)})"
    if name == "hue":
        return f"v2.ColorJitter(hue=({number(low / 360)}, {number(high / 360)}))"
    if name == "translation":
        moved = shares(policy, step)
        return None if moved is None else f"MirroredAffine(translate={moved})"
    if name == "shear":
        slides = (f"({low}, {high}, 0.0, 0.0)", f"(0.0, 0.0, {low}, {high})")
        return "v2.RandomChoice([" + ", ".join(f"MirroredAffine(shear={s})" for s in slides) + "])"
    return {
        "rotation": f"MirroredAffine(degrees=({low}, {high}))",
        "scale": f"MirroredAffine(scale={factors(step)})",
        "horizontal_flip": f"v2.RandomHorizontalFlip(p={high})",
        "gaussian_blur": f"gaussian_blur({low}, {high}, pixels_per_footage_pixel)",
        "jpeg": f"v2.JPEG(quality=({max(1, round(100 - high))}, {max(1, round(100 - low))}))",
    }.get(name)


def lacks(policy: Policy, step: PolicyStep) -> str:
    """Why torchvision cannot do a step; "" where it can."""
    if _call(policy, step) is not None:
        return ""
    if step.perturbation == "translation" and policy.image_size is None:
        return UNKNOWN_SIZE
    return "torchvision has no such transform"
