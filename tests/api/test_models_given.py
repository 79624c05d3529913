"""Torch modules behind a transform, callables on batches, and the box dicts of torchvision as models."""

import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torchvision.transforms import Compose, Normalize, Resize, ToTensor
from torchvision.transforms._presets import ImageClassification

from vidrobust.api.models_given import FRAME_BY_FRAME, models_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.predictions import Classifications

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 40, 60), dtype=np.uint8))


def net():
    torch.manual_seed(3)
    pool = torch.nn.AdaptiveAvgPool2d(2)
    return torch.nn.Sequential(pool, torch.nn.Flatten(), torch.nn.Linear(12, 5))


def test_a_module_says_what_torch_says_of_the_transformed_frames():
    module = net()
    transform = ImageClassification(crop_size=32, resize_size=36)
    _, models = models_of(module, preprocess=transform, class_names=list("abcde"))
    with torch.inference_mode():
        expected = module.eval()(torch.stack([transform(frame) for frame in PIXELS])).softmax(dim=1)
    assert models[0](PIXELS).probabilities == pytest.approx(expected.numpy(), abs=1e-6)
    assert models[0].class_names == tuple("abcde")


def test_a_transform_of_pil_images_is_given_pil_images():
    module = net()
    transform = Compose([Resize((32, 32)), ToTensor(), Normalize([0.5] * 3, [0.2] * 3)])
    _, models = models_of(module, preprocess=transform)
    from torchvision.transforms.functional import to_pil_image

    with torch.inference_mode():
        expected = module.eval()(torch.stack([transform(to_pil_image(frame)) for frame in PIXELS]))
    found = models[0](PIXELS).probabilities
    assert found == pytest.approx(expected.softmax(dim=1).numpy(), abs=1e-6)


def test_a_module_needs_to_know_how_frames_go_in():
    with pytest.raises(SettingsError, match="preprocess=TRANSFORM"):
        models_of(net())


def test_a_module_in_training_mode_is_put_into_eval_mode():
    module = torch.nn.Sequential(net(), torch.nn.Dropout(0.5)).train()
    _, models = models_of(module, preprocess=ImageClassification(crop_size=32, resize_size=36))
    assert np.array_equal(models[0](PIXELS).probabilities, models[0](PIXELS).probabilities)


def test_a_callable_of_logits_and_one_of_probabilities():
    def logits(pixels):
        mean = pixels.float().mean(dim=(2, 3)) / 255
        return torch.cat([mean, -mean[:, :1]], dim=1)

    def probabilities(pixels):
        return logits(pixels).softmax(dim=1).numpy()

    specs, models = models_of([logits, probabilities])
    assert specs == ["python:logits", "python:probabilities"]
    found, expected = (model(PIXELS).probabilities for model in models)
    assert found == pytest.approx(expected, abs=1e-6)
    assert models[0].class_names == ("class 0", "class 1", "class 2", "class 3")


def test_a_callable_that_changes_its_mind_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="on a second pass over the same frame"):
        models_of(lambda pixels: rng.normal(0, 3, (len(pixels), 4)))


def test_box_dicts_become_detections():
    def boxes(pixels):
        two = {"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "scores": [0.9, 0.4], "labels": [1, 0]}
        full = {name: torch.tensor(value) for name, value in two.items()}
        none = {name: value[:0] for name, value in full.items()}
        return [full if k % 2 == 0 else none for k in range(len(pixels))]

    _, models = models_of(boxes, class_names=["cap", "bottle"])
    found = models[0](PIXELS)
    assert found.frame.tolist() == [0, 0, 2, 2]
    assert found.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]] * 2
    assert (found.num_frames, found.class_names) == (4, ("cap", "bottle"))
    assert models[0].task == "detection"


def test_wrong_results_are_reported():
    with pytest.raises(SettingsError, match="expected one row of at least two scores a frame"):
        models_of(lambda pixels: torch.zeros(1, 4))
    with pytest.raises(SettingsError, match="class_names: expected 4 names, got 2"):
        models_of(lambda pixels: torch.zeros(len(pixels), 4), class_names=["a", "b"])
    said = "expected a spec, a torch module or a callable, got int"
    with pytest.raises(SettingsError, match=said):
        models_of([3])
    with pytest.raises(SettingsError, match="no model given"):
        models_of([])


def test_specs_alone_are_left_to_the_run():
    specs = ["efficientnet-lite0", "onnx:a.onnx"]
    assert models_of(specs) == (specs, None)


def test_two_of_one_name_are_distinguished():
    class Same:
        name, task, class_names = "same", "classification", ("a", "b")

        def __call__(self, pixels):
            return Classifications.from_logits(np.zeros((len(pixels), 2)), self.class_names)

    _, models = models_of([Same(), Same()])
    assert [m.name for m in models] == ["same (1)", "same (2)"]


class Supervised:
    """What supervision.Detections holds of one picture, as far as it is read."""

    def __init__(self, boxes, labels=None, mask=None):
        self.xyxy = np.array(boxes, np.float32).reshape(-1, 4)
        self.confidence = None if labels is None else np.full(len(boxes), 0.5, np.float32)
        self.class_id = None if labels is None else np.array(labels)
        self.mask, self.tracker_id = mask, np.arange(len(boxes)) + 7


def test_supervision_of_one_frame_as_opencv_gives_it():
    """Blue is the first channel of what the callable is given; its answers keep masks and tracks."""
    seen = []

    def detect(frame):
        seen.append(frame)
        mask = np.zeros((1, *frame.shape[:2]), bool)
        mask[:, 2:4, 1:5] = True
        return Supervised([[1, 2, 5, 4]], [1], mask)

    _, models = models_of(detect, class_names=["cap", "bottle"])
    pixels = torch.zeros(2, 3, 8, 9, dtype=torch.uint8)
    pixels[:, 2] = 200
    found = models[0](pixels)
    assert seen[-1].shape == (8, 9, 3)
    assert seen[-1][0, 0].tolist() == [200, 0, 0]
    assert found.boxes.tolist() == [[1, 2, 5, 4]] * 2
    assert (found.labels.tolist(), found.scores.tolist()) == ([1, 1], [0.5] * 2)
    assert found.class_names == ("cap", "bottle")
    assert (found.tracks.tolist(), [shape.area for shape in found.shapes]) == ([7, 7], [8, 8])
    assert FRAME_BY_FRAME in models[0].info.notes


def test_real_supervision():
    try:
        import supervision as sv
    except ImportError:  # no requirement: it brings a second build of OpenCV
        pytest.skip("supervision is not installed")

    def detect(frame):
        one = {"confidence": np.array([0.9]), "class_id": np.array([0])}
        return sv.Detections(xyxy=np.array([[0.0, 0, 4, 4]]), **one)

    _, models = models_of(detect, class_names=["cap", "bottle"])
    assert models[0](torch.zeros(2, 3, 8, 9, dtype=torch.uint8)).num_frames == 2


PIPELINE = [{"score": 0.75, "label": "nut", "box": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}}]


@pytest.mark.parametrize(
    ("answer", "boxes"),
    [
        (PIPELINE, [[1, 2, 3, 4]]),
        (np.array([[1, 2, 3, 4, 0.75, 1]]), [[1, 2, 3, 4]]),
        (torch.tensor([[1, 2, 3, 4, 0.75, 1]]), [[1, 2, 3, 4]]),
        ({"boxes": [[1, 2, 3, 4]], "scores": [0.75], "labels": [1]}, [[1, 2, 3, 4]]),
        ((np.array([[1, 2, 3, 4]]), np.array([0.75]), np.array([1])), [[1, 2, 3, 4]]),
        ([Supervised([[1, 2, 3, 4]], [1])], [[1, 2, 3, 4]]),
        ([], []),
        (Supervised([]), []),
    ],
)
@pytest.mark.parametrize("batched", [True, False])
def test_answers_of_detectors(answer, boxes, batched):
    def run(given):
        if batched != isinstance(given, torch.Tensor):
            raise TypeError("not what is taken")
        return [answer] * len(given) if batched else answer

    _, models = models_of(run, class_names=["bolt", "nut"])
    found = models[0](torch.zeros(2, 3, 8, 9, dtype=torch.uint8))
    assert (found.boxes.tolist(), found.num_frames) == (boxes * 2, 2)
    assert found.labels.tolist() == [1] * len(found.scores)


class Predicts:
    """As rfdetr's models: not callable, names by number, pictures as PIL has them."""

    class_names: ClassVar[dict[int, str]] = {1: "cap", 2: "bottle"}

    def __init__(self, answer):
        self.answer = answer
        self.seen = []

    def predict(self, picture, threshold=0.5):
        self.seen.append(picture.getpixel((0, 0)))
        return self.answer


def test_an_object_with_predict_is_shown_pictures_in_rgb():
    arrays = (np.array([[1.0, 2, 3, 4]]), np.array([0.75]), np.array([2]))
    boxes = types.SimpleNamespace(xyxy=arrays[0], conf=arrays[1], cls=arrays[2])
    pixels = torch.zeros(2, 3, 8, 9, dtype=torch.uint8)
    pixels[:, 2] = 200
    for answer in (
        Supervised([[1, 2, 3, 4]], [2]),
        arrays,
        dict(zip(("boxes", "scores", "labels"), arrays, strict=True)),
        [types.SimpleNamespace(boxes=boxes)],
    ):
        given = Predicts(answer)
        _, models = models_of(given)
        found = models[0](pixels)
        assert given.seen[-1] == (0, 0, 200)
        assert (found.boxes.tolist(), found.labels.tolist()) == ([[1, 2, 3, 4]] * 2, [2, 2])
        assert (models[0].name, found.class_names) == ("predicts", ("class 0", "cap", "bottle"))


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_boxes_of_six_columns_are_told_from_scores_by_their_shape(count):
    """A function that does not look at what it is given; three boxes are as many as the frames that try it."""
    row = [1, 2, 3, 4, 0.75, 1]
    rows = np.array([row] * count).reshape(-1, 6)
    _, models = models_of(lambda frame: rows, class_names=["a", "b"])
    found = models[0](torch.zeros(2, 3, 8, 9, dtype=torch.uint8))
    assert len(found.boxes) == 2 * count
    _, models = models_of(lambda frames: np.tile(np.eye(6)[0], (len(frames), 1)))
    assert models[0].task == "classification"


def test_answers_of_classifiers_frame_by_frame():
    """Rows of scores are read as those of any network; labels need all classes."""
    rows = {"logits": np.array([1.0, 3.0]), "probabilities": np.array([0.25, 0.75])}
    for row in rows.values():
        _, models = models_of(lambda frame, row=row: row if isinstance(frame, np.ndarray) else None)
        found = models[0](torch.zeros(2, 3, 8, 9, dtype=torch.uint8))
        expected = row if row.sum() == 1 else np.exp(row) / np.exp(row).sum()
        np.testing.assert_allclose(found.probabilities, [expected] * 2, atol=1e-6)
    labels = [{"label": "nut", "score": 0.75}, {"label": "bolt", "score": 0.25}]
    _, models = models_of(lambda frames: [labels] * len(frames))
    found = models[0](torch.zeros(1, 3, 8, 9, dtype=torch.uint8))
    assert (found.class_names, found.probabilities.tolist()) == (("bolt", "nut"), [[0.25, 0.75]])
    with pytest.raises(SettingsError, match="top_k"):
        models_of(lambda frames: [labels[:1]] * len(frames))
    with pytest.raises(SettingsError, match="class_names"):
        models_of(lambda frames: [PIPELINE] * len(frames))


def test_a_failing_callable_is_reported_by_its_own_error():
    def fails(given):
        raise RuntimeError("weights are gone" if isinstance(given, torch.Tensor) else "no tensor")

    with pytest.raises(InputError, match="weights are gone"):
        models_of(fails)
    with pytest.raises(SettingsError, match="str"):
        models_of(lambda given: "nothing")


def test_a_path_is_a_model():
    assert models_of(Path("nets/parts.onnx")) == (["nets/parts.onnx"], None)
