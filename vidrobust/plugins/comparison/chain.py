"""A chain from a file to an answer, and its variants: entries of a table (name, stage, function).

A variant changes one step. It returns None where the step is the chain's own already or the model has no such step, and
raises where a library or a processor lacks it. Oracles are the libraries themselves (``tests/plugins/comparison``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.footage.item import Item
from vidrobust.frames.pixels import each_frame, to_tensor
from vidrobust.models.detection.network import NetworkDetector
from vidrobust.models.engines import ENGINES, NAMES, EngineRequest, open_onnxruntime, with_engine
from vidrobust.models.exported import digest, made_once, onnx_file
from vidrobust.models.info import file_sha256
from vidrobust.models.load import load_model
from vidrobust.models.network import GuardedRun, Network, NetworkClassifier
from vidrobust.models.onnx_runtime import onnxruntime
from vidrobust.models.predict import Batch, Model, Predictions, predict
from vidrobust.models.preprocess import BoxPreprocess, Preprocess
from vidrobust.video.source import first_batch, open_video

# ImageNet's mean and deviation as most libraries have them, in levels of 0..255
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
LEVELS = 255.0  # of a byte


@dataclass(frozen=True, kw_only=True)
class Chain:
    """From a file to answers: how it is decoded, converted, changed on the way and computed."""

    item: Item
    frames: int  # the first so many
    model: Model
    backend: str = "pyav"  # as of ``open_video``, or "opencv"
    color: str = "fast"
    # pixels (N, 3, H, W) uint8 -> the same, between decoder and model
    edit: Callable[[torch.Tensor], torch.Tensor] | None = None
    batch: Batch = "auto"
    turned: bool = False  # the batch in reverse order
    threads: int = 0  # of torch; 0: as many as it has

    @property
    def source(self) -> tuple[str, str]:
        return self.backend, self.color

    def pixels(self) -> torch.Tensor:
        """Return (N, 3, H, W) uint8 as they are decoded."""
        if self.backend == "opencv":
            return _by_opencv(self.item.path, self.frames)
        with open_video(
            self.item.path,
            item=self.item.name,
            backend=self.backend,
            device="cpu",
            color=self.color,
        ) as source:
            return first_batch(source, self.frames).pixels

    def edited(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return decoded pixels as they come to the model, (N, 3, H, W) uint8."""
        return pixels if self.edit is None else self.edit(pixels)

    def answer(self, pixels: torch.Tensor) -> Predictions:
        """Return the predictions of these edited pixels, in their order."""
        with _threads(self.threads):
            if not self.turned:
                return predict(self.model, pixels, self.batch)
            back = np.arange(len(pixels))[::-1]
            return predict(self.model, pixels.flip(0), self.batch).select(back)

    def tensor(self, pixels: torch.Tensor) -> torch.Tensor | None:
        """Return what goes into the network, (N, 3, h, w) float32; None where the model does not show it."""
        if not isinstance(self.model, NetworkClassifier | NetworkDetector):
            return None
        return self.model.network.preprocess(pixels).cpu()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _by_opencv(path: Path, count: int) -> torch.Tensor:
    video = cv2.VideoCapture(str(path))
    pictures: list[np.ndarray] = []
    try:
        while len(pictures) < count:
            there, picture = video.read()
            if not there:
                break
            pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    finally:
        video.release()
    if not pictures:
        raise SettingsError("OpenCV does not decode this file")
    return to_tensor(pictures)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One other way through one stage of the chain."""

    name: str
    stage: str
    words: str  # what was done, as a sentence begins: "Resized by Pillow"
    change: Callable[[Chain], Chain | None]
    mistake: bool = False  # nobody does it on purpose


def _decoded(backend: str, chain: Chain) -> Chain | None:
    if not chain.item.path.is_file() or chain.backend == backend:
        return None
    return replace(chain, backend=backend, color="fast")


def _colour(chain: Chain) -> Chain | None:
    return replace(chain, color="accurate" if chain.color == "fast" else "fast", backend="pyav")


def _jpeg(quality: int, chain: Chain) -> Chain:
    def coded(picture: np.ndarray, _: int) -> np.ndarray:
        data: Any = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        back: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return np.ascontiguousarray(back[..., ::-1])

    return replace(chain, edit=lambda pixels: each_frame(pixels, coded))


def _of_network(chain: Chain, change: Callable[[Any], Any]) -> Chain | None:
    model = chain.model
    if not isinstance(model, NetworkClassifier | NetworkDetector):
        return None
    network = change(model.network)
    return (
        None
        if network is None
        else replace(chain, model=dataclasses.replace(model, network=network))
    )


def _prepared(chain: Chain, change: Callable[[Any], dict[str, Any] | None]) -> Chain | None:
    """Return the chain with other fields of its preprocessing; None where they are its own."""

    def changed(network: Any) -> Any:
        if (fields := change(network.preprocess)) is None:
            return None
        other = replace(network.preprocess, **fields)
        return None if other == network.preprocess else replace(network, preprocess=other)

    return _of_network(chain, changed)


def _resized(resizer: str, how: str, antialias: bool, chain: Chain) -> Chain | None:
    def fields(own: Preprocess | BoxPreprocess) -> dict[str, Any] | None:
        if isinstance(own, BoxPreprocess):
            same = own.way == resizer and (resizer != "torch" or own.antialias == antialias)
            return (
                None if same or how != "bilinear" else {"resizer": resizer, "antialias": antialias}
            )
        if resizer != "torch" and own.resizer == resizer and own.interpolation == how:
            return None
        kind = own.interpolation if resizer.startswith("opencv") else how
        return {"resizer": resizer, "antialias": antialias, "interpolation": kind}

    return _prepared(chain, fields)


def _laid_out(fields: dict[str, Any], chain: Chain) -> Chain | None:
    def of(own: Preprocess | BoxPreprocess) -> dict[str, Any] | None:
        if not isinstance(own, BoxPreprocess):
            return None
        needs_padding = "resize" not in fields
        return None if needs_padding and own.resize != "letterbox" else fields

    return _prepared(chain, of)


def _cropped(fields: dict[str, Any], chain: Chain) -> Chain | None:
    return _prepared(
        chain,
        lambda own: fields if isinstance(own, Preprocess) and own.resize != "letterbox" else None,
    )


def _swapped(chain: Chain) -> Chain | None:
    return _prepared(chain, lambda own: {"channels": "RGB" if own.channels == "BGR" else "BGR"})


def _swapped_pixels(chain: Chain) -> Chain | None:
    if isinstance(chain.model, NetworkClassifier | NetworkDetector):
        return None
    return replace(chain, edit=lambda pixels: pixels.flip(1))


def _scaled(fields: dict[str, Any] | None, chain: Chain) -> Chain | None:
    def twice(own: Any) -> dict[str, Any]:
        return {name: tuple(LEVELS * v for v in getattr(own, name)) for name in ("mean", "std")}

    return _prepared(chain, twice if fields is None else lambda _: fields)


def _base(network: Network) -> Network:
    return network.as_loaded or network


def _classifying(chain: Chain, change: Callable[[Network], Network | None]) -> Chain | None:
    return _of_network(chain, change) if isinstance(chain.model, NetworkClassifier) else None


def _float16(network: Network) -> Network | None:
    import onnx

    onnxruntime()  # it turns telemetry off
    from onnxruntime.transformers.float16 import convert_float_to_float16

    if network.precision == "float16":
        return None
    file = onnx_file(_base(network))

    def make(path: Path) -> None:
        onnx.save(convert_float_to_float16(onnx.load(file.path), keep_io_types=True), path)

    key = digest(f"float16 {file_sha256(file.path)}".encode())
    rounded = replace(file, path=made_once(key, "float16.onnx", make))
    run = open_onnxruntime(rounded, torch.get_num_threads(), "float32", 1)
    return replace(network, run=run, precision="float16", as_loaded=None)


def _computed(chain: Chain, **wanted: Any) -> Chain | None:
    """The chain in another engine, number format or number of threads."""

    def changed(network: Network) -> Network | None:
        base, asked = _base(network), EngineRequest(**wanted)
        if (
            asked.precision == network.precision
            and asked.engine == network.engine.partition(" ")[0]
        ):
            return (
                None
                if asked.threads in (None, network.threads)
                else with_engine(base, asked, sample)
            )
        made = with_engine(base, asked, sample)
        return None if made is network or made.engine == network.engine else made

    if not isinstance(chain.model, NetworkClassifier):
        return None
    sample = replace(chain, frames=min(chain.frames, 8)).pixels()
    return _classifying(chain, changed)


def _on_threads(chain: Chain) -> Chain | None:
    model = chain.model
    other = 1 if torch.get_num_threads() > 1 else 2
    if not isinstance(model, NetworkClassifier):
        return replace(chain, threads=other)
    name = model.network.engine.partition(" ")[0]
    if name in ENGINES and isinstance(model.network.run, GuardedRun):
        return _computed(chain, engine=name, threads=other)
    return replace(chain, threads=other)


def _on_gpu(chain: Chain) -> Chain | None:
    info = getattr(chain.model, "info", None)
    if not torch.cuda.is_available() or info is None or info.device != "cpu":
        return None
    return replace(chain, model=load_model(info.spec, device="cuda:0"))


def _entry(
    stage: str,
    name: str,
    words: str,
    change: Callable[..., Chain | None],
    *given: Any,
    mistake: bool = False,
) -> Variant:
    return Variant(
        name=name, stage=stage, words=words, change=partial(change, *given), mistake=mistake
    )


def _shown(low: float, high: float) -> dict[str, Any]:
    """Mean and deviation that map levels of 0..255 to ``low`` to ``high``."""
    step = LEVELS / (high - low)
    return {"mean": (-low * step,) * 3, "std": (step,) * 3}


VARIANTS: tuple[Variant, ...] = (
    _entry("decoder", "opencv", "Decoded by OpenCV", _decoded, "opencv"),
    _entry("decoder", "torchcodec", "Decoded by torchcodec", _decoded, "torchcodec"),
    _entry("decoder", "decord", "Decoded by decord", _decoded, "decord"),
    _entry("colour", "other-conversion", "Converted to RGB in the other way", _colour),
    *(_entry("coding", f"jpeg-{q}", f"Coded as JPEG {q}", _jpeg, q) for q in (95, 90, 75)),
    _entry("resize", "pil", "Resized by Pillow", _resized, "pil", "bilinear", True),
    _entry(
        "resize",
        "opencv-linear",
        "Resized by OpenCV without antialiasing",
        _resized,
        "opencv-linear",
        "bilinear",
        False,
    ),
    _entry(
        "resize",
        "opencv-area",
        "Resized by OpenCV's areas",
        _resized,
        "opencv-area",
        "bilinear",
        True,
    ),
    _entry(
        "resize", "torch", "Resized by torch with antialiasing", _resized, "torch", "bilinear", True
    ),
    _entry(
        "resize",
        "torch-no-antialias",
        "Resized by torch without antialiasing",
        _resized,
        "torch",
        "bilinear",
        False,
    ),
    _entry("resize", "bicubic", "Resized bicubically", _resized, "torch", "bicubic", True),
    _entry("resize", "nearest", "Resized to the nearest pixel", _resized, "torch", "nearest", True),
    _entry("crop", "px-aside", "Cropped a pixel aside", _cropped, {"crop_offset": 1}),
    _entry(
        "crop", "rounded-down", "With odd crops rounded down", _cropped, {"crop_rounding": "down"}
    ),
    _entry("letterbox", "stretch", "Stretched", _laid_out, {"resize": "stretch"}, mistake=True),
    _entry(
        "letterbox", "letterbox", "Letterboxed", _laid_out, {"resize": "letterbox"}, mistake=True
    ),
    _entry("letterbox", "centre", "Padded on all sides", _laid_out, {"place": "centre"}),
    _entry(
        "letterbox", "top-left", "Padded below and to the right", _laid_out, {"place": "top left"}
    ),
    *(
        _entry("letterbox", f"pad-{v}", f"Padded with {v}", _laid_out, {"pad": v})
        for v in (0, 114, 128)
    ),
    _entry("channels", "swapped", "With red and blue swapped", _swapped, mistake=True),
    _entry(
        "channels", "swapped-pixels", "With red and blue swapped", _swapped_pixels, mistake=True
    ),
    _entry("scaling", "0..1", "Scaled to 0..1", _scaled, _shown(0, 1), mistake=True),
    _entry("scaling", "-1..1", "Scaled to -1..1", _scaled, _shown(-1, 1), mistake=True),
    _entry(
        "scaling",
        "imagenet",
        "Scaled by ImageNet's mean and deviation",
        _scaled,
        IMAGENET,
        mistake=True,
    ),
    _entry("scaling", "none", "Not scaled", _scaled, _shown(0, LEVELS), mistake=True),
    _entry("scaling", "twice", "Scaled twice", _scaled, None, mistake=True),
    _entry(
        "precision", "float16", "Computed in float16", lambda chain: _classifying(chain, _float16)
    ),
    *(
        _entry("precision", p, f"Computed in {p}", lambda chain, p=p: _computed(chain, precision=p))
        for p in ("bfloat16", "int8")
    ),
    *(
        _entry(
            "engine",
            name,
            f"Computed by {name}",
            lambda chain, name=name: _computed(chain, engine=name),
        )
        for name in NAMES[1:]
    ),
    _entry("batch", "one", "Computed one by one", lambda chain: replace(chain, batch=1)),
    _entry(
        "batch", "reversed", "Computed in reverse order", lambda chain: replace(chain, turned=True)
    ),
    _entry("threads", "other-count", "Computed on another number of threads", _on_threads),
    _entry("device", "cuda", "Computed on a GPU", _on_gpu),
)
# Stages whose variants nobody would call another pipeline: the noise floor of a study
FLOOR = ("batch", "threads")
