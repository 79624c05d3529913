"""Batches: order, sizes, and memory that really runs out."""

import errno
import math
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.frames.batch import FrameBatch, frame_hashes
from vidrobust.models.predict import (
    AUTO_BATCH,
    auto_batch,
    is_out_of_memory,
    predict,
    predict_footage,
)
from vidrobust.predictions import Classifications, Detections

from ..stand_in import stand_in

PIXELS = torch.arange(70, dtype=torch.uint8).view(70, 1, 1, 1).expand(70, 3, 2, 2)


class Counting:
    """Tells its frames apart by their value, and asks for 2**60 bytes where a batch is above ``fits``."""

    name = "counting"
    class_names = ("a", "b")
    task: str = "classification"

    def __init__(self, fits=1000):
        self.fits = fits
        self.sizes = []

    def __call__(self, pixels):
        self.sizes.append(len(pixels))
        if len(pixels) > self.fits:
            torch.empty(2**60, dtype=torch.uint8)  # the allocator itself refuses
        share = pixels[:, 0, 0, 0].numpy() / 100
        return Classifications(np.stack([share, 1 - share], axis=1), self.class_names)


@pytest.mark.parametrize(
    ("batch", "sizes"), [(16, [16, 16, 16, 16, 6]), (70, [70]), (100, [70]), ("auto", [32, 32, 6])]
)
def test_order_and_sizes(batch, sizes):
    model = Counting()
    rows = predict(model, PIXELS, batch)
    assert np.allclose(rows.probabilities[:, 0], np.arange(70) / 100)
    assert model.sizes == sizes
    assert AUTO_BATCH == 32


@pytest.mark.parametrize(
    ("height", "width", "frames"),
    [(480, 640, 32), (720, 1280, 12), (1080, 1920, 5), (4320, 7680, 4)],
)
def test_batches_of_large_frames_are_smaller(height, width, frames):
    """32 MB is 33,554,432 bytes, and a frame of 1920x1080 has 6,220,800: five fit."""
    assert auto_batch(height, width) == frames


def test_auto_halves_until_it_fits():
    """32 and 16 do not fit, 8 does: eight batches of 8 and one of 6 follow, none tried larger again."""
    model = Counting(fits=10)
    rows = predict(model, PIXELS, "auto")
    assert np.allclose(rows.probabilities[:, 0], np.arange(70) / 100)
    assert model.sizes == [32, 16, *[8] * 8, 6]


def test_a_number_is_kept_to():
    said = r"memory ran out on 32 frames of 2x2 px; use --batch auto, or --batch 16"
    with pytest.raises(InputError, match=said):
        predict(Counting(fits=10), PIXELS, 32)


def test_one_frame_that_does_not_fit():
    model = Counting(fits=0)
    said = "memory ran out on 1 frames of 2x2 px; one frame alone does not fit"
    with pytest.raises(InputError, match=said):
        predict(model, PIXELS, "auto")
    assert model.sizes == [32, 16, 8, 4, 2, 1]


def test_no_frames():
    assert predict(Counting(), PIXELS[:0], "auto").probabilities.shape == (0, 2)


@pytest.mark.parametrize("batch", [0, -3, 2.0, "all", True])
def test_wrong_batches(batch):
    with pytest.raises(SettingsError, match="batch: expected auto or a whole number from 1"):
        predict(Counting(), PIXELS, batch)


def test_what_fitted_is_remembered_for_frames_of_that_size():
    model = Counting(fits=10)
    predict(model, PIXELS[:16])
    assert model.sizes == [16, 8, 8]
    model.sizes.clear()
    predict(model, PIXELS[:16])
    predict(model, PIXELS[:9, :, :, :1])
    assert model.sizes == [8, 8, 9]


def test_what_a_model_raises_is_said_with_its_name_at_once():
    class Broken(Counting):
        def __call__(self, pixels):
            super().__call__(pixels)
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    model = Broken()
    said = "model counting: failed on 32 frames of 2x2 px: RuntimeError: mat1"
    with pytest.raises(ModelError, match=said):
        predict(model, PIXELS, "auto")
    assert model.sizes == [32]

    class Panicking(Counting):
        def __call__(self, pixels):
            raise BaseException("a panic of compiled code")

    with pytest.raises(ModelError):
        predict(Panicking(), PIXELS)


class Answering(Counting):
    """Right on its first batch, then whatever it is given."""

    def __init__(self, then):
        super().__init__()
        self.then = then

    def __call__(self, pixels):
        right = super().__call__(pixels)
        return right if len(self.sizes) == 1 else self.then()


def two(rows, names=("a", "b")):
    return lambda: Classifications(np.array(rows, np.float32), names)


NO_BOXES = np.empty(0, np.int64)


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (two([[math.nan, 1.0]] * 2), "ValueError: .*expected finite rows that sum to 1"),
        (two([[2.5, -1.0]] * 2), "expected finite rows that sum to 1; give softmax outputs"),
        (two([[0.5, 0.5]] * 3), "2 frames went in, predictions for 3 frames came out"),
        (two([[0.2, 0.3, 0.5]] * 2, ("a", "b", "c")), "answered with 3 classes, but names 2"),
        (lambda: torch.zeros(2, 2), "2 frames went in, expected Classifications, got Tensor"),
        (lambda: None, "got NoneType"),
        (
            lambda: Detections(np.empty((0, 4)), np.empty(0), NO_BOXES, NO_BOXES, 2, ("a", "b")),
            "expected Classifications, got Detections",
        ),
    ],
)
def test_answers_that_are_no_prediction(then, message):
    with pytest.raises(ModelError, match=f"model counting: .*{message}"):
        predict(Answering(then), PIXELS[:4], 2)


class Boxes:
    """One box per white frame: its value / 100 is the score, its row in the batch the left side."""

    name = "boxes"
    class_names = ("part",)
    task: str = "detection"

    def __init__(self, width=5.0, scale=100.0, label=0):
        self.width, self.scale, self.label = width, scale, label

    def __call__(self, pixels):
        values = pixels[:, 0, 0, 0].numpy()
        rows = np.flatnonzero(values % 2)
        left = rows.astype(np.float32)
        boxes = np.stack([left, left, left + self.width, left + 5], axis=1)
        labels = np.full(len(rows), self.label)
        scores = values[rows] / self.scale
        return Detections(boxes, scores, labels, rows, len(pixels), self.class_names)


def test_boxes_are_joined_with_the_rows_of_all_frames():
    """By hand: odd frames have a box; in batches of 3, frames 1, 3, 5, 7 are rows 1, 0, 2, 1 of theirs."""
    found = predict(Boxes(), PIXELS[:8], 3)
    assert found.num_frames == 8
    assert found.frame.tolist() == [1, 3, 5, 7]
    assert found.boxes[:, 0].tolist() == [1, 0, 2, 1]
    assert np.allclose(found.scores, [0.01, 0.03, 0.05, 0.07])
    none = predict(Boxes(), PIXELS[:0])
    assert (none.num_frames, none.boxes.shape) == (0, (0, 4))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Boxes(width=math.nan), "a box with NaN or infinite sides"),
        (Boxes(width=-1), "whose right or lower side lies before"),
        (Boxes(scale=0.1), "a score outside 0..1"),
        (Boxes(label=1), "a label outside 0..0"),
    ],
)
def test_boxes_that_cannot_be(model, message):
    with pytest.raises(ModelError, match=f"model boxes: answered with .*{message}"):
        predict(model, PIXELS[:8])


@pytest.mark.parametrize(
    ("free", "height", "width", "frames"),
    [
        (80 * 2**30, 360, 640, 256),  # the most
        (80 * 2**30, 1080, 1920, 43),  # 2^28 bytes / 6,220,800
        (8 * 2**30, 360, 640, 54),  # 2^32 bytes / (16 x 691,200 + 2^26) is 54.9
        (2**27, 360, 640, 4),  # the least
    ],
)
def test_batches_of_a_device_by_its_free_memory(free, height, width, frames, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    assert auto_batch(height, width, "cuda:0") == frames


def test_what_counts_as_out_of_memory():
    with pytest.raises(RuntimeError) as from_torch:
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(MemoryError) as from_numpy:
        np.empty(2**60, dtype=np.uint8)
    openvino = pytest.importorskip("openvino")
    with pytest.raises(RuntimeError) as from_openvino:
        openvino.Tensor(openvino.Type.f32, [2**58])
    assert is_out_of_memory(from_openvino.value)
    assert is_out_of_memory(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
    assert is_out_of_memory(from_torch.value)
    assert is_out_of_memory(from_numpy.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    for text in (
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "cuMemAlloc(&data, size) failed -> CUDA_ERROR_OUT_OF_MEMORY",
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory",
    ):
        assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("size mismatch"))


def test_a_detector_gets_the_pictures_that_are_in_main_memory():
    """A frame of a device comes down once, for hashes and for boxes."""
    seen = []

    class Looks(Boxes):
        in_main_memory = True

        def __call__(self, pixels):
            seen.append(pixels.device.type)
            assert torch.equal(pixels, PIXELS[:8])
            return super().__call__(pixels)

    about = {"time_s": np.arange(8.0), "index": np.arange(8), "corrupt": np.zeros(8, bool)}
    with stand_in() as copies:
        batch = FrameBatch(pixels=PIXELS[:8].to("cuda:0"), item="clip", **about)
        copies.made.clear()
        frame_hashes(batch.pictures)
        predict_footage(Looks(), batch)
        assert [copy.bytes for copy in copies.of("down")] == [PIXELS[:8].nbytes]
    assert set(seen) == {"cpu"}


def test_batches_are_sized_where_the_network_works(monkeypatch):
    """Its pixels lie in main memory; memory that runs out on the device still halves them."""
    sizes = []

    class OnDevice(Boxes):
        in_main_memory = True
        network = SimpleNamespace(device="cuda:0")

        def __call__(self, pixels):
            sizes.append(len(pixels))
            if len(pixels) > 40:
                raise RuntimeError("CUDA error: out of memory")
            return super().__call__(pixels)

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80 * 2**30, 80 * 2**30))
    pixels = torch.zeros(100, 3, 8, 8, dtype=torch.uint8)
    assert predict(OnDevice(), pixels).num_frames == 100
    assert sizes == [100, 50, 25, 25, 25, 25]
