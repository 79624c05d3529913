"""Pose networks of torchvision, Ultralytics and ONNX, and key points in files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import InputError, ModelError, SettingsError, in_plain_words
from vidrobust.files.csv_table import read_columns
from vidrobust.files.json_text import parsed_json
from vidrobust.frames.pixels import check_pixels
from vidrobust.models.classes import given_names
from vidrobust.models.info import ModelInfo, file_sha256, state_sha256
from vidrobust.models.preprocess import BoxPreprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file, kind_of, parse_spec
from vidrobust.plugins.pose.people import COCO, KeyPoints, people

LEAST_SCORE = 0.05  # of people that are kept
OVERLAP = 0.7  # of boxes of one person, as Ultralytics suppresses them
# mean and deviation, of 255: RTMPose's
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
ONE_PERSON = (
    "takes the frame for one person: without boxes there are no crops. For several people give the results of "
    "the whole pipeline: pose:FILE.json"
)
SIDE = 640  # px, of the input of a YOLO network whose file leaves it open
Poses = tuple[np.ndarray, np.ndarray]  # (P, J, 3) and (P,) scores of a frame


@dataclass(eq=False, kw_only=True)
class PoseNetwork:
    """A network that gives the poses of frames (N, 3, H, W) uint8 RGB."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    run: Callable[[torch.Tensor], list[Poses]]
    task: Literal["pose"] = "pose"

    def __call__(self, pixels: torch.Tensor) -> KeyPoints:
        check_pixels(pixels, f"model {self.name}")
        with torch.inference_mode():
            return people(self.run(pixels), self.class_names)


@dataclass(eq=False, kw_only=True)
class RecordedPoses:
    """Poses from a file, looked up by input ("" is any) and number of the frame."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    poses: dict[str, dict[int, list[tuple[np.ndarray, float]]]]
    task: Literal["pose"] = "pose"
    needs_pixels: bool = False

    def __call__(self, pixels: torch.Tensor) -> KeyPoints:
        raise ModelError(
            f"model {self.name}: its poses are a file; new pictures need the network itself"
        )

    def predict_frames(self, item: str, index: np.ndarray) -> KeyPoints:
        """Return the people of frames; one that the file does not name has none."""
        named = next((name for name in (item, Path(item).stem, "") if name in self.poses), None)
        if named is None:
            raise ModelError(
                f"model {self.name}: holds no pose of {item}, but of {', '.join(self.poses)}"
            )
        shown = [self.poses[named].get(int(frame), []) for frame in index]
        return people(
            [(np.array([p for p, _ in pose]), np.array([s for _, s in pose])) for pose in shown],
            self.class_names,
        )


def load(spec: ModelSpec, device: torch.device) -> Any:
    """Return the model of a spec by what its target ends with."""
    ending = Path(spec.target).suffix.lower()
    if ending in (".json", ".csv"):
        return _recorded(spec, existing_file(spec.target, spec.text))
    if ending == ".onnx":
        return _onnx(spec, existing_file(spec.target, spec.text), device)
    return _ultralytics(spec, device) if ending == ".pt" else _torchvision(spec, device)


def _info(
    spec: ModelSpec, engine: str, how: str, weights: str, sha256: str, count: int
) -> ModelInfo:
    about: dict[str, Any] = {"weights": weights, "weights_sha256": sha256, "num_classes": count}
    return ModelInfo(
        spec=spec.text, engine=engine, device="cpu", precision="float32", preprocessing=how, **about
    )


def _joints(spec: ModelSpec, count: int | None) -> tuple[str, ...]:
    given = given_names(spec.options.get("classes"))
    if given is None and count is None:
        raise SettingsError(f"{spec.text}: name its joints: classes=FILE, one a line")
    names = given or (
        COCO if count == len(COCO) else tuple(f"joint {k}" for k in range(count or 0))
    )
    if count not in (None, len(names)):
        raise SettingsError(f"{spec.text}: has {count} joints, and classes names {len(names)}")
    return names


def _torchvision(spec: ModelSpec, device: torch.device) -> PoseNetwork:
    import torchvision

    from vidrobust.models.modules import fit_state, from_hub, read_state

    if spec.target != "keypointrcnn_resnet50_fpn":
        raise SettingsError(
            f"{spec.text}: expected keypointrcnn_resnet50_fpn, or an .onnx, .pt, .json or .csv file"
        )
    joints = given_names(spec.options.get("classes")) or COCO
    build = torchvision.models.detection.keypointrcnn_resnet50_fpn
    if given := spec.options.get("weights"):
        path = existing_file(given, spec.text)
        module = build(weights=None, weights_backbone=None, num_keypoints=len(joints))
        fit_state(module, read_state(path), spec.text)
        weights, sha256 = str(path), file_sha256(path)
    else:
        module = from_hub(spec, lambda: build(weights="DEFAULT", progress=False))
        weights, sha256 = "DEFAULT from the hub", state_sha256(module)
    module = module.to(device).eval().requires_grad_(False)

    def run(pixels: torch.Tensor) -> list[Poses]:
        poses = []
        for one in module([frame.to(device).float() / 255 for frame in pixels]):
            # its confidences are logits of a heat map
            sure = one["keypoints_scores"].sigmoid()[..., None]
            points = torch.cat([one["keypoints"][..., :2], sure], dim=2)
            poses.append((points.cpu().numpy(), one["scores"].cpu().numpy()))
        return poses

    engine = f"torch {torch.__version__}, eager"
    info = _info(spec, engine, "inside torchvision's network", weights, sha256, len(joints))
    return PoseNetwork(name=spec.target, class_names=joints, info=info, run=run)


def _ultralytics(spec: ModelSpec, device: torch.device) -> PoseNetwork:
    # by the kind that reads such files; it asks ``adopt`` for a pose network
    file = parse_spec(str(existing_file(spec.target, spec.text)))
    model: Any = kind_of(file).load(file, device)
    if model.task != "pose":
        raise SettingsError(
            f"{spec.text}: a network for {model.task}; give it without the scheme pose:"
        )
    joints = _joints(spec, len(model.class_names))
    return replace(model, class_names=joints, info=replace(model.info, spec=spec.text))


def adopt(given: object, device: torch.device) -> PoseNetwork | None:
    """Return a model made from a ``YOLO`` object for poses; None for anything else."""
    yolo: Any = given
    if (
        type(given).__module__.partition(".")[0] != "ultralytics"
        or getattr(yolo, "task", "") != "pose"
    ):
        return None
    name = Path(str(yolo.ckpt_path or yolo.model_name or "ultralytics")).stem
    spec = ModelSpec(f"python:{name}", KIND.scheme, name, {})
    joints = _joints(spec, int(yolo.model.model[-1].kpt_shape[0]))

    def run(pixels: torch.Tensor) -> list[Poses]:
        poses = []
        # each alone: its suppression leaves out frames of a batch that takes long
        for frame in pixels:
            picture = np.ascontiguousarray(frame.permute(1, 2, 0).flip(2).cpu().numpy())
            answer = yolo.predict(
                picture, device=device, verbose=False, save=False, conf=LEAST_SCORE
            )[0]
            points = answer.keypoints.data.cpu().numpy()
            if points.shape[2] == 2:  # trained without visibility
                points = np.concatenate([points, np.ones_like(points[..., :1])], axis=2)
            poses.append((points, answer.boxes.conf.cpu().numpy()))
        return poses

    weights = ("parameters of the module", state_sha256(yolo.model))
    info = _info(spec, "ultralytics", "inside ultralytics", *weights, len(joints))
    return PoseNetwork(name=name, class_names=joints, info=info, run=run)


def _onnx(spec: ModelSpec, path: Path, device: torch.device) -> PoseNetwork:
    from vidrobust.models.onnx_runtime import open_session, weight_files

    session, _ = open_session(path, device, spec)
    (inputs, *_), outputs = (
        session.get_inputs(),
        sorted(session.get_outputs(), key=lambda each: each.name),
    )
    shape = outputs[0].shape
    if len(inputs.shape) != 4 or len(shape) != 3 or len(outputs) > 2:
        raise SettingsError(
            f"{spec.text}: expected simcc_x and simcc_y (N, J, bins), or rows (N, 5 + 3 J, n)"
        )
    height, width = (side if isinstance(side, int) else SIDE for side in inputs.shape[2:])
    simcc, ended = len(outputs) == 2, False
    if simcc:
        joints = _joints(spec, shape[1] if isinstance(shape[1], int) else None)
    else:  # (N, 5 + 3 J, n), or (N, n, 6 + 3 J) of a network that suppresses by itself
        known = [isinstance(side, int) for side in shape[1:]]
        ended = known[1] and not (known[0] and shape[1] <= shape[2])
        numbers = shape[1 + ended] if known[ended] else None
        if numbers is not None and (numbers - 5 - ended) % 3:
            raise SettingsError(
                f"{spec.text}: rows of {numbers} numbers are no box, score and joints of x, y, confidence"
            )
        joints = _joints(spec, None if numbers is None else (numbers - 5 - ended) // 3)
    mean, std = IMAGENET if simcc else ((0.0,) * 3, (255.0,) * 3)
    of: dict[str, Any] = {"size": (height, width), "mean": mean, "std": std}
    cut = BoxPreprocess(resize="letterbox", place="centre", channels="RGB", **of)

    def run(pixels: torch.Tensor) -> list[Poses]:
        fit, poses = cut.fit(int(pixels.shape[2]), int(pixels.shape[3])), []
        for frame in cut(pixels):
            out = session.run([node.name for node in outputs], {inputs.name: frame[None].numpy()})
            if simcc:
                points, scores = simcc_poses(out[0][0], out[1][0], (height, width))
            else:
                points, scores = yolo_poses(
                    out[0][0] if ended else out[0][0].T, len(joints), ended=ended
                )
            points[..., :2] = (points[..., :2] - fit.offset) / fit.scale
            poses.append((points, scores))
        return poses

    engine = "onnxruntime, SimCC of the whole frame" if simcc else "onnxruntime, YOLO-pose"
    sha256 = file_sha256(*weight_files(path))
    info = _info(spec, engine, cut.describe(), path.name, sha256, len(joints))
    info = replace(info, notes=(ONE_PERSON,) if simcc else ())
    return PoseNetwork(name=path.stem, class_names=joints, info=info, run=run)


def simcc_poses(x: np.ndarray, y: np.ndarray, size: tuple[int, int]) -> Poses:
    """Return one person from scores (J, bins) along x and y of an input of ``size`` px (Li et al., ECCV 2022).

    The joint lies at the bin with the largest score; its confidence is the lesser of the two, as in mmpose.
    """
    places = [
        axis.argmax(axis=1) * side / axis.shape[1] for axis, side in ((x, size[1]), (y, size[0]))
    ]
    sure = np.clip(np.minimum(x.max(axis=1), y.max(axis=1)), 0, 1)
    points = np.stack([*places, sure], axis=1)[None].astype(np.float64)
    return points, sure.mean(keepdims=True)


def yolo_poses(rows: np.ndarray, joints: int, *, ended: bool) -> Poses:
    """Return people of rows (n, 5 + 3 J) of centre, size, score and joints, one row a person.

    ``ended``: rows (n, 6 + 3 J) of corners, score, class and joints, suppressed already.
    """
    from torchvision.ops import nms

    rows = rows[rows[:, 4] >= LEAST_SCORE].astype(np.float64)
    if not ended:
        half = rows[:, 2:4] / 2
        boxes = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
        rows = rows[
            nms(torch.from_numpy(boxes), torch.from_numpy(rows[:, 4].copy()), OVERLAP).numpy()
        ]
    points = rows[:, 5 + ended :].reshape(-1, joints, 3)
    points[..., 2] = np.clip(points[..., 2], 0, 1)
    return points, np.clip(rows[:, 4], 0, 1)


Found = Iterator[tuple[str, int, np.ndarray, float]]  # input, frame, (J, 3) points, score


def _recorded(spec: ModelSpec, path: Path) -> RecordedPoses:
    poses: dict[str, dict[int, list[tuple[np.ndarray, float]]]] = {}
    try:
        joints, rows = (_of_coco if path.suffix.lower() == ".json" else _of_csv)(spec, path)
        for item, frame, points, score in rows:
            points[:, 2] = np.clip(points[:, 2], 0, 1)
            poses.setdefault(item, {}).setdefault(frame, []).append(
                (points, min(max(score, 0.0), 1.0))
            )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"{spec.text}: holds no key points that can be read: {in_plain_words(error)}"
        ) from error
    info = _info(spec, "poses from a file", "", str(path), file_sha256(path), len(joints))
    return RecordedPoses(name=path.stem, class_names=joints, info=info, poses=poses)


def _of_coco(spec: ModelSpec, path: Path) -> tuple[tuple[str, ...], Found]:
    """COCO results: ``image_id`` is the number of the frame, or "INPUT_000012"."""
    every = parsed_json(path.read_text(encoding="utf-8"))
    joints = _joints(spec, len(every[0]["keypoints"]) // 3)

    def found() -> Found:
        for one in every:
            item, frame = re.fullmatch(r"(.*?)_?(\d+)", str(one["image_id"])).groups()  # type: ignore[union-attr]
            points = np.array(one["keypoints"], np.float64).reshape(len(joints), 3)
            yield item, int(frame), points, float(one["score"])

    return joints, found()


def _of_csv(spec: ModelSpec, path: Path) -> tuple[tuple[str, ...], Found]:
    """Columns frame, joint, x, y, and where known item, person and confidence."""
    table = read_columns(path)
    missing = {"item": "", "person": 0, "confidence": 1.0}
    table = table.assign(
        **{name: value for name, value in missing.items() if name not in table}
    ).fillna({"item": ""})
    joints = given_names(spec.options.get("classes")) or tuple(
        dict.fromkeys(map(str, table["joint"]))
    )
    place = {name: k for k, name in enumerate(joints)}

    def found() -> Found:
        for (item, frame, _), rows in table.groupby(["item", "frame", "person"], sort=True):
            points = np.zeros((len(joints), 3))
            at = [place[str(name)] for name in rows["joint"]]
            points[at] = np.nan_to_num(rows[["x", "y", "confidence"]].to_numpy(np.float64))
            sure = points[points[:, 2] > 0, 2]
            yield str(item), int(frame), points, float(sure.mean()) if len(sure) else 0.0

    return joints, found()


KIND = ModelKind(
    scheme="pose",
    load=load,
    adopts=adopt,  # type: ignore[arg-type]  # a task of its own
    options=("weights", "classes", "threads"),
    forms=(
        Form(
            spec="pose:keypointrcnn_resnet50_fpn[,weights=FILE]",
            what="torchvision's Keypoint R-CNN",
            example="pose:keypointrcnn_resnet50_fpn",
            needs=("torchvision",),
        ),
        Form(
            spec="pose:FILE.pt",
            what="Ultralytics pose network, predicted by the library",
            example="pose:yolo11n-pose.pt",
            needs=("ultralytics",),
        ),
        Form(
            spec="pose:FILE.onnx[,classes=FILE]",
            what="YOLO-pose, or SimCC (RTMPose) of one person who fills the frame",
            example="pose:yolo11n-pose.onnx",
            needs=("onnxruntime",),
        ),
        Form(
            spec="pose:FILE.json or FILE.csv",
            what="key points that another program found: COCO results, or a table of joints",
            example="pose:keypoints.json",
        ),
    ),
)
