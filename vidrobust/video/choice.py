"""Which reader opens a video: tried in order, each by one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame

from vidrobust.errors import InputError, SettingsError, VidrobustError, first_line
from vidrobust.install_hint import pip_install
from vidrobust.text.printable import printable
from vidrobust.video.color import (
    ColorMode,
    Orientation,
    is_full_range,
    semi_planar_to_rgb,
    upright,
)
from vidrobust.video.marked import DeviceReader, IndexedReader, Picture
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.stream import Reader

# PyAV with NVDEC: surfaces stay on the GPU, where torch makes RGB of them.

# Bits a sample of the surfaces that NVDEC gives for 4:2:0
SURFACES = {"nv12": 8, "p010le": 10, "p012le": 12, "p016le": 16}


def open_pyav(asked: VideoRequest) -> PyAVReader:
    return PyAVReader(asked.path, item=asked.item, color=asked.color)


def open_pyav_cuda(asked: VideoRequest, device: str) -> DeviceReader:
    """The file decoded on ``device`` ("cuda:N"); raises what PyAV or torch raise."""
    number = torch.device(device).index or 0

    def hwaccel() -> HWAccel:
        # torch's context of this card becomes the current one of this thread, which the decoder shares
        torch.cuda.set_device(number)
        torch.zeros(1, device=device)
        return HWAccel(
            "cuda",
            device=str(number),
            allow_software_fallback=False,
            is_hw_owned=True,
            options={"primary_ctx": "0", "current_ctx": "1"},
        )

    reader = PyAVReader(
        asked.path,
        item=asked.item,
        color="accurate",
        device=device,
        painter=SurfaceConverter,
        hwaccel=hwaccel,
    )
    return DeviceReader(reader, open_pyav(asked))


class SurfaceConverter:
    """Surfaces of one pass to RGB, on the device they lie on."""

    def __init__(self) -> None:
        self._orientation = Orientation()

    def __call__(self, frame: VideoFrame) -> torch.Tensor:
        """Return (H, W, 3) uint8 RGB, upright, on the device of the frame's planes (NV12 or P010).

        In new memory, since the decoder uses its surfaces again.
        """
        layout = (frame.sw_format or frame.format).name
        if layout not in SURFACES:
            raise InputError(
                f"{layout} pictures are not converted on a device, only 4:2:0 of 8 to 16 bits"
            )
        # not torch.from_dlpack(plane): it passes a stream, which PyAV refuses
        luma, chroma = (
            torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in frame.planes[:2]
        )
        rgb = semi_planar_to_rgb(
            luma, chroma, frame.colorspace, full_range=is_full_range(frame), bits=SURFACES[layout]
        )
        return upright(rgb, self._orientation(frame))


# Frames by torchcodec, on the CPU or by NVDEC on a GPU.


def open_torchcodec(asked: VideoRequest, device: str = "cpu") -> IndexedReader:
    if device == "cpu":
        _refuse_accurate(asked)
    try:
        decoders = import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        raise SettingsError(
            f"backend torchcodec cannot be imported ({str(error).splitlines()[0]}); "
            f"{pip_install('torchcodec')} beside a shared FFmpeg, or use the backend pyav"
        ) from error
    path = asked.path
    return IndexedReader(
        path,
        asked.item,
        "torchcodec",
        device,
        partial(_TorchCodec, decoders.VideoDecoder, path, device),
    )


class _TorchCodec:
    from_first = False

    def __init__(self, decoder: Any, path: Path, device: str, threads: int) -> None:
        self._decoder = decoder(
            str(path.absolute()),
            dimension_order="NHWC",
            num_ffmpeg_threads=threads,
            device=device,
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


# Frames by decord, on the CPU; FFmpeg 4, without AV1.


def open_decord(asked: VideoRequest) -> IndexedReader:
    _refuse_accurate(asked)
    try:
        import decord
    except (ImportError, OSError) as error:
        raise SettingsError(
            f"backend decord is not installed; {pip_install('decord')}, or use the backend pyav"
        ) from error
    decord.logging.set_level(decord.logging.QUIET)
    path = asked.path
    return IndexedReader(path, asked.item, "decord", "cpu", partial(_Decord, decord, path))


def _refuse_accurate(asked: VideoRequest) -> None:
    if asked.color != "fast":
        raise SettingsError(
            "color: on the CPU torchcodec and decord convert by swscale, which is not accurate; use --color fast "
            "with them, or the backend pyav"
        )


class _Decord:
    from_first = True

    def __init__(self, decord: Any, path: Path, threads: int) -> None:
        self._video = decord.VideoReader(
            str(path.absolute()), ctx=decord.cpu(0), num_threads=threads
        )

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        for index in range(start, stop):
            yield self._video[index].asnumpy(), float(self._video.get_frame_timestamp(index)[0])


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    # Where it is, and its name as an input.
    path: Path
    item: str
    color: ColorMode  # how pictures become RGB


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A library that decodes; ``in_auto``: ``auto`` may choose it."""

    name: str
    on_cpu: Callable[[VideoRequest], Reader]
    on_device: Callable[[VideoRequest, str], Reader] | None = None
    in_auto: bool = True


# The decoders, in the order in which ``auto`` tries them on a device. A new one is a file and a line here.
DECODERS: tuple[Decoder, ...] = (
    Decoder(name="torchcodec", on_cpu=open_torchcodec, on_device=open_torchcodec),
    Decoder(name="pyav", on_cpu=open_pyav, on_device=open_pyav_cuda),
    Decoder(name="decord", on_cpu=open_decord, in_auto=False),
)
# What ``auto`` takes on the CPU: the exact one (docs/decoding.md)
ON_CPU = "pyav"
BACKENDS = ("auto", *(decoder.name for decoder in DECODERS))


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to decode: name, where it decodes and delivers, and how it is opened."""

    name: str
    decodes_on: str
    delivers_on: str
    open: Callable[[], Any]  # () -> Reader; raises where it cannot be


@dataclass(frozen=True, kw_only=True)
class ChosenReader:
    """The reader taken, and the device to which its batches must still be copied."""

    reader: Reader
    upload: str | None


def check_backend(backend: str) -> None:
    if backend not in BACKENDS:
        raise SettingsError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")


def routes(asked: VideoRequest, *, backend: str, device: str) -> list[Route]:
    by_name = {decoder.name: decoder for decoder in DECODERS}
    plain = by_name[ON_CPU if backend == "auto" else backend]
    tried = []
    for d in DECODERS if device != "cpu" else ():
        if d.on_device and (d.name == backend or (backend == "auto" and d.in_auto)):
            opened = partial(d.on_device, asked, device)
            tried.append(Route(name=d.name, decodes_on=device, delivers_on=device, open=opened))
    opened = partial(plain.on_cpu, asked)
    return [*tried, Route(name=plain.name, decodes_on="cpu", delivers_on=device, open=opened)]


def choose(tried: Sequence[Route], *, swapped: str = "") -> ChosenReader:
    """Return the first route that gives one frame; ``info.reason`` says why it, and why not earlier ones."""
    passed: list[str] = [swapped] if swapped else []
    for place, route in enumerate(tried):
        last = place == len(tried) - 1
        reader: Reader | None = None
        try:
            reader = route.open()
            if not last:
                _probe(reader, route)
        except Exception as error:  # drivers and optional libraries raise whatever they like
            if reader is not None:
                reader.close()
            if last and (isinstance(error, VidrobustError) or not passed):
                raise
            passed.append(f"{route.name} on {route.decodes_on} failed ({first_line(error)})")
            continue
        how = f"{route.name} decodes on {route.decodes_on}"
        upload = None
        if route.decodes_on == "cpu" and route.delivers_on != "cpu":
            upload = route.delivers_on
            how += f" and batches are copied to {upload}"
        reader.info = replace(reader.info, reason="; ".join([how, *passed]))
        return ChosenReader(reader=reader, upload=upload)
    raise InputError(f"{tried[-1].name}: nothing decodes the file: {'; '.join(passed)}")


def _probe(reader: Reader, route: Route) -> None:
    if mismatch := getattr(reader, "mismatch", None):
        raise InputError(mismatch)
    frames = reader.frames()
    try:
        frame = next(frames, None)
        if frame is None:
            raise InputError("it gives no frame")
        picture = frame.rgb()
        where = str(picture.device) if isinstance(picture, torch.Tensor) else "cpu"
        if where != route.decodes_on:
            raise InputError(f"its pictures lie on {where}")
        # of MPEG-TS the first frames may be lost
        if other_time := getattr(reader, "other_time", None):
            raise InputError(other_time)
    finally:
        frames.close()
