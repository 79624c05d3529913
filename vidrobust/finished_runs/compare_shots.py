"""Pictures of frames on which two runs say different things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from vidrobust.errors import InputError
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import Run
from vidrobust.report.drawing import data_uri
from vidrobust.run_folder.folder import RunFolder

WIDTH = 300


def shots_of(
    folder: RunFolder, frames: Sequence[Mapping[str, Any]], *, pictures: bool = True
) -> list[dict[str, Any]]:
    """Return the frames with ``uri``, a JPEG; empty where the footage is not there."""
    run = Run(folder, folder.settings, Reporter(quiet=True))
    return [{**each, "uri": _taken(run, each) if pictures else ""} for each in frames]


def _taken(run: Run, shot: Mapping[str, Any]) -> str:
    try:
        with run.opened(shot["item"]) as source:
            rgb = source.at([shot["frame"]]).pixels[0].permute(1, 2, 0).cpu().numpy()
    except InputError:
        return ""
    if rgb.shape[1] > WIDTH:
        size = (WIDTH, max(1, round(rgb.shape[0] * WIDTH / rgb.shape[1])))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return data_uri("jpeg", data.tobytes()) if done else ""
