"""TensorBoard: event files, written as its format is, without tensorflow or protobuf.

A file is a run of records (TFRecord): length, its checksum, the bytes, theirs; checksums are CRC-32C, masked. A
record is an ``Event`` (tensorflow/core/util/event.proto), of which four fields are needed here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.finished_runs.exports.exported import Exported, Format, file_name, numbers
from vidrobust.run_folder.reader import RunTables

VERSION = b"brain.Event:2"
POLYNOMIAL = 0x82F63B78
"""CRC-32C (Castagnoli), reflected; RFC 3720, B.4."""
MASK = 0xA282EAD8
"""Added to a rotated checksum, so that the checksum of data that hold checksums is another one."""
TOP, SHIFT = "top probability", "shift of the prediction"


def write(run: RunTables, out: Path) -> Exported:
    """A folder a model, TensorBoard's "run": its metrics at step 0, and over frames what each clip did.

    Of classifiers ``ITEM/top probability`` and ``ITEM/shift of the prediction`` (total variation from the frame
    before) at the frame's number as decoded; the wall time is the frame's time in the clip.
    """
    files = []
    for model in run.tasks:
        scalars = [(0, 0.0, f"metrics/{each.metric}", each.value) for each in numbers(run, model)]
        scalars += [(0, 0.0, f"low/{each.metric}", each.low) for each in numbers(run, model)]
        scalars += [(0, 0.0, f"high/{each.metric}", each.high) for each in numbers(run, model)]
        scalars += [*_over_frames(run, model)]
        path = out / file_name(model) / "events.out.tfevents.0000000000.vidrobust"
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name("writing.part")
        beside.write_bytes(events(scalars))
        beside.replace(path)
        files.append(path)
    return Exported(tuple(files))


def _over_frames(run: RunTables, model: str) -> Iterator[tuple[int, float, str, float]]:
    frames, pairs = run.table("frames"), run.table("pairs")
    if frames is not None:
        own = frames[frames["model"] == model].drop_duplicates(["item", "frame"])
        yield from _series(own, "frame", "probability", TOP)
    if pairs is not None:
        own = pairs[(pairs["model"] == model) & (pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
        yield from _series(own.drop_duplicates(["item", "frame_b"]), "frame_b", "total_variation", SHIFT)


def _series(
    rows: pd.DataFrame, step: str, column: str, title: str
) -> Iterator[tuple[int, float, str, float]]:
    known = rows[np.isfinite(rows[column].to_numpy(np.float64))]
    for frame, time_s, item, value in zip(
        known[step], known["time_s"], known["item"], known[column], strict=True
    ):
        yield int(frame), float(time_s), f"{file_name(str(item))}/{title}", float(value)


def events(scalars: Iterable[tuple[int, float, str, float]]) -> bytes:
    """An event file of (step, wall time in s, tag, value); a value that is no number is left out."""
    written = [_record(_double(1, 0.0) + _bytes(3, VERSION))]
    for step, time_s, tag, value in scalars:
        if np.isfinite(value):
            summary = _bytes(1, _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
            written.append(_record(_double(1, time_s) + b"\x10" + _varint(step) + _bytes(5, summary)))
    return b"".join(written)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        found.append(byte)
    return tuple(found)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C of bytes; of b"123456789" 0xE3069283 (RFC 3720)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


FORMAT = Format(
    what="metrics, and probabilities over frames, as event files",
    opened_by="tensorboard --logdir {out}",
    write=write,
)
