"""Does a GPU give what the CPU gives, does everything stay on it, and how fast is it?

    python benchmarks/gpu.py --out DIR [--device cuda:0] [--stand-in] [--model SPEC] [--frames 2000]

Ten minutes on a machine with a GPU; ``DIR/STEP.json`` is written as each step ends. Clips are coded here from one of
``tests/footage_media``. Without a GPU the steps run on the CPU, or with ``--stand-in`` on tensors that claim another
device (``tests/stand_in.py``), and what needs a GPU says "skipped" and why.

environment  versions, driver and card
decoding     H.264, HEVC, VP9, 10 bits, full range, edit list, TS, variable rate, rotated, odd sizes by every backend
             against PyAV on the CPU: counts and time stamps equal, colour within .5 levels; reasons for each fallback
damage       a damaged file by every backend: the same frames are marked
streams      1, 4 and 7 streams at once, frames a second, and the decoder (NVDEC on a GPU) alone without colours
tests        the tests that need CUDA
logits       outputs in batches of 1 to 256 against one frame at a time, frames a second
study        the same study by the CPU, by copies to the device and by its decoder: equal flips, total variation
             within the noise floor
memory       peak over many frames; a batch that does not fit is halved
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import harness
import numpy as np
import torch
from av.codec.hwaccel import HWAccel
from harness import say

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tests" / "footage_media" / "cups.mp4"
BACKENDS = ("pyav", "torchcodec", "decord")
COLOUR = 0.5  # levels by which a backend may differ in the mean
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STREAMS = (1, 4, 7)
CODED = 40  # frames of each clip
PACKAGES = (
    *("vidrobust", "torch", "torchvision", "av", "torchcodec"),
    *("onnxruntime", "onnxruntime-gpu", "numpy"),
)
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "h264": ("mp4", "libx264", {"bf": "0"}),
    "hevc": ("mp4", "libx265", {"x265-params": "log-level=none"}),
    "vp9": ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    "ten_bits": ("mp4", "libx265", {"kind": "yuv420p10le", "x265-params": "log-level=none"}),
    "full_range": ("mp4", "libx264", {"full": True}),
    "edit_list": ("mp4", "libx264", {"bf": "2"}),
    "ts": ("ts", "libx264", {}),
    "variable_rate": ("mkv", "libx264", {"vary": True}),
    "odd_size": ("mkv", "libx264", {"size": (333, 187), "kind": "yuv444p"}),
}
"""Suffix, codec and options by name."""
SKIPPED = "skipped: no CUDA GPU here"


class SkippedError(Exception):
    """Why a step cannot be done here."""


def pictures(count: int) -> Iterator[np.ndarray]:
    with av.open(str(SOURCE)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == count:
                return
            yield frame.to_ndarray(format="rgb24")


def code(
    path: Path,
    codec: str,
    *,
    size: tuple[int, int] = (640, 360),
    kind: str = "yuv420p",
    vary: bool = False,
    full: bool = False,
    **options: str,
) -> None:
    """Code the source's first frames; ``vary`` gives every third frame twice the time."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, kind
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if full:
            stream.codec_context.color_range = 2
        now = 0
        for number, picture in enumerate(pictures(CODED)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(*size, kind, dst_color_range=2 if full else 1)
            frame.pts, frame.time_base = now, Fraction(1, 1000)
            now += 80 if vary and number % 3 == 0 else 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def turned(path: Path, out: Path) -> None:
    """Copy an mp4 whose track header turns the picture by 90 degrees (ISO 14496-12, tkhd)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    out.write_bytes(data)


def damaged(path: Path, out: Path) -> None:
    """Copy a file with 64 bytes in the middle overwritten."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(range(64))
    out.write_bytes(data)


def clips(folder: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Some kinds of file, and a rotated one; a codec that this PyAV cannot write is left out and said."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name in dict.fromkeys(("h264", *wanted)):
        suffix, codec, how = KINDS[name]
        path = folder / f"{name}.{suffix}"
        try:
            code(path, codec, **how)
        except (av.error.FFmpegError, ValueError) as error:
            say(f"  {name}: cannot be coded here ({error})")
            continue
        made[name] = path
    made["rotated"] = folder / "rotated.mp4"
    turned(made["h264"], made["rotated"])
    return made


def environment(asked: Any) -> dict[str, Any]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    card = "none"
    if on_a_gpu(asked):
        query = [
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total",
            "--format=csv,noheader",
        ]
        card = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "python": platform.python_version(),
        "packages": found,
        "ffmpeg of PyAV": str(av.ffmpeg_version_info),
        "CUDA of torch": torch.version.cuda,
        "card": card,
        "device": asked.device,
        "stand-in": asked.stand_in,
    }


def all_frames(path: Path, **how: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Pictures (N, H, W, 3), times, marks of damage, and where and why they were decoded."""
    from vidrobust.video.source import open_video

    with open_video(path, **how) as video:
        batches = list(video.batches(8))
        where = f"{video.info.backend} on {video.info.device}: {video.info.reason}"
    columns = ("pictures", "time_s", "corrupt")
    return *(np.concatenate([getattr(batch, name) for batch in batches]) for name in columns), where  # type: ignore[return-value]


def on_a_gpu(asked: Any) -> bool:
    return asked.device != "cpu" and not asked.stand_in


def conversion(asked: Any, backend: str) -> str:
    """Return the conversion to RGB that a backend offers here: on the CPU all but PyAV have swscale's alone."""
    accurate = backend == "pyav" or (backend == "torchcodec" and on_a_gpu(asked))
    return "accurate" if accurate else "fast"


def decoding(asked: Any) -> list[dict[str, Any]]:
    rows = []
    for name, path in asked.clips.items():
        for backend in BACKENDS:
            color = conversion(asked, backend)
            expected, times, _, _ = all_frames(path, device="cpu", backend="pyav", color=color)
            row: dict[str, Any] = {"clip": name, "backend": backend, "conversion": color}
            try:
                given, seen, _, row["where"] = all_frames(
                    path, device=asked.device, backend=backend, color=color
                )
            except Exception as error:  # a backend that is not there is a result
                rows.append({**row, "failed": str(error)})
                continue
            same = given.shape == expected.shape
            apart = (
                float(np.abs(given.astype(np.int16) - expected).mean()) if same else float("nan")
            )
            stamps = same and bool(np.allclose(seen, times, atol=2e-3))
            good = stamps and apart <= COLOUR
            rows.append(
                {
                    **row,
                    "frames": len(given),
                    "expected": len(expected),
                    "stamps": stamps,
                    "colour": apart,
                    "good": good,
                }
            )
    return rows


def damage(asked: Any) -> list[dict[str, Any]]:
    path = asked.out / "clips" / "damaged.mp4"
    damaged(asked.clips["h264"], path)
    expected = all_frames(path, device="cpu", backend="pyav")[2]
    rows = []
    for backend in BACKENDS:
        try:
            how = {"backend": backend, "color": conversion(asked, backend)}
            marks = all_frames(path, device=asked.device, **how)[2]
        except Exception as error:
            rows.append({"backend": backend, "failed": str(error)})
            continue
        rows.append(
            {
                "backend": backend,
                "marked": int(marks.sum()),
                "expected": int(expected.sum()),
                "good": bool(np.array_equal(marks, expected)),
            }
        )
    return rows


def streams(asked: Any) -> list[dict[str, Any]]:
    from vidrobust.video.source import open_video

    def through(path: Path) -> int:
        with open_video(path, device=asked.device) as video:
            return sum(len(batch) for batch in video.batches(8))

    def alone(path: Path) -> int:
        card: HWAccel | None = None
        if on_a_gpu(asked):
            number = str(torch.device(asked.device).index or 0)
            card = HWAccel("cuda", number, allow_software_fallback=False, is_hw_owned=True)
        with av.open(str(path), hwaccel=card) as container:
            return sum(1 for _ in container.decode(video=0))

    rows = []
    decoder = f"{'NVDEC' if on_a_gpu(asked) else 'the CPU'} alone, no colours"
    for what, read in (("vidrobust", through), (decoder, alone)):
        for count in STREAMS:
            begin = time.perf_counter()
            with ThreadPoolExecutor(count) as pool:
                frames = sum(pool.map(read, [asked.clips["h264"]] * count))
            synchronise(asked)
            rows.append(
                {
                    "reader": what,
                    "streams": count,
                    "frames_per_s": frames / (time.perf_counter() - begin),
                }
            )
    return rows


def synchronise(asked: Any) -> None:
    if on_a_gpu(asked):
        torch.cuda.synchronize()


def tests(asked: Any) -> dict[str, Any]:
    if not on_a_gpu(asked):
        raise SkippedError(SKIPPED)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "cuda or gpu",
        "tests/perturb",
        "tests/video",
        "tests/frames",
        "tests/models",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "code": done.returncode,
        "good": not done.returncode,
        "last": done.stdout.splitlines()[-20:],
    }


def logits(asked: Any) -> list[dict[str, Any]]:
    from vidrobust.models.load import load_model
    from vidrobust.models.predict import predict

    model = load_model(asked.model, device=asked.device)
    frames = torch.from_numpy(np.stack(list(pictures(32)))).permute(0, 3, 1, 2).to(asked.device)
    most = BATCHES if on_a_gpu(asked) else BATCHES[:4]
    frames = frames.repeat(max(1, most[-1] // len(frames)), 1, 1, 1)
    alone = predict(model, frames[:32], 1).probabilities
    rows = []
    for size in most:
        begin = time.perf_counter()
        found = predict(model, frames[: max(size, 32)], size).probabilities
        synchronise(asked)
        seconds = time.perf_counter() - begin
        apart = np.abs(found[:32] - alone)
        rows.append(
            {
                "batch": size,
                "frames_per_s": len(found) / seconds,
                "largest": float(apart.max()),
                "total_variation": float(apart.sum(axis=1).max() / 2),
                "labels": int((found[:32].argmax(1) != alone.argmax(1)).sum()),
            }
        )
    return rows


def study(asked: Any) -> list[dict[str, Any]]:
    import vidrobust

    ways = {"cpu": {"device": "cpu"}}
    if asked.device != "cpu":
        ways |= {
            "copied": {"device": asked.device, "backend": "pyav"},
            "decoded there": {"device": asked.device},
        }
    rows, first, floor = [], None, 0.0
    for name, how in ways.items():
        begin = time.perf_counter()
        run = vidrobust.study(
            [asked.clips["h264"]],
            models=[asked.model],
            out=asked.out / "runs" / name.replace(" ", "_"),
            settings=how,
            stages=asked.stages,
            overwrite=True,
        )
        pairs = run.table("pairs").sort_values(["kind", "frame_a"])
        table = run.table("stability").set_index("metric")["value"]
        floor = max(floor, float(table["noise_floor_total_variation"]))
        values = pairs["total_variation"].to_numpy(float)
        first = first if first is not None else (pairs["label_flip"].to_numpy(), values)
        same = len(values) == len(first[1])
        apart = float(np.nanmax(np.abs(values - first[1]))) if same else float("nan")
        flips = same and bool(
            np.array_equal(pairs["label_flip"].to_numpy(), first[0], equal_nan=True)
        )
        rows.append(
            {
                "way": name,
                "seconds": time.perf_counter() - begin,
                "flips": float(pairs["label_flip"].sum()),
                "same_flips": flips,
                "total_variation_apart": apart,
                "noise_floor": floor,
                "good": flips and apart <= floor,
            }
        )
    return rows


def memory(asked: Any) -> dict[str, Any]:
    from vidrobust.models.load import load_model
    from vidrobust.models.predict import in_batches, is_out_of_memory, predict
    from vidrobust.video.source import open_video

    if not on_a_gpu(asked):
        raise SkippedError(SKIPPED)
    model = load_model(asked.model, device=asked.device)
    peaks, count = [], 0
    while count < asked.frames:
        with open_video(asked.clips["h264"], device=asked.device) as video:
            for batch in video.batches(16):
                predict(model, batch.pixels)
                count += len(batch)
        peaks.append(torch.cuda.max_memory_reserved() / 2**20)
    torch.cuda.set_per_process_memory_fraction(0.02)
    refused: list[int] = []

    def ask(part: torch.Tensor) -> object:
        try:
            return model(part)
        except Exception as error:
            if is_out_of_memory(error):
                refused.append(len(part))
            raise

    frames = torch.zeros(64, 3, 1080, 1920, dtype=torch.uint8)
    try:
        in_batches(model, frames.to(asked.device), ask)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    flat = peaks[-1] <= 1.05 * peaks[min(2, len(peaks) - 1)]
    return {
        "frames": count,
        "peaks_mb": peaks,
        "flat": flat,
        "refused": refused,
        "good": flat and bool(refused),
    }


STEPS: dict[str, Callable[[Any], Any]] = {
    step.__name__: step
    for step in (environment, decoding, damage, streams, tests, logits, study, memory)
}


def main() -> int:
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--stages", nargs="+", default=["transitions", "stability", "sensitivity"])
    asked = parser.parse_args()
    os.environ.setdefault("VIDROBUST_ENGINE", "torch")
    asked.out.mkdir(parents=True, exist_ok=True)
    asked.clips = clips(asked.out / "clips", asked.kinds)
    bad = 0
    with contextlib.ExitStack() as stack:
        if asked.stand_in:
            from tests.stand_in import stand_in

            stack.enter_context(stand_in())
            asked.device = "cuda:0"
        for name in asked.steps:
            begin = time.perf_counter()
            try:
                result = STEPS[name](asked)
            except SkippedError as why:
                result = str(why)
            except Exception as error:  # the steps after it are still to be done
                result = {"failed": f"{type(error).__name__}: {error}", "good": False}
            seconds = round(time.perf_counter() - begin, 1)
            (asked.out / f"{name}.json").write_text(
                json.dumps({"seconds": seconds, "result": result}, indent=1, default=str)
            )
            rows = result if isinstance(result, list) else [result]
            bad += sum(isinstance(row, dict) and row.get("good") is False for row in rows)
            say(f"{name} ({seconds} s)")
            for row in rows:
                say(
                    f"  {row if isinstance(row, str) else ', '.join(f'{k} {shown(v)}' for k, v in row.items())}"
                )
    say(f"{bad} results are not good")
    return int(bool(bad) and asked.device != "cpu" and not asked.stand_in)


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    harness.run(main)
