"""Networks in ONNX files: classifiers and detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.classes import given_names
from vidrobust.models.describe import missing_sidecar
from vidrobust.models.detection.candidates import Outputs
from vidrobust.models.detection.heads import ultralytics_entry
from vidrobust.models.detection.network import DetectionNetwork
from vidrobust.models.info import file_sha256
from vidrobust.models.network import Network
from vidrobust.models.onnx_runtime import (
    OnnxFile,
    check_input,
    numeric_outputs,
    open_session,
    runtime,
    text_outputs,
    weight_files,
)
from vidrobust.models.sidecar import Sidecar, find_entry, read_entry, read_sidecar
from vidrobust.models.spec import Form, ModelKind, ModelSpec


def onnx_model(spec: ModelSpec, device: torch.device) -> Network | DetectionNetwork:
    """Load an ONNX network, on CUDA where ONNX Runtime can; a fallback to the CPU is noted."""
    path = spec.file()
    session, notes = open_session(path, device, spec)
    embedded = ultralytics_entry(session.get_modelmeta().custom_metadata_map)
    where, entry = find_entry(
        path, spec.options.get("sidecar"), own=embedded, advice=missing_sidecar
    )
    if entry.get("task") == "detection":
        return _onnx_detector(spec, session, notes, where, entry)
    sidecar = read_sidecar(path, spec.options.get("sidecar"), own=embedded)
    return _onnx_classifier(spec, session, notes, device, sidecar)


def _onnx_classifier(
    spec: ModelSpec, session: Any, notes: list[str], device: torch.device, sidecar: Sidecar
) -> Network:
    path = spec.file()
    provider = session.get_providers()[0]
    shape, dtype, last = check_input(session, sidecar.preprocess.shape, spec.text)
    output = _output(session, sidecar.output_name, spec.text, sidecar.path)
    notes += text_outputs(session)
    batch = shape[0] if isinstance(shape[0], int) else None
    name = session.get_inputs()[0].name
    file = OnnxFile(path=path, input=name, output=output, dtype=dtype, channels_last=last)

    def run(inputs: torch.Tensor) -> object:
        return session.run([output], {name: file.array(inputs)})[0]

    if batch is not None:
        notes.append(f"fixed batch size {batch}: larger batches are cut up")
    return Network(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        device=torch.device("cpu"),  # inputs are handed over in main memory
        runs_on=str(device) if provider == "CUDAExecutionProvider" else "cpu",
        engine=f"onnxruntime {runtime(spec).__version__}, {provider}",
        precision=np.dtype(dtype).name,
        weights=str(path),
        weights_sha256=file_sha256(*weight_files(path)),
        fixed_batch=batch,
        declared=sidecar.declared,
        class_names=given_names(spec.options.get("classes")) or sidecar.class_names,
        onnx=file,
        notes=tuple(notes),
    )


def _onnx_detector(
    spec: ModelSpec, session: Any, notes: list[str], where: Path, entry: dict[str, Any]
) -> DetectionNetwork:
    path = spec.file()
    sidecar = read_entry(entry, where)
    shape, dtype, last = check_input(session, sidecar.preprocess.size, spec.text)
    names, name = numeric_outputs(session, spec.text), session.get_inputs()[0].name
    notes += text_outputs(session)
    provider = session.get_providers()[0]

    def run(inputs: torch.Tensor) -> Outputs:
        ordered = inputs.permute(0, 2, 3, 1) if last else inputs
        arrays = session.run(names, {name: ordered.contiguous().numpy().astype(dtype, copy=False)})
        return dict(zip(names, arrays, strict=True))

    return DetectionNetwork(
        name=sidecar.name or path.stem,
        run=run,
        preprocess=sidecar.preprocess,
        head=sidecar.head,
        settings=sidecar.settings,
        suppression=sidecar.suppression,
        device="cuda" if provider == "CUDAExecutionProvider" else "cpu",
        engine=f"onnxruntime {runtime(spec).__version__}, {provider}",
        weights=str(path),
        weights_sha256=file_sha256(*weight_files(path)),
        precision=np.dtype(dtype).name,
        fixed_batch=shape[0] if isinstance(shape[0], int) else None,
        class_names=given_names(spec.options.get("classes"), fewest=1) or sidecar.class_names,
        notes=tuple(notes),
    )


def _output(session: Any, named: str | None, spec: str, sidecar: Path) -> str:
    names = numeric_outputs(session, spec)
    if named is None and len(names) == 1:
        return str(names[0])
    if named not in names:
        asked = "which is the class scores?" if named is None else f"and none is called {named!r}."
        raise SettingsError(
            f'{spec}: its outputs are {", ".join(names)}: {asked} Say output_name = "..." in {sidecar}'
        )
    return str(named)


KINDS = (
    ModelKind(
        scheme="onnx",
        load=onnx_model,
        options=("sidecar", "classes", "threads"),
        endings=(".onnx",),
        forms=(
            Form(
                spec="onnx:FILE",
                what="ONNX classifier or detector with a sidecar TOML",
                example="onnx:nets/parts.onnx",
                needs=("onnxruntime",),
                install=pip_install("onnx"),
            ),
        ),
    ),
)
