"""Write a policy in every format."""

from __future__ import annotations

from pathlib import Path

from vidrobust.files.atomic import write_text
from vidrobust.stages.policy.exports.albumentations import render as albumentations
from vidrobust.stages.policy.exports.kornia import render as kornia
from vidrobust.stages.policy.exports.rendered import Export
from vidrobust.stages.policy.exports.timm import render as timm
from vidrobust.stages.policy.exports.torchvision import render as torchvision
from vidrobust.stages.policy.exports.ultralytics import render as ultralytics
from vidrobust.stages.policy.policy import Policy


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
