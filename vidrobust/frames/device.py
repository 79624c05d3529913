"""Where models run and pictures go."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
import sys
from typing import TYPE_CHECKING

from vidrobust.errors import SettingsError

if TYPE_CHECKING:
    import torch


_M_ARENA_MAX = -8  # of glibc's malloc.h
# New objects from which Python looks for garbage: with its own 700, the half million lasting ones that are made
# by imports are walked through again and again, a sixth of the start.
_GARBAGE = 20_000


def resolve_device(device: str) -> torch.device:
    """Return the device for "auto" (the first CUDA GPU, else the CPU), "cpu", "cuda" or "cuda:N"; else
    SettingsError.
    """
    import torch

    name, why_not = _existing(device)
    if why_not:
        raise SettingsError(
            f"device: {device} was asked for, but {why_not}; "
            "use --device auto or cpu, or install a CUDA build of torch"
        )
    return torch.device(name)


def make_deterministic() -> None:
    """Make torch use deterministic algorithms alone, in this whole process.

    On the CPU equal bits need equal threads, so threads are set to one: then any number of workers gives the
    same. Call this before anything runs on a GPU, since cuBLAS reads its variable when it starts.
    """
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def tune_process() -> None:
    """Give this process one heap, and threads that soon sleep; call before torch is imported.

    With glibc's heap per thread, batches made on one thread and dropped on another cost a third more memory.
    GNU OpenMP threads spin for milliseconds on processors that decoding could use.
    """
    gc.set_threshold(_GARBAGE)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Return unused memory of the heap to the system (glibc); it takes some milliseconds."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resolve_or_cpu(device: str) -> tuple[str, str]:
    """Return the device and "", or "cpu" and why the one asked for is not there (SettingsError if it is none)."""
    name, why_not = _existing(device)
    return name, f"{device} is not there ({why_not})" if why_not else ""


def _existing(device: str) -> tuple[str, str]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device in ("auto", "cpu"):
        return "cuda:0" if count and device == "auto" else "cpu", ""
    if not re.fullmatch(r"cuda(:[0-9]+)?", device):
        raise SettingsError(f"device: expected auto, cpu, cuda or cuda:N, got {device!r}")
    number = int(device.partition(":")[2] or 0)
    if number < count:
        return f"cuda:{number}", ""
    return "cpu", f"torch {torch.__version__} sees {count} CUDA GPUs"
