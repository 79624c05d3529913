"""Write a policy in every format."""

from __future__ import annotations

from pathlib import Path

from vidrobust.files import write_text
from vidrobust.policy.exports.albumentations import render as albumentations
from vidrobust.policy.exports.kornia import render as kornia
from vidrobust.policy.exports.rendered import Export
from vidrobust.policy.exports.timm import render as timm
from vidrobust.policy.exports.torchvision import render as torchvision
from vidrobust.policy.exports.ultralytics import render as ultralytics
from vidrobust.policy.policy import Policy


def render_all(policy: Policy) -> list[Export]:
    """The files of a policy, policy.json first."""
    return [
        Export(name="policy.json", text=policy.to_json()),
        *(render(policy) for render in (torchvision, albumentations, kornia, timm, ultralytics)),
    ]


def write_all(policy: Policy, folder: Path) -> list[Path]:
    """Write every file of a policy into a folder, each beside first and then renamed; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for export in render_all(policy):
        path = folder / export.name
        write_text(path, export.text)
        paths.append(path)
    return paths
