"""Which reader opens a video: tried in order, each by one frame, and the reason is kept with the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vidrobust.errors import InputError, SettingsError, VidrobustError
from vidrobust.frames.device import resolve_or_cpu
from vidrobust.video.color import ColorMode
from vidrobust.video.decord import open_decord
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.pyav_cuda import open_pyav_cuda
from vidrobust.video.stream import Reader
from vidrobust.video.torchcodec import open_torchcodec

BACKENDS = ("auto", "pyav", "torchcodec", "decord")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to decode: what it is called, where it decodes, where its pictures end, and how it is opened."""

    name: str
    decodes_on: str
    delivers_on: str
    open: Callable[[], Any]
    """() -> Reader; raises where it cannot be."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The reader that was taken, and the device that its batches are still to be copied to, if any."""

    reader: Reader
    upload: str | None


def check_backend(backend: str) -> str:
    """``backend`` if there is such a one; raises SettingsError with the choices."""
    if backend not in BACKENDS:
        raise SettingsError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    return backend


def resolve_target(device: str, *, strict: bool) -> tuple[str, str]:
    """The device to deliver on ("cpu", "cuda:N"), and why where it is not the one asked for.

    Raises SettingsError for a device that does not exist, if ``strict`` or if it is none of the known kinds.
    """
    found, why = resolve_or_cpu(device)
    if why and strict:
        raise SettingsError(f"device: {why}, and a strict device forbids another")
    return found, why


def routes(
    path: Path | str, *, item: str, backend: str, device: str, color: ColorMode, allow_network: bool
) -> list[Route]:
    """The ways to deliver on ``device`` in the order in which they are tried."""

    def pyav() -> Reader:
        return PyAVReader(path, item=item, color=color, reason="", allow_network=allow_network)

    def torchcodec(on: str) -> Callable[[], Reader]:
        return lambda: open_torchcodec(Path(path), item=item, device=on, color=color, reason="")

    def decord() -> Reader:
        return open_decord(Path(path), item=item, color=color, reason="")

    def surfaces() -> Reader:
        return open_pyav_cuda(Path(path), item=item, device=device, reason="")

    on_cpu = {"auto": pyav, "pyav": pyav, "torchcodec": torchcodec("cpu"), "decord": decord}[backend]
    name = "pyav" if backend == "auto" else backend
    last = Route(name=name, decodes_on="cpu", delivers_on=device, open=on_cpu)
    if device == "cpu":
        return [last]
    on_device = {"torchcodec": torchcodec(device), "pyav": surfaces}
    first = [n for n in on_device if backend in ("auto", n)]
    return [*(Route(name=n, decodes_on=device, delivers_on=device, open=on_device[n]) for n in first), last]


def choose(tried: Sequence[Route], *, strict: bool, swapped: str = "") -> Chosen:
    """The first route that gives one frame; ``info.reason`` says why it, and why not those before it.

    ``strict`` forbids decoding elsewhere than where the pictures are delivered. Raises the InputError of the
    last route where all fail, since that one is the plainest.
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
        reader.info = replace(reader.info, reason=_reason(route, passed))
        return Chosen(reader=reader, upload=route.delivers_on if _is_uploaded(route) else None)
    raise InputError(f"{tried[-1].name}: nothing decodes on the device asked for: {'; '.join(passed)}")


def _is_uploaded(route: Route) -> bool:
    return route.decodes_on == "cpu" and route.delivers_on != "cpu"


def _probe(reader: Reader, route: Route) -> None:
    """Decode and convert one frame; raises where the pictures are not right or not on the device."""
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


def _reason(route: Route, passed: Sequence[str]) -> str:
    how = f"{route.name} decodes on {route.decodes_on}"
    if _is_uploaded(route):
        how += f" and batches are copied to {route.delivers_on}"
    return how + (f"; {'; '.join(passed)}" if passed else "")


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
