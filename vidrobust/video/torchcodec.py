"""Frames by torchcodec, on the CPU or by NVDEC on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.text.printable import printable
from vidrobust.video.color import ColorMode
from vidrobust.video.indexed import IndexedReader, Picture


def open_torchcodec(path: Path, *, item: str, device: str, color: ColorMode, reason: str) -> IndexedReader:
    """The file read by torchcodec on ``device``; raises SettingsError where torchcodec is not to be had."""
    if color != "fast":
        raise SettingsError("color: 'accurate' is offered by the backend pyav alone; use that, or 'fast'")
    try:
        decoders = import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        raise SettingsError(
            f"backend torchcodec cannot be imported ({str(error).splitlines()[0]}); "
            f"{pip_install('torchcodec')} beside a shared FFmpeg, or use the backend pyav"
        ) from error
    return IndexedReader(
        path,
        item=item,
        backend="torchcodec",
        device=device,
        reason=reason,
        open_decoder=lambda: _TorchCodec(decoders.VideoDecoder, path, device),
    )


class _TorchCodec:
    def __init__(self, decoder: Any, path: Path, device: str) -> None:
        self._decoder = decoder(
            str(path.absolute()), dimension_order="NHWC", num_ffmpeg_threads=0, device=device
        )
        fallback = getattr(self._decoder, "cpu_fallback", None)
        if device != "cpu" and (self._decoder[0].device.type == "cpu" or fallback):
            raise InputError(
                f"{printable(path)}: torchcodec decodes it on the CPU, not on {device} ({fallback})"
            )

    def __len__(self) -> int:
        return int(self._decoder.metadata.num_frames)

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        chunk = self._decoder.get_frames_in_range(start, stop)
        for picture, time_s in zip(chunk.data, chunk.pts_seconds.tolist(), strict=True):
            yield (picture.numpy() if picture.device.type == "cpu" else picture), time_s
