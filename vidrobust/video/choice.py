"""Which reader opens a video: tried in order, each by one frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame

from vidrobust.errors import InputError, SettingsError, VidrobustError
from vidrobust.frames.device import resolve_or_cpu
from vidrobust.install_hint import pip_install
from vidrobust.text.printable import printable
from vidrobust.video.color import (
    SEVERAL_VIEWS,
    ColorMode,
    Orientation,
    has_several_views,
    is_full_range,
    semi_planar_to_rgb,
    upright,
)
from vidrobust.video.container import open_container, video_stream
from vidrobust.video.description import FrameTable, describe, first_frame, refreshes
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.stream import Decoded, Reader

# Readers that number the frames themselves, compared with the packets of the file.

CHUNK = 8  # frames asked for at once
SAME_TIME_S = 2e-3  # decord keeps times in single precision, Matroska in milliseconds

Picture = tuple["np.ndarray | torch.Tensor", float]


class IndexedDecoder(Protocol):
    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        """Yield (H, W, 3) uint8 RGB and time in s of frames ``start`` to ``stop``."""
        ...


class IndexedReader:
    """A file read by another decoder; opened anew for each pass.

    These decoders do not report damage, and some lose or repeat frames of edit lists and MPEG-TS. So count
    and times of frames are compared with the packets; differences are problems.
    """

    def __init__(
        self,
        path: Path,
        item: str,
        backend: str,
        device: str,
        open_decoder: Callable[[], IndexedDecoder],
    ) -> None:
        self.device = device
        self.path, self._backend, self._open = path, backend, open_decoder
        self._failures: dict[str, str] = {}
        with open_container(path) as container:
            stream = video_stream(container, path)
            frame = first_frame(path, container, stream)
            self.info, _ = describe(
                container, stream, frame, item=item, backend=backend, device=device
            )
            if has_several_views(frame):
                self._failures["views"] = SEVERAL_VIEWS
            self._tick = float(stream.time_base or 1)
        with open_container(path) as container:
            self._table = FrameTable.from_packets(container, video_stream(container, path))
        with open_container(path) as container:
            self._refreshes = refreshes(container, video_stream(container, path))
        self.mismatch = self._compare(self._opened())

    @property
    def problems(self) -> tuple[str, ...]:
        return (*((self.mismatch,) if self.mismatch else ()), *self._failures.values())

    def frames(self, first: int = 0) -> Generator[Decoded]:
        decoder = self._opened()
        for start in range(first, len(decoder), CHUNK):
            stop = min(start + CHUNK, len(decoder))
            try:
                pictures = list(decoder.read(start, stop))
            except Exception as error:  # these libraries raise whatever they like
                self._failures["stopped"] = (
                    f"{self._backend} stopped at frame {start} of {len(decoder)} ({_line(error)})"
                )
                return
            for index, (picture, time_s) in enumerate(pictures, start):
                self._check_time(index, time_s)
                if picture.ndim != 3 or picture.shape[2] != 3:
                    self._failures["shape"] = (
                        f"{self._backend} stopped at frame {index}: pictures of shape {tuple(picture.shape)}"
                    )
                    return
                yield Decoded(
                    index=index,
                    time_s=time_s,
                    corrupt=False,
                    keyframe=self._is_keyframe(index),
                    rgb=partial(_same, picture),
                )

    def close(self) -> None:
        """Nothing is held between passes."""

    def start_before(self, index: int) -> int:
        return index

    def index_before(self, time_s: float) -> int:
        if self._table is None or self.mismatch is not None:
            return 0
        return max(self._table.index_after(int(time_s / self._tick) - 1) - 1, 0)

    def _opened(self) -> IndexedDecoder:
        try:
            return self._open()
        except Exception as error:  # these libraries raise whatever they like
            raise InputError(
                f"{printable(self.path)}: {self._backend} cannot read it ({_line(error)})"
            ) from error

    def _compare(self, decoder: IndexedDecoder) -> str | None:
        if self._table is None:
            return f"the frames of {self._backend} cannot be checked: the packets have no usable time stamps"
        if len(self._table) != len(decoder):
            return f"{self._backend} gives {len(decoder)} frames, the file holds {len(self._table)} packets"
        return None

    def _is_keyframe(self, index: int) -> bool:
        if self._table is None or self.mismatch is not None or not self._refreshes:
            return False
        return self._table.key_before(index) == index

    def _check_time(self, index: int, time_s: float) -> None:
        if self._table is None or index >= len(self._table) or "time" in self._failures:
            return
        stated = self._table.stamps[index] * self._tick
        if abs(time_s - stated) > SAME_TIME_S:
            self._failures["time"] = (
                f"{self._backend} puts frame {index} at {time_s:.3f} s, the file at {stated:.3f} s"
            )


def _same(picture: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    return picture


# PyAV with NVDEC: surfaces stay on the GPU, where torch makes RGB of them.

# Bits a sample of the surfaces that NVDEC gives for 4:2:0
SURFACES = {"nv12": 8, "p010le": 10, "p012le": 12, "p016le": 16}


def open_pyav(asked: VideoRequest) -> PyAVReader:
    return PyAVReader(asked.path, item=asked.item, color=asked.color, thorough=asked.thorough)


def open_pyav_cuda(asked: VideoRequest, device: str) -> PyAVReader:
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

    return PyAVReader(
        asked.path,
        item=asked.item,
        color="accurate",
        device=device,
        painter=SurfaceConverter,
        hwaccel=hwaccel,
    )


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
        lambda: _TorchCodec(decoders.VideoDecoder, path, device),
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
    return IndexedReader(path, asked.item, "decord", "cpu", lambda: _Decord(decord, path))


def _refuse_accurate(asked: VideoRequest) -> None:
    if asked.color != "fast":
        raise SettingsError(
            "color: 'accurate' is offered by the backend pyav alone; use that, or 'fast'"
        )


class _Decord:
    def __init__(self, decord: Any, path: Path) -> None:
        self._video = decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0))

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
    thorough: bool = False  # whether it is decoded twice in any case


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


def check_backend(backend: str) -> str:
    if backend not in BACKENDS:
        raise SettingsError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    return backend


def resolve_target(device: str, *, strict: bool) -> tuple[str, str]:
    found, why = resolve_or_cpu(device)
    if why and strict:
        raise SettingsError(f"device: {why}, and a strict device forbids another")
    return found, why


def routes(asked: VideoRequest, *, backend: str, device: str) -> list[Route]:
    by_name = {decoder.name: decoder for decoder in DECODERS}
    plain = by_name[ON_CPU if backend == "auto" else backend]
    last = Route(
        name=plain.name, decodes_on="cpu", delivers_on=device, open=lambda: plain.on_cpu(asked)
    )
    if device == "cpu":
        return [last]
    first = [d for d in DECODERS if d.name == backend or (backend == "auto" and d.in_auto)]
    on_device = [
        Route(
            name=d.name,
            decodes_on=device,
            delivers_on=device,
            open=partial(d.on_device, asked, device),
        )
        for d in first
        if d.on_device
    ]
    return [*on_device, last]


def choose(tried: Sequence[Route], *, strict: bool, swapped: str = "") -> ChosenReader:
    """Return the first route that gives one frame; ``info.reason`` says why it, and why not earlier ones.

    ``strict`` forbids decoding elsewhere than where the pictures are delivered.
    """
    passed: list[str] = [swapped] if swapped else []
    for place, route in enumerate(tried):
        last = place == len(tried) - 1
        if strict and route.decodes_on != route.delivers_on:
            continue
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
            passed.append(f"{route.name} on {route.decodes_on} failed ({_line(error)})")
            continue
        how = f"{route.name} decodes on {route.decodes_on}"
        if _is_uploaded(route):
            how += f" and batches are copied to {route.delivers_on}"
        reader.info = replace(
            reader.info, reason=how + (f"; {'; '.join(passed)}" if passed else "")
        )
        return ChosenReader(
            reader=reader, upload=route.delivers_on if _is_uploaded(route) else None
        )
    raise InputError(
        f"{tried[-1].name}: nothing decodes on the device asked for: {'; '.join(passed)}"
    )


def _is_uploaded(route: Route) -> bool:
    return route.decodes_on == "cpu" and route.delivers_on != "cpu"


def _probe(reader: Reader, route: Route) -> None:
    mismatch = getattr(reader, "mismatch", None)
    if mismatch:
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
    finally:
        frames.close()


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
