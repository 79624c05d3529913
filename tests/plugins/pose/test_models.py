"""Pose networks as models, against the libraries themselves and decoders of a few lines."""

import functools
import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from vidrobust.api.models_given import models_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import file_sha256
from vidrobust.models.load import load_model
from vidrobust.models.network import check_frames
from vidrobust.models.predict import predict
from vidrobust.plugins.pose.people import COCO


def write_constant(path, size, outputs):
    """Write a network that answers every picture of a size with these arrays."""
    tensors = {name: numpy_helper.from_array(value, name) for name, value in outputs.items()}
    nodes = [helper.make_node("Constant", [], [name], value=of) for name, of in tensors.items()]
    taken = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, *size])]
    shapes = {name: list(value.shape) for name, value in outputs.items()}
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, of) for n, of in shapes.items()]
    graph = helper.make_graph(nodes, "constant", taken, given)
    version = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8}
    onnx.save(helper.make_model(graph, **version), path)


def test_simcc_is_decoded_as_mmpose_does(tmp_path):
    """Frames 96 x 128 in an input 256 x 192: scaled by 1.5, with 56 rows of padding above."""
    rng = np.random.default_rng(0)
    x, y = rng.random((1, 17, 384), np.float32), rng.random((1, 17, 512), np.float32)
    write_constant(tmp_path / "rtmpose.onnx", (256, 192), {"simcc_x": x, "simcc_y": y})
    found = predict(load_model(f"pose:{tmp_path / 'rtmpose.onnx'}"), check_frames()[:1])
    assert check_frames().shape[2:] == (96, 128)
    places = np.stack([x[0].argmax(axis=1) / 2.0, y[0].argmax(axis=1) / 2.0], axis=1)
    assert found.points[0, :, :2] == pytest.approx((places - [0, 56]) / 1.5, abs=1e-4)
    assert found.points[0, :, 2] == pytest.approx(np.minimum(x[0].max(axis=1), y[0].max(axis=1)))
    assert found.class_names == COCO


@pytest.mark.parametrize("ended", [False, True])
def test_yolo_rows_are_decoded(tmp_path, ended):
    """Frames 96 x 128 in an input of 256: scaled by 2, with 32 rows above. Three people, two of them one."""
    rng = np.random.default_rng(1)
    corners = np.array([[20, 60, 90, 200], [21, 61, 90, 200], [140, 70, 220, 210]], np.float32)
    scores = np.array([0.7, 0.9, 0.6], np.float32)
    joints = rng.uniform(40, 200, (3, 17, 3)).astype(np.float32)
    joints[..., 2] /= 200
    kept = [1, 2]
    if ended:
        rows = np.column_stack([corners, scores, np.zeros(3), joints.reshape(3, -1)])[kept]
        rows = np.vstack([rows, np.zeros((98, 57))])[None]
    else:
        low, high = corners[:, :2], corners[:, 2:]
        middles = np.column_stack([(low + high) / 2, high - low])
        rows = np.column_stack([middles, scores, joints.reshape(3, -1)])
        rows = np.vstack([rows, np.zeros((97, 56))]).T[None]
    write_constant(tmp_path / "yolo.onnx", (256, 256), {"output0": rows.astype(np.float32)})
    found = predict(load_model(f"pose:{tmp_path / 'yolo.onnx'}"), check_frames()[:1])
    assert found.scores == pytest.approx(scores[kept])
    assert found.points[..., :2] == pytest.approx((joints[kept, :, :2] - [0, 32]) / 2, abs=1e-4)
    assert found.points[..., 2] == pytest.approx(joints[kept, :, 2])


@pytest.mark.nightly  # two networks of 59 million weights
def test_keypoint_rcnn_says_what_it_says_alone(tmp_path, monkeypatch):
    """Random weights for three joints, pictures not enlarged; the reference is the network on the same picture."""
    from torchvision.models import detection

    build = functools.partial(detection.keypointrcnn_resnet50_fpn, min_size=96, max_size=128)
    monkeypatch.setattr(detection, "keypointrcnn_resnet50_fpn", build)
    torch.manual_seed(0)
    module = build(weights=None, weights_backbone=None, num_keypoints=3).eval()
    torch.save(module.state_dict(), tmp_path / "three.pth")
    (tmp_path / "names.txt").write_text("left_end\nright_end\nmiddle\n")
    given = f"weights={tmp_path / 'three.pth'},classes={tmp_path / 'names.txt'}"
    model = load_model(f"pose:keypointrcnn_resnet50_fpn,{given}")
    frames = check_frames()[:1]
    found = model(frames)
    with torch.inference_mode():
        said = module([frames[0].float() / 255])[0]
    assert len(found.scores) == len(said["scores"]) > 0
    assert found.points[..., :2] == pytest.approx(said["keypoints"][..., :2].numpy(), abs=1e-3)
    sure = said["keypoints_scores"].sigmoid().numpy()
    assert found.points[..., 2] == pytest.approx(sure, abs=1e-5)


@pytest.mark.nightly
def test_ultralytics_predicts_itself(tmp_path):
    missing = "Ultralytics is not installed: pip install ultralytics"
    ultralytics = pytest.importorskip("ultralytics", reason=missing)
    torch.manual_seed(0)
    yolo = ultralytics.YOLO("yolo11n-pose.yaml", verbose=False)
    with torch.no_grad():  # random weights find nothing: the bias of the scores is raised
        for head in yolo.model.model[-1].cv3:
            head[-1].bias.fill_(-1.0)
    yolo.ckpt_path = str(tmp_path / "random.pt")
    yolo.save(tmp_path / "random.pt")
    model = load_model(f"pose:{tmp_path / 'random.pt'}")
    frames = check_frames()[:1]
    found = model(frames)
    picture = np.ascontiguousarray(frames[0].permute(1, 2, 0).numpy()[..., ::-1])
    library = ultralytics.YOLO(str(tmp_path / "random.pt"))
    said = library.predict(picture, verbose=False, conf=0.05)[0]
    assert len(found.scores) == len(said.boxes) > 0
    assert found.points == pytest.approx(said.keypoints.data.numpy(), abs=1e-4)
    _, (adopted,) = models_of(ultralytics.YOLO(str(tmp_path / "random.pt")), device="cpu")
    alone = load_model(str(tmp_path / "random.pt"))
    assert (adopted.task, alone.task, alone.name) == ("pose", "pose", "random")
    sha256 = file_sha256(tmp_path / "random.pt")
    assert model.info.weights_sha256 == alone.info.weights_sha256 == sha256
    (tmp_path / "names.txt").write_text("\n".join(f"joint {k}" for k in range(17)))
    named = load_model(f"pose:{tmp_path / 'random.pt'},classes={tmp_path / 'names.txt'}")
    for other in (adopted, alone, named):
        assert np.array_equal(other(frames).points, found.points)
    assert named(frames).class_names[16] == "joint 16"
    ultralytics.YOLO("yolo11n.yaml", verbose=False).save(tmp_path / "boxes.pt")
    with pytest.raises(SettingsError):
        load_model(f"pose:{tmp_path / 'boxes.pt'}")
    torch.save({"model": 1}, tmp_path / "other.pt")
    with pytest.raises(SettingsError):
        load_model(f"pose:{tmp_path / 'other.pt'}")


def test_coco_results_and_a_table_are_models(tmp_path):
    pose = np.column_stack([np.arange(34).reshape(17, 2), np.full(17, 0.5)])
    row = {"image_id": "a_000007", "category_id": 1, "score": 0.8}
    row["keypoints"] = pose.ravel().tolist()
    other = {**row, "image_id": "b_000009", "score": 0.6}
    (tmp_path / "found.json").write_text(json.dumps([row, other]))
    model = load_model(f"pose:{tmp_path / 'found.json'}")
    found = model.predict_frames("a.mp4", np.array([7, 9]))
    assert (found.frame.tolist(), found.scores.tolist()) == ([0], pytest.approx([0.8]))
    assert np.array_equal(found.points[0], pose.astype(np.float32))
    rows = "3,0,tip,1,2\n3,0,end,5,6\n3,1,end,8,9\n"
    (tmp_path / "found.csv").write_text(f"frame,person,joint,x,y\n{rows}")
    model = load_model(f"pose:{tmp_path / 'found.csv'}")
    found = model.predict_frames("any.mp4", np.array([3]))
    assert model.class_names == ("tip", "end")
    assert found.points.tolist() == [[[1, 2, 1], [5, 6, 1]], [[0, 0, 0], [8, 9, 1]]]


def test_files_that_hold_no_key_points_are_refused(tmp_path):
    (tmp_path / "boxes.json").write_text('[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    with pytest.raises(InputError):
        load_model(f"pose:{tmp_path / 'boxes.json'}")
    write_constant(tmp_path / "classes.onnx", (96, 96), {"scores": np.zeros((1, 10), np.float32)})
    with pytest.raises(SettingsError):
        load_model(f"pose:{tmp_path / 'classes.onnx'}")
    with pytest.raises(SettingsError):
        load_model("pose:resnet50")
