"""``vidrobust doctor``: what works on this machine, and how to get what is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata

from vidrobust.install_hint import installed, pip_install

Row = dict[str, str]  # what, status ("ok", "missing" or "broken"), detail
_DECODERS = {
    "pyav": ("av", "import av; print(av.__version__, 'FFmpeg', av.ffmpeg_version_info)", ""),
    "torchcodec": (
        "torchcodec",
        "import torchcodec; from torchcodec.decoders import VideoDecoder; print(torchcodec.__version__)",
        f"{pip_install('torchcodec')}, and FFmpeg's shared libraries",
    ),
    "decord": ("decord", "import decord; print(decord.__version__)", pip_install("decord")),
}


def diagnose() -> list[Row]:
    """Return rows for ``vidrobust doctor``; nothing is changed or downloaded.

    Decoders are tried in a separate process, since a broken one can end the process that loads it.
    """
    return [
        _row("vidrobust", "ok", metadata.version("vidrobust")),
        _row("python", "ok", f"{platform.python_version()}, {sys.executable}"),
        _row("machine", "ok", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        *_packages(),
        *_devices(),
        *(_decoder(name) for name in _DECODERS),
        _program("ffmpeg"),
        _onnxruntime(),
        *(_extra(name) for name in sorted(_extras()) if name != "dev"),
    ]


def _row(what: str, status: str, detail: str) -> Row:
    return {"what": what, "status": status, "detail": detail}


def _requirements() -> list[tuple[str, str]]:
    needed = []
    for line in metadata.requires("vidrobust") or []:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", line)
        if name:
            needed.append((name.group(), extra.group(1) if extra else ""))
    return needed


def _extras() -> dict[str, list[str]]:
    extras: dict[str, list[str]] = {}
    for name, extra in _requirements():
        if extra and name != "vidrobust":  # its other extras are told by themselves
            extras.setdefault(extra, []).append(name)
    return extras


def _packages() -> list[Row]:
    import torch

    rows = []
    for name, extra in _requirements():
        if not extra:
            # the name of a wheel of torch does not always tell its build, such as +cu130
            version = torch.__version__ if name == "torch" else installed(name)
            rows.append(
                _row(name, "ok" if version else "missing", version or f"pip install {name}")
            )
    return rows


def _devices() -> list[Row]:
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    rows = [_row("device cpu", "ok", f"torch uses {torch.get_num_threads()} threads, {capability}")]
    if not torch.cuda.is_available():
        why = (
            "no CUDA in this build of torch"
            if torch.version.cuda is None
            else "no GPU or no driver"
        )
        return [*rows, _row("device cuda", "missing", f"{why}; models run on the CPU")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        detail = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        rows.append(_row(f"device cuda:{number}", "ok", detail))
    return rows


def _decoder(name: str) -> Row:
    module, code, how = _DECODERS[name]
    what = f"decoder {name}"
    if installed(module) is None:
        return _row(what, "missing", how)
    if name == "decord" and len(list(metadata.packages_distributions().get(name, ()))) > 1:
        return _row(
            what, "broken", "decord and decord2 share one module name: uninstall one of the two"
        )
    try:
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return _row(what, "broken", "loading it took more than 60 s")
    if run.returncode == 0:
        return _row(what, "ok", run.stdout.strip())
    lines = run.stderr.strip().splitlines()
    return _row(
        what,
        "broken",
        f"{lines[-1] if lines else f'ended with code {run.returncode}'}; {how}".strip("; "),
    )


def _program(name: str) -> Row:
    path = shutil.which(name)
    if path is None:
        return _row(f"program {name}", "missing", "not needed to run; tests compare with it")
    run = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    first = run.stdout.splitlines()[0] if run.stdout else f"{path} ended with code {run.returncode}"
    return _row(
        f"program {name}",
        "ok" if run.returncode == 0 else "broken",
        first.partition(" Copyright")[0],
    )


def _onnxruntime() -> Row:
    from vidrobust.models.onnx_runtime import onnxruntime

    try:
        package = onnxruntime()
    except ModuleNotFoundError:
        return _row("onnxruntime", "missing", pip_install("onnx"))
    except ImportError as error:
        return _row("onnxruntime", "broken", str(error))
    providers = ", ".join(package.get_available_providers())
    return _row("onnxruntime", "ok", f"{package.__version__}: {providers}")


def _extra(name: str) -> Row:
    missing = [package for package in _extras()[name] if installed(package) is None]
    if not missing:
        return _row(f"extra {name}", "ok", ", ".join(_extras()[name]))
    return _row(f"extra {name}", "missing", f"lacks {', '.join(missing)}: {pip_install(name)}")
