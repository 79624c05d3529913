"""Where models run and pictures go: a --device text becomes a device that is known to be there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from typing import TYPE_CHECKING

from vidrobust.errors import SettingsError

if TYPE_CHECKING:
    import torch


_M_ARENA_MAX = -8  # of glibc's malloc.h


def resolve_device(device: str) -> torch.device:
    """ "auto" (the first CUDA GPU, else the CPU), "cpu", "cuda" or "cuda:N" -> a device that exists.

    Raises SettingsError for another text, or a GPU that is not there.
    """
    import torch

    found, why_not = _existing(device)
    if why_not:
        raise SettingsError(
            f"device: {device} was asked for, but {why_not}; "
            "use --device auto or cpu, or install a CUDA build of torch"
        )
    return torch.device(found)


def make_deterministic() -> None:
    """Let torch use deterministic algorithms alone, in this whole process: slower on a GPU, the same each time.

    On the CPU the same engine, batch and threads give the same bits anyway, so that threads are set to one: then
    any number of workers gives them too. cuBLAS reads its variable when it starts, so call this before anything
    runs on a GPU. An operation without such an algorithm then raises.
    """
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def tune_process() -> None:
    """What serves a process that does nothing else: one heap, and threads that soon sleep when they wait.

    By itself glibc makes a heap for each thread, and what is free in one is of no use to the others: batches that
    are made on one thread and dropped on another then cost a third more memory. The time is the same. And by
    itself GNU OpenMP, which torch computes with, lets its threads turn in a loop for milliseconds after each
    operation, on processors that decoding and other engines could use. For a process that has no other threads
    yet, and has not imported torch.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Give what the heap of this process holds but does not use back to the system, where the C library is glibc.

    Pictures of large frames come and go by hundreds of megabytes, and what is freed amid what stays is kept by the
    heap. It takes some milliseconds, and what is needed again is filled by the system anew: for between two pieces
    of work of seconds.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resolve_or_cpu(device: str) -> tuple[str, str]:
    """The device ("cpu", "cuda:N"), and "", or "cpu" and why the one asked for is not there.

    Raises SettingsError for a text that names no device.
    """
    found, why_not = _existing(device)
    return found, f"{device} is not there ({why_not})" if why_not else ""


def _existing(device: str) -> tuple[str, str]:
    """The device and "", or "cpu" and why not the one asked for."""
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
