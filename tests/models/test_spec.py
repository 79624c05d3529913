"""Taking a model spec apart."""

from __future__ import annotations

import pytest

from vidrobust.errors import SettingsError
from vidrobust.models.known import parse_spec


@pytest.mark.parametrize(
    ("text", "kind", "target", "options"),
    [
        ("efficientnet-lite1", "efficientnet-lite", "efficientnet-lite1", {}),
        ("torchvision:resnet50", "torchvision", "resnet50", {}),
        (
            "torchvision:resnet18,weights=/data/a b,c=1/x.pth,num_classes=7",
            "torchvision",
            "resnet18",
            None,  # see below: ",c=" looks like an option
        ),
        ("timm:resnet10t.c3_in1k,weights=w,1.pth", "timm", "resnet10t.c3_in1k", {"weights": "w,1.pth"}),
        ("onnx:C:\\nets\\a.onnx", "onnx", "C:\\nets\\a.onnx", {}),
        ("onnx:a.onnx,threads=1,sidecar=b.toml", "onnx", "a.onnx", {"threads": "1", "sidecar": "b.toml"}),
        ("pt2:nets/a.pt2", "pt2", "nets/a.pt2", {}),
        ("my.models:make", "factory", "my.models:make", {}),
        ("  models:make ", "factory", "models:make", {}),
    ],
)
def test_forms(text: str, kind: str, target: str, options: dict[str, str] | None) -> None:
    if options is None:
        with pytest.raises(SettingsError, match=r"unknown option 'c'; torchvision takes weights, preset"):
            parse_spec(text)
        return
    spec = parse_spec(text)
    assert (spec.kind, spec.target, spec.options, spec.text) == (kind, target, options, text)


@pytest.mark.parametrize(
    "text", ["", "resnet50", "torchvision:", "onnx:", ":x", "a-b:c", "hub:net/x", "a.b:c.d"]
)
def test_no_spec_lists_the_forms(text: str) -> None:
    with pytest.raises(
        SettingsError,
        match=r"is no model spec(; did you mean .*\?)?; expected one of: .*efficientnet-lite0, .*torchvision:NAME",
    ):
        parse_spec(text)


def test_the_bare_name_of_a_network_gets_its_spec_first() -> None:
    with pytest.raises(
        SettingsError, match=r"^'resnet50' is no model spec; did you mean torchvision:resnet50 or "
    ):
        parse_spec("resnet50")


def test_a_bare_file_is_reported_its_form() -> None:
    with pytest.raises(SettingsError, match=r"nets/a\.onnx: say which kind of file it is: onnx:nets/a\.onnx"):
        parse_spec("nets/a.onnx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "efficientnet-lite0,weights=a.pth",
            "unknown option 'weights'; efficientnet-lite takes output, threshold",
        ),
        ("timm:x,weight=a.pth", "unknown option 'weight'; timm takes weights, num_classes, classes"),
        ("timm:x,weights=", "option weights has no value"),
    ],
)
def test_wrong_options(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_spec(text)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_numbers(number: str) -> None:
    with pytest.raises(SettingsError, match="num_classes: expected a whole number from 1"):
        parse_spec(f"timm:x,num_classes={number}").number("num_classes")
    assert parse_spec("timm:x,num_classes=12").number("num_classes") == 12
    assert parse_spec("timm:x").number("num_classes") is None
