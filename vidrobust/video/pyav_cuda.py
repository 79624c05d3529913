"""PyAV with NVDEC: surfaces stay on the GPU, and torch makes RGB of them there."""

from __future__ import annotations

from pathlib import Path

import torch
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame

from vidrobust.errors import InputError
from vidrobust.video.color import (
    Orientation,
    is_full_range,
    semi_planar_to_rgb,
    upright,
)
from vidrobust.video.pyav import PyAVReader

SURFACES = {"nv12": 8, "p010le": 10, "p012le": 12, "p016le": 16}
"""Bits a sample of the surfaces that NVDEC gives for 4:2:0."""


def open_pyav_cuda(path: Path, *, item: str, device: str, reason: str) -> PyAVReader:
    """The file decoded on ``device`` ("cuda:N"); raises what PyAV or torch raise where that cannot be."""
    number = torch.device(device).index or 0

    def hwaccel() -> HWAccel:
        torch.zeros(1, device=device)  # makes torch's context current on this thread; the decoder shares it
        return HWAccel(
            "cuda",
            device=str(number),
            allow_software_fallback=False,
            is_hw_owned=True,
            options={"primary_ctx": "0", "current_ctx": "1"},
        )

    return PyAVReader(
        path,
        item=item,
        color="accurate",
        reason=reason,
        device=device,
        painter=SurfaceConverter,
        hwaccel=hwaccel,
    )


class SurfaceConverter:
    """Surfaces of one pass to RGB, on the device they lie on."""

    def __init__(self) -> None:
        self._orientation = Orientation()

    def __call__(self, frame: VideoFrame) -> torch.Tensor:
        """(H, W, 3) uint8 RGB, upright, in new memory on the device of the frame's planes.

        The decoder uses its surfaces again, so the planes are not kept. Works on NV12 and P010 frames in host
        memory as well. Raises InputError for other layouts.
        """
        layout = (frame.sw_format or frame.format).name
        if layout not in SURFACES:
            raise InputError(f"{layout} pictures are not converted on a device, only 4:2:0 of 8 to 16 bits")
        # not torch.from_dlpack(plane): it passes a stream, which PyAV refuses
        luma, chroma = (torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in frame.planes[:2])
        rgb = semi_planar_to_rgb(
            luma, chroma, frame.colorspace, full_range=is_full_range(frame), bits=SURFACES[layout]
        )
        return upright(rgb, self._orientation(frame))
