"""Answers from a file: three layouts, what contradicts itself, and what a file cannot say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of
from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.models.info import identity
from vidrobust.models.load import load_model
from vidrobust.models.predict import needs_pixels, predict, predict_footage


def batch(index, item="line", pixels=None):
    given = torch.zeros(len(index), 3, 8, 8, dtype=torch.uint8) if pixels is None else pixels
    return dataclasses.replace(batch_of(given, item=item), index=np.array(index, np.int64))


def write(path, text):
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    return f"predictions:{path}"


LEADING = """
    frame,label,probability
    0,good,0.9
    1,scratch,0.4
    3,good,0.7
    2,dent,0.55
"""


def test_the_leading_class_alone(tmp_path):
    """Frame 1: scratch leads with .4, though all others together have .6; which of them is not known."""
    model = load_model(write(tmp_path / "cam.csv", LEADING))
    assert model.class_names == ("dent", "good", "scratch", "(other)")
    assert not needs_pixels(model)
    found = predict_footage(model, batch([1, 2, 3]))
    assert [model.class_names[k] for k in found.labels] == ["scratch", "dent", "good"]
    assert found.partial
    expected = [[0, 0, 0.4, 0.6], [0.55, 0, 0, 0.45], [0, 0.7, 0, 0.3]]
    assert np.allclose(found.probabilities, expected)
    assert "distances between distributions cannot" in model.info.notes[0]


def test_labels_without_probabilities_and_class_for_label(tmp_path):
    model = load_model(write(tmp_path / "cam.csv", "frame,class\n0,1\n1,2\n2,1\n"))
    found = predict_footage(model, batch([0, 1, 2]))
    assert (model.class_names, found.labels.tolist()) == (("1", "2"), [0, 1, 0])
    assert not found.partial


def test_a_row_for_each_class(tmp_path):
    text = "item,frame,label,probability\na,0,x,0.25\na,0,y,0.75\nb.mp4,0,x,0.6\nb.mp4,0,y,0.4\n"
    model = load_model(write(tmp_path / "long.csv", text))
    assert np.allclose(predict_footage(model, batch([0], "a")).probabilities, [[0.25, 0.75]])
    assert np.allclose(predict_footage(model, batch([0], "b")).probabilities, [[0.6, 0.4]])
    with pytest.raises(ModelError, match=r"has nothing of c, but of a, b"):
        predict_footage(model, batch([0], "c"))


def test_a_real_network_from_its_own_table(models, tmp_path):
    """Written as Parquet, read and looked up in any order: the network's own rows and labels."""
    network = load_model(f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}", device="cpu")
    frames = torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8)
    expected = network(frames)
    names = [f"{k} {name}" for k, name in enumerate(network.class_names)]
    table = pd.DataFrame(expected.probabilities, columns=names).assign(frame=np.arange(8) * 15)
    table.to_parquet(tmp_path / "network.parquet")
    model = load_model(f"predictions:{tmp_path / 'network.parquet'}")
    order = np.random.default_rng(0).permutation(8)
    found = predict_footage(model, batch([int(i) * 15 for i in order]))
    assert np.allclose(found.probabilities, expected.probabilities[order], atol=1e-6)
    assert np.array_equal(found.labels, expected.labels[order])
    assert not found.partial
    assert identity(model) is not None


def test_an_operating_point_over_a_file(tmp_path):
    spec = write(tmp_path / "cam.csv", "frame,good,defect\n0,0.6,0.4\n1,0.8,0.2\n")
    found = predict_footage(load_model(f"{spec},threshold=defect:0.3"), batch([0, 1]))
    assert found.labels.tolist() == [1, 0]


def test_new_pixels_cannot_be_had(tmp_path):
    model = load_model(write(tmp_path / "cam.csv", LEADING))
    said = r"model cam: its answers were read from .*needs the model itself"
    with pytest.raises(ModelError, match=said):
        predict(model, batch([0]).pixels)


def test_frames_that_the_file_does_not_have_are_counted(tmp_path):
    model = load_model(write(tmp_path / "cam.csv", LEADING))
    with pytest.raises(ModelError, match=r"says nothing of 2 of 3 frames of line, the first is 4"):
        predict_footage(model, batch([3, 4, 5]))


def test_a_file_without_items_is_about_one_video(tmp_path):
    model = load_model(write(tmp_path / "cam.csv", LEADING))
    predict_footage(model, batch([0], "first"))
    with pytest.raises(ModelError, match="can be about one video only: first or second"):
        predict_footage(model, batch([0], "second"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,a,b\n0,0.5,0.4\n", "row 1: probabilities sum to 0.9, expected 1"),
        ("frame,a,b\n0,0.5,0.5\n0,0.5,0.5\n", "some frame of an input has two rows"),
        ("frame,a,b\n0,0.5,x\n", "are no probabilities"),
        ("frame,label,probability\n0,a,1.5\n", r"row 1: expected probabilities in 0\.\.1"),
        ("frame,label,probability\n0,a,\n", r"row 1: expected probabilities in 0\.\.1"),
        ("frame,label,probability\n0,a,0.7\n0,b,0.7\n", "frame 0: probabilities sum to 1.4"),
        ("frame,label,probability\n0,a,0.3\n0,a,0.7\n", "some frame has two rows of one label"),
        ("frame,label\n0.5,a\n", "row 1: frame: expected a whole number from 0"),
        ("frame,label\n-1,a\n", "row 1: frame: expected a whole number from 0"),
        (f"frame,label\n{'9' * 400},a\n", "cannot be read as a table: a number is out of range"),
        ("time,label\n0,a\n", "expected a column frame or time_s"),
        ("frame,label\n", "expected a column frame or time_s, and rows, got 0 rows"),
        ("", "cannot be read as a table"),
    ],
)
def test_files_that_contradict_themselves(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load_model(write(tmp_path / "bad.csv", text))


def test_files_of_another_form(tmp_path):
    with pytest.raises(SettingsError, match="has no column label, and 1 columns of probabilities"):
        load_model(write(tmp_path / "one.csv", "frame,a\n0,0.5\n"))
    (tmp_path / "names.txt").write_text("good\nbad\n")
    table = write(tmp_path / "cam.csv", "frame,label\n0,good\n1,ugly\n")
    with pytest.raises(SettingsError, match="label 'ugly' is not among the classes given"):
        load_model(f"{table},classes={tmp_path / 'names.txt'}")


def test_answers_by_time_are_those_of_the_nearest_frames(tmp_path):
    """Frames at 0, 40, 80 ms; answers in another order, each at most half a step away."""
    text = "time_s,label,probability\n0.085,dent,0.8\n0.002,good,0.9\n0.035,scratch,0.7\n"
    model = load_model(write(tmp_path / "cam.csv", text))
    found = predict_footage(model, batch([0, 1, 2]))
    assert [found.class_names[k] for k in found.labels] == ["good", "scratch", "dent"]
    with pytest.raises(ModelError):  # a frame at 120 ms, 35 ms after the last answer
        predict_footage(model, batch([0, 1, 2, 3]))
    rare = load_model(write(tmp_path / "rare.csv", "time_s,label\n0,good\n0.08,good\n0.16,dent\n"))
    with pytest.raises(ModelError, match=r"--fps 12\.5"):  # at half the rate of the frames
        predict_footage(rare, batch([0, 1, 2]))
    with pytest.raises(InputError, match="row 2"):
        load_model(write(tmp_path / "wrong.csv", "time_s,label\n0,good\nnoon,good\n"))


@pytest.mark.parametrize("frame", ["1e300", "inf", "-1", "10000001"])
def test_a_frame_beyond_any_video_is_refused_with_its_row(tmp_path, frame):
    file = write(tmp_path / "cam.csv", f"frame,class\n0,1\n{frame},2\n")
    with pytest.raises(
        InputError, match=r"row 2: frame: expected a whole number from 0 to 10000000"
    ):
        load_model(file)
