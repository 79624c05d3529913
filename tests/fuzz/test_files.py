"""Some damaged files that are no videos: those that fuzzing found, and others nightly."""

import io
import secrets
import zipfile

import pytest

from tests.fuzz import files
from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.labels.formats import read_labels
from vidrobust.models.load import load_model
from vidrobust.models.sidecar import read_sidecar

FEW = 12


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return files.kinds(files.made_run(tmp_path_factory.mktemp("run")))


def test_sound_files_are_read(every, tmp_path):
    assert len(every) == 14
    for kind in every:
        for number, seed in enumerate(kind.seeds):
            kind.read(seed.written(tmp_path / kind.name / str(number)))


@pytest.mark.nightly
def test_damaged_files_are_read_or_refused_in_words(every):
    found = list(files.trials(every, FEW, seed=2))
    assert len(found) == sum(max(round(FEW * kind.share), 1) for kind in every)
    assert [what for _, outcome, what in found if outcome == "fault"] == []
    assert {outcome for _, outcome, _ in found} == {"read", "refused"}


@pytest.mark.nightly
def test_files_damaged_anew_every_night_have_no_fault():
    """The seed is in the message of a failure: ``python -m tests.fuzz.files --seed N --per-kind 12``."""
    seed = secrets.randbelow(2**31)
    faults = [(kind, what) for kind, outcome, what in files.run(seed, FEW) if outcome == "fault"]
    assert faults == [], f"seed {seed}"


def archive():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        file.writestr("net/data.pkl", bytes(200))
    return memory.getvalue()[:20] + memory.getvalue()[60:]


BOX = "1,1,10,20,30,40,0.9,-1,-1,-1\n"
KITTI = b"cat 0 0 0 1 2 30 40 0 0 0 0 0 0 0 0.75\n\xc3\x28"
NO_FIELD = (
    b'{"frames": [{"_sample_id": {"$oid": "a"}, "frame_number": 1, "p": {"_cls": "Detections"}}]}'
)
FOUND = {
    # the file, its bytes, what is read of its folder, and what was raised
    "a row of predictions without a label: TypeError": (
        "a.csv", b"frame,label,probability\n0,good,0.5\n1,,0.5\n", "predictions:{}/a.csv", "row 2",
    ),
    "a number beyond floats": ("a.txt", BOX.replace("20", "9" * 400).encode(), "detections:{}/a.txt", "."),
    "a field that is missing": ("frames.json", NO_FIELD, "detections:{}/frames.json", "."),
    "no text": ("00_000_000000.txt", KITTI, "detections:{}", "."),
    # OSError
    "an archive of a saved network that points nowhere": ("net.pt", archive(), "{}/net.pt", "."),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_of_models_is_refused(name, tmp_path):
    file, data, spec, said = FOUND[name]
    (tmp_path / file).write_bytes(data)
    with pytest.raises(InputError, match=said):
        load_model(spec.format(tmp_path))


def test_an_outline_with_an_odd_number_of_values(tmp_path):
    """Found by fuzzing: a ValueError."""
    (tmp_path / "000001.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5 0.2\n")
    with pytest.raises(InputError):
        read_labels(tmp_path, "yolo")


def test_a_sidecar_that_is_nested_deeply(tmp_path):
    """Found by fuzzing: a RecursionError."""
    (tmp_path / "net.toml").write_text("mean = " + "[" * 5000)
    with pytest.raises(SettingsError):
        read_sidecar(tmp_path / "net.onnx")
