"""The files of a transplant: the map, the worst cases, the tables and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text
from vidrobust.predictions import Classifier, Detector
from vidrobust.protocols.transplant.cutout import Cutout
from vidrobust.protocols.transplant.pictures import draw_map, draw_worst
from vidrobust.protocols.transplant.study import Background, Settings, Transplant


def write(
    found: Transplant,
    backgrounds: Sequence[Background],
    model: Classifier | Detector,
    cutout: Cutout,
    settings: Settings,
    said: dict[str, Any],
    folder: Path,
) -> list[str]:
    """Write everything into a folder, and say which files; worst cases of an earlier call are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("worst_*.png"):
        old.unlink()
    draw_map(found, backgrounds, folder / "map.png")
    found.positions.to_parquet(folder / "positions.parquet", index=False)
    names = ["map.png", "positions.parquet", "transplant.json"]
    if model.task == "detection":
        found.effects.to_parquet(folder / "effects.parquet", index=False)
        names += ["effects.parquet", *draw_worst(found, backgrounds, model, cutout, settings, folder)]
    files = [str(folder / name) for name in names]
    write_text(folder / "transplant.json", json_text({**said, "files": files}))
    return files
