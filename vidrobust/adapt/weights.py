"""Weights that were trained, and the card that says what they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vidrobust.files.atomic import write_text
from vidrobust.models.known import parse_spec
from vidrobust.models.spec import split_options

TAKES_WEIGHTS = ("torchvision", "timm", "line", "factory")


def save_weights(module: nn.Module, path: Path) -> None:
    """The state of a module, written beside and then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    torch.save(state, beside)
    os.replace(beside, path)


def spec_with(spec: str, weights: Path, classes: int) -> str:
    """The spec that loads these weights; "" where a spec of this kind takes none."""
    parsed = parse_spec(spec)
    if parsed.kind not in TAKES_WEIGHTS:
        return ""
    head, options = split_options(spec)
    before = options.get("weights", "")
    if parsed.kind == "torchvision" and before and not Path(before).is_file():
        options["preset"] = before
    options["weights"] = str(weights)
    if parsed.kind in ("torchvision", "timm"):
        options.setdefault("num_classes", str(classes))
    for key in ("engine", "threads", "precision"):
        options.pop(key, None)
    return ",".join([head, *(f"{key}={value}" for key, value in options.items())])


def write_card(path: Path, about: Mapping[str, Any], sentences: Sequence[str]) -> None:
    """card.md beside the weights: from what, how, how good, and what it does not say."""
    load = f"`{about['spec']}`" if about["spec"] else "load_state_dict of this file in your own factory"
    lines = [
        f"# {about['model']}, fine-tuned: {about['arm']}",
        "",
        f"{about['sentence']}. Loaded by {load}.",
        "",
        *(f"- {name}: {value}" for name, value in about["facts"].items()),
        "",
        "## Measured on held-out footage",
        "",
        *(f"- {sentence}" for sentence in sentences),
        "",
        "The figures are means over all seeds of the arm; the weights are those of the first seed, which was not "
        "chosen. They speak of footage like this: another line has to be measured again.",
        "",
    ]
    write_text(path, "\n".join(lines))
