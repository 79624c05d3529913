"""Prediction in batches: smaller ones where memory runs out, and answers checked.

A model that fails or gives an unusable answer raises ModelError, so that a study can go on with its others.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar, cast, overload

import numpy as np
import torch

from vidrobust.errors import ModelError, SettingsError, VidrobustError
from vidrobust.footage.labels.matching import AnswerTimes
from vidrobust.frames.batch import FrameBatch
from vidrobust.frames.pixels import to_tensor
from vidrobust.predictions import Classifications, Classifier, Detections, Detector, TaskPredictions

Batch = int | Literal["auto"]
Model = Classifier | Detector
Predictions = Classifications | Detections
Answer = TypeVar("Answer")
KINDS = {"classification": "Classifications", "detection": "Detections"}

# What ``batch="auto"`` starts from: beyond it a CPU gains little on full frames
AUTO_BATCH, DEVICE_BATCH = 32, 256
# Pictures of a batch that is made of large frames; several such batches are under way at once
BATCH_BYTES, DEVICE_BATCH_BYTES = 32 * 2**20, 256 * 2**20
LEAST_BATCH = 4
# What a frame takes on a device, at most half of whose free memory is used: so many times its bytes while it is
# resized, and so many bytes of a network's layers
FRAME_COPIES, LAYER_BYTES = 16, 64 * 2**20

_MEMORY_MESSAGES = (
    "not enough memory",
    "can't allocate memory",
    "failed to allocate",
    "cannot allocate memory",  # ENOMEM
    "bad allocation",
    "bad_alloc",  # std::bad_alloc (OpenVINO)
    "out of memory",  # CUDA error: out of memory; CUDA failure 2: out of memory (ONNX Runtime)
    "out_of_memory",  # CUDA_ERROR_OUT_OF_MEMORY, of the driver and of NVDEC
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "allocation_failed",  # CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
)

# model -> height, width of frames -> the batch that was left after memory ran out; a later call starts there
_FITS: weakref.WeakKeyDictionary[Model, dict[tuple[int, int], int]] = weakref.WeakKeyDictionary()


@overload
def predict(model: Classifier, pixels: torch.Tensor, batch: Batch = "auto") -> Classifications: ...


@overload
def predict(model: Detector, pixels: torch.Tensor, batch: Batch = "auto") -> Detections: ...


def predict(model: Model, pixels: torch.Tensor, batch: Batch = "auto") -> Predictions:
    def ask(part: torch.Tensor) -> Predictions:
        return checked(model, model(part), len(part))

    parts = in_batches(model, pixels, ask, batch)
    return joined(parts) if parts else no_frames(model)


def in_batches(
    model: Model,
    pixels: torch.Tensor,
    ask: Callable[[torch.Tensor], Answer],
    batch: Batch = "auto",
) -> list[Answer]:
    """Return what ``ask`` says of one batch of a model's pixels after the other, smaller ones if memory runs out."""
    if batch != "auto" and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise SettingsError(f"batch: expected auto or a whole number from 1, got {batch!r}")
    shape = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    size = _first_size(model, pixels) if batch == "auto" else batch
    parts: list[Answer] = []
    start = 0
    while start < len(pixels):
        answer = _attempt(model, pixels[start : start + size], ask)
        if answer is not None:
            parts.append(answer)
            start += size
            continue
        size = _smaller(model, shape, min(size, len(pixels) - start), batch)
        with contextlib.suppress(TypeError):  # a user's object that cannot be a key
            _FITS.setdefault(model, {})[shape] = size
    return parts


def predict_footage(model: Model, frames: FrameBatch, batch: Batch = "auto") -> Predictions:
    """Return the predictions of frames, from their pixels or looked up by clip and number or time."""
    if needs_pixels(model):
        pixels = frames.pixels
        if pixels.device.type != "cpu" and in_main_memory(model):
            pixels = torch.from_numpy(frames.pictures).permute(0, 3, 1, 2)
        return predict(model, pixels, batch)
    look_up: Any = model
    times: AnswerTimes | None = getattr(model, "times", None)
    index = times.numbers(frames.item, frames.index, frames.time_s) if times else frames.index
    if model.task == "detection":
        size = (int(frames.pixels.shape[2]), int(frames.pixels.shape[3]))
        return checked(model, look_up.predict_frames(frames.item, index, size), len(frames))
    return checked(model, look_up.predict_frames(frames.item, index), len(frames))


def needs_pixels(model: Model) -> bool:
    """Return whether a model looks at pixels; False for recorded answers."""
    return bool(getattr(model, "needs_pixels", True))


def in_main_memory(model: Model) -> bool:
    """Return whether a model takes its pixels from main memory, wherever they were decoded."""
    return bool(getattr(model, "in_main_memory", False))


def auto_batch(height: int, width: int, device: torch.device | str = "cpu") -> int:
    """Return the initial size for ``batch="auto"``, at least 4.

    On the CPU 32 frames, or as many as fit in 32 MB; on a GPU 256, in 256 MB, or by its free memory.
    """
    frame = 3 * height * width
    if torch.device(device).type != "cuda":
        return max(LEAST_BATCH, min(AUTO_BATCH, BATCH_BYTES // frame))
    free, _ = torch.cuda.mem_get_info(device)
    fitting = free // 2 // (FRAME_COPIES * frame + LAYER_BYTES)
    return max(LEAST_BATCH, min(DEVICE_BATCH, DEVICE_BATCH_BYTES // frame, fitting))


def few_pictures(
    model: Model, pictures: Sequence[np.ndarray], few: int, device: torch.device | str
) -> Iterator[torch.Tensor]:
    """Yield pictures (H, W, 3) uint8 of one size as pixels where the model takes them.

    On the CPU ``few`` at a time, on a device what fits there.
    """
    on_cpu = torch.device(device).type == "cpu"
    height, width = pictures[0].shape[:2]
    size = few if on_cpu else auto_batch(height, width, device)
    place = "cpu" if in_main_memory(model) else device
    for start in range(0, len(pictures), size):
        yield to_tensor(pictures[start : start + size], place)


def checked(model: Model, answer: object, count: int) -> Predictions:
    """Return a model's answer if it has ``count`` predictions in the model's classes."""
    if not isinstance(answer, TaskPredictions) or answer.task != model.task:
        kind = KINDS.get(model.task, f"predictions of the task {model.task}")
        raise ModelError(
            f"model {model.name}: {count} frames went in, expected {kind}, got {type(answer).__name__}"
        )
    if answer.num_frames != count:
        raise ModelError(
            f"model {model.name}: {count} frames went in, predictions for {answer.num_frames} frames came out"
        )
    if len(answer.class_names) != len(model.class_names):
        raise ModelError(
            f"model {model.name}: answered with {len(answer.class_names)} classes, but names "
            f"{len(model.class_names)}; their number must not change"
        )
    if wrong := answer.problems():
        raise ModelError(f"model {model.name}: answered with {'; '.join(wrong)}")
    return cast(Predictions, answer)


def joined(parts: Sequence[Predictions]) -> Predictions:
    return type(parts[0]).join(parts)  # type: ignore[arg-type]


def no_frames(model: Model) -> Predictions:
    names = tuple(model.class_names)
    if model.task == "classification":
        return Classifications(np.empty((0, len(names)), np.float32), names)
    if model.task != "detection":
        raise SettingsError(f"model {model.name}: no frames to look at")
    numbers, rows = np.empty(0, np.float32), np.empty(0, np.int64)
    return Detections(np.empty((0, 4), np.float32), numbers, rows, rows, 0, names)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch, CUDA, NumPy, Python, ONNX Runtime or OpenVINO means out of memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _MEMORY_MESSAGES)


def _attempt(
    model: Model, pixels: torch.Tensor, ask: Callable[[torch.Tensor], Answer]
) -> Answer | None:
    try:
        return ask(pixels)
    except (SettingsError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a panic of Rust code is no Exception
        if is_out_of_memory(error):
            return None
        if isinstance(error, ModelError):
            raise
        if isinstance(error, VidrobustError):
            raise ModelError(str(error)) from error
        raise ModelError(
            f"model {model.name}: failed on {len(pixels)} frames of {pixels.shape[-1]}x{pixels.shape[-2]} px: "
            f"{type(error).__name__}: {error}"
        ) from error


def _first_size(model: Model, pixels: torch.Tensor) -> int:
    height, width = (int(side) for side in pixels.shape[-2:])
    with contextlib.suppress(TypeError):  # a user's object that cannot be a key
        if fits := _FITS.get(model, {}).get((height, width)):
            return fits
    # a network may take its pixels from main memory and work on a device
    network: Any = getattr(model, "network", None) if in_main_memory(model) else None
    return auto_batch(height, width, pixels.device if network is None else network.device)


def _smaller(model: Model, shape: tuple[int, int], size: int, batch: Batch) -> int:
    where = f"model {model.name}: memory ran out on {size} frames of {shape[1]}x{shape[0]} px"
    if size == 1:
        raise ModelError(
            f"{where}; one frame alone does not fit: use --device cpu, or smaller frames"
        )
    if batch != "auto":
        raise ModelError(f"{where}; use --batch auto, or --batch {max(1, size // 2)}")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size // 2
