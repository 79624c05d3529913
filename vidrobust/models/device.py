"""Where a model runs: a --device text becomes a torch.device that is known to be there."""

from __future__ import annotations

import torch

from vidrobust.errors import SettingsError


def resolve_device(device: str) -> torch.device:
    """ "auto" (the first CUDA GPU, else the CPU), "cpu", "cuda" or "cuda:N" -> a device that exists.

    Raises SettingsError for another text, or a GPU that is not there.
    """
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return torch.device("cpu")
    head, _, number = device.partition(":")
    if head != "cuda" or not (device == "cuda" or number.isdecimal()):
        raise SettingsError(f"device: expected auto, cpu, cuda or cuda:N, got {device!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= count:
        raise SettingsError(
            f"device: {device} was asked for, but torch {torch.__version__} sees {count} CUDA GPUs; "
            "use --device auto or cpu, or install a CUDA build of torch"
        )
    return torch.device("cuda", int(number or 0))
