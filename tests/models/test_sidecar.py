"""Finding and checking the TOML beside a network."""

from pathlib import Path

import pytest

from vidrobust.errors import SettingsError
from vidrobust.models.sidecar import TEMPLATE, read_sidecar

BROKEN = TEMPLATE.replace("channels", "chanels")


def write(path, text):
    path.write_text(text, encoding="utf-8")


def entry(file, more=""):
    return f'[{Path(file).stem}]\nfile = "{file}"\n{TEMPLATE}{more}\n'


def test_template_is_valid(tmp_path):
    write(tmp_path / "net.onnx.toml", TEMPLATE)
    sidecar = read_sidecar(tmp_path / "net.onnx")
    assert sidecar.preprocess.resized == (256,)
    assert sidecar.preprocess.mean == (123.675, 116.28, 103.53)
    assert sidecar.declared.output is None
    assert [sidecar.output_name, sidecar.class_names, sidecar.name] == [None] * 3


def test_own_file_goes_before_the_table(tmp_path):
    network = tmp_path / "net.onnx"
    write(tmp_path / "models.toml", entry("other.onnx") + entry("net.onnx", 'name = "from table"'))
    assert read_sidecar(network).name == "from table"
    write(tmp_path / "net.toml", TEMPLATE + 'name = "from net.toml"')
    assert read_sidecar(network).name == "from net.toml"
    write(tmp_path / "net.onnx.toml", '[any]\nname = "from net.onnx.toml"\n' + TEMPLATE)
    assert read_sidecar(network).name == "from net.onnx.toml"
    write(tmp_path / "given.toml", TEMPLATE + 'name = "given"')
    assert read_sidecar(network, str(tmp_path / "given.toml")).name == "given"


def test_real_table(models):
    """Of squeezenet1_1_227 in models.toml: BGR, mean in that order, 227 / 0.875 = 259.4."""
    p = read_sidecar(models / "squeezenet1_1_227.onnx").preprocess
    assert (p.channels, p.mean, p.std, p.resized, p.shape) == (
        "BGR", (104.0, 117.0, 123.0), (1.0, 1.0, 1.0), (259,), (227, 227),
    )  # fmt: skip


def test_classes_and_output(tmp_path):
    more = 'classes = ["a", "b"]\noutput = "probabilities"\noutput_name = "p"'
    write(tmp_path / "net.toml", TEMPLATE + more)
    sidecar = read_sidecar(tmp_path / "net.onnx")
    assert (sidecar.class_names, sidecar.output_name) == (("a", "b"), "p")
    assert sidecar.declared.output == "probabilities"
    write(tmp_path / "net.toml", TEMPLATE + 'classes = "names.txt"')
    write(tmp_path / "names.txt", "left\nright\n")
    assert read_sidecar(tmp_path / "net.onnx").class_names == ("left", "right")


def test_none_found_shows_what_to_write(tmp_path):
    said = r"(?s)no sidecar.*Write .*net\.onnx\.toml with:\nsize = 224.*channels"
    with pytest.raises(SettingsError, match=said):
        read_sidecar(tmp_path / "net.onnx")
    write(tmp_path / "models.toml", entry("other.onnx"))
    with pytest.raises(SettingsError, match=r'models\.toml has no entry with file = "net\.onnx"'):
        read_sidecar(tmp_path / "net.onnx")
    said = r"gone\.toml: no such file; it was named as the sidecar of net\.onnx"
    with pytest.raises(SettingsError, match=said):
        read_sidecar(tmp_path / "net.onnx", str(tmp_path / "gone.toml"))
    with pytest.raises(SettingsError, match=r'no entry has file = "net\.onnx"'):
        read_sidecar(tmp_path / "net.onnx", str(tmp_path / "models.toml"))


@pytest.mark.parametrize("file", ["yolox_nano.onnx", "FastestDet.onnx"])
def test_a_detector_is_no_classifier(models, file):
    said = r'is for detection: expected task = "classification" here'
    with pytest.raises(SettingsError, match=said):
        read_sidecar(models / file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEMPLATE.replace("crop ", "# crop "), "missing crop; a sidecar reads"),
        (BROKEN, "missing channels"),
        (TEMPLATE + 'clases = ["a", "b"]', "unknown key 'clases'; did you mean 'classes'"),
        (TEMPLATE + 'outputs = "logits"', "unknown key 'outputs'; did you mean 'output'"),
        (TEMPLATE.replace("0.875", "1.5"), "net.onnx: crop: expected a part"),
        (TEMPLATE.replace("224 ", "'big' "), "net.onnx: size: expected px"),
        ("size = ", "cannot be read as TOML"),
        (TEMPLATE + "classes = 3", "classes: expected"),
        (
            TEMPLATE.replace('"torch"', '"opencv"'),
            "resize: expected one of 'shorter side', 'stretch'",
        ),
        (TEMPLATE.replace('"torch"', '"pil, torch"'), "resize: expected one of"),
        (TEMPLATE.replace('"even"', '"floor"'), "crop_rounding: expected one of 'even'"),
        (TEMPLATE + "letterbox = 300", "padding: expected a grey level"),
    ],
)
def test_wrong_sidecars(tmp_path, text, message):
    write(tmp_path / "net.toml", text)
    with pytest.raises(SettingsError, match=message):
        read_sidecar(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('resize = "pil"', ("shorter side", "pil", True, 114)),
        ('resize = "stretch, opencv-area"', ("stretch", "opencv-area", True, 114)),
        ('resize = "stretch"', ("stretch", "torch", True, 114)),
        ("antialias = false", ("shorter side", "torch", False, 114)),
        ('resize = "opencv-linear"\nletterbox = true', ("letterbox", "opencv-linear", True, 114)),
        ("letterbox = 0", ("letterbox", "torch", True, 0)),
    ],
)
def test_the_users_own_resize(tmp_path, text, expected):
    lines = [line for line in TEMPLATE.splitlines() if not line.startswith(("resize", "antialias"))]
    write(tmp_path / "net.toml", "\n".join([*lines, text, "crop_offset = -1"]))
    made = read_sidecar(tmp_path / "net.onnx").preprocess
    assert (made.resize, made.resizer, made.antialias, made.pad) == expected
    assert made.crop_offset == -1


def test_opencvs_interpolation_is_in_its_name(tmp_path):
    lines = [line for line in TEMPLATE.splitlines() if not line.startswith("interpolation")]
    write(tmp_path / "net.toml", "\n".join(lines).replace('"torch"', '"opencv-area"'))
    assert read_sidecar(tmp_path / "net.onnx").preprocess.resizer == "opencv-area"
    write(tmp_path / "net.toml", "\n".join(lines))
    with pytest.raises(SettingsError, match="missing interpolation"):
        read_sidecar(tmp_path / "net.onnx")


def test_foreign_keys_are_free(tmp_path):
    write(tmp_path / "net.toml", TEMPLATE + 'licence = "MIT"\ntrained_on = "station 4"')
    assert read_sidecar(tmp_path / "net.onnx").preprocess.shape == (224, 224)
