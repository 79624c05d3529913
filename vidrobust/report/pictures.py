"""Pictures, saved beside a run and carried inside a page until its budget is spent."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vidrobust.files.atomic import write_bytes
from vidrobust.report.drawing import data_uri

BUDGET_BYTES = 6_000_000  # what the pictures of all moments may weigh in the page
PICTURE_WIDTH = 640  # of the pictures of a moment, px


class Pictures:
    def __init__(self, folder: Path, room: int | None = None) -> None:
        self.folder, self.refused = folder.resolve(), 0
        self.left = BUDGET_BYTES if room is None else room

    def uri(self, name: str | None) -> str:
        """Empty for what is not there, lies outside the run folder, or no longer fits."""
        if not name:
            return ""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            return ""
        data = path.read_bytes()
        kind = "png" if path.suffix.lower() == ".png" else "jpeg"
        uri = data_uri(kind, data)
        if len(uri) > self.left:
            self.refused += 1
            return ""
        self.left -= len(uri)
        return uri


def jpeg(rgb: np.ndarray, width: int) -> bytes:
    """Return a JPEG of at most this width."""
    rgb = narrowed(rgb, width)
    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def narrowed(rgb: np.ndarray, width: int) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 of at most this width."""
    if rgb.shape[1] <= width:
        return rgb
    size = (width, max(1, round(rgb.shape[0] * width / rgb.shape[1])))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def save_picture(rgb: np.ndarray, path: Path, width: int) -> None:
    """Write a picture of at most this width, as PNG where the name ends so, else as JPEG."""
    if path.suffix == ".png":
        write_bytes(path, cv2.imencode(".png", narrowed(rgb, width)[..., ::-1])[1].tobytes())
    else:
        write_bytes(path, jpeg(rgb, width))
