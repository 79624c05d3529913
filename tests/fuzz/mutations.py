"""Damaged copies of real files: five kinds of damage, each a function of the bytes and a seed alone.

headers      fields of the container's head and of its boxes overwritten
truncations  the end, the beginning or a stretch in the middle is missing
bit_flips    single bits, from one in the whole file to one in a hundred bytes
splices      bytes of another file, or of another place of the same one, in between or behind
sizes        the size of the picture, or of a box or chunk, is another one: in the head or in mid-stream
"""

import struct
from dataclasses import dataclass

import numpy as np

HEAD = 512
"""Bytes that count as the head of a file."""
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF)


BOXES = (
    b"moov", b"mvhd", b"trak", b"tkhd", b"mdhd", b"hdlr", b"stbl", b"stsd", b"stts", b"ctts", b"stsc",
    b"stsz", b"stco", b"stss", b"elst", b"avcC", b"hvcC", b"colr", b"mdat", b"ftyp", b"avih", b"strh",
    b"strf", b"movi", b"idx1", b"IHDR", b"acTL", b"fcTL", b"\x1aE\xdf\xa3", b"\x15I\xa9f",
    b"\x16T\xaek", b"\x1fC\xb6u", b"\x1cS\xbbk", b"\x00\x00\x01", b"!\xf9\x04",
)  # fmt: skip
"""Where the heads of MP4, AVI, APNG, Matroska, elementary streams and GIF lie."""


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A real file.

    name    unique
    data    its bytes
    width, height  of its picture, px
    """

    name: str
    data: bytes
    width: int
    height: int


def headers(seed, others, rng):
    """Bytes of the head, or of the head of a box, become extreme or random values."""
    data = bytearray(seed.data)
    places = [min(int(rng.integers(HEAD)), len(data) - 1)]
    found = _boxes(seed.data, rng)
    if found and rng.random() < 0.7:
        places = [
            found[int(rng.integers(len(found)))] + int(rng.integers(-4, 24)) for _ in range(3)
        ]
    for place in places:
        width = int(rng.choice((1, 2, 4, 8)))
        for i in range(max(place, 0), min(max(place, 0) + width, len(data))):
            data[i] = int(rng.choice(EXTREMES)) if rng.random() < 0.5 else int(rng.integers(256))
    return bytes(data)


def truncations(seed, others, rng):
    """A stretch is missing: the end, the beginning, or one in the middle."""
    data, size = seed.data, len(seed.data)
    cut = int(rng.integers(1, size if rng.random() < 0.7 else min(size, 4096)))
    what = rng.random()
    if what < 0.6:
        return data[:cut]
    if what < 0.75:
        return data[cut:]
    return data[:cut] + data[min(cut + int(rng.integers(1, size)), size) :]


def bit_flips(seed, others, rng):
    """So many single bits: between one and one in a hundred bytes, evenly on a logarithmic scale."""
    data = np.frombuffer(seed.data, np.uint8).copy()
    count = int(np.exp(rng.uniform(0, np.log(max(len(data) / 100, 2)))))
    places = rng.integers(len(data), size=count)
    np.bitwise_xor.at(data, places, (1 << rng.integers(8, size=count)).astype(np.uint8))
    return data.tobytes()


def splices(seed, others, rng):
    """A stretch of another file, or of this one, put in between, over what was there, or behind."""
    source = others[int(rng.integers(len(others)))].data if rng.random() < 0.6 else seed.data
    start = int(rng.integers(len(source)))
    length = int(np.exp(rng.uniform(np.log(8), np.log(max(len(source), 16)))))
    piece, at = source[start : start + length], int(rng.integers(len(seed.data)))
    how = rng.random()
    if how < 0.2:
        return seed.data + source
    over = len(piece) if how < 0.6 else 0
    return seed.data[:at] + piece + seed.data[at + over :]


def sizes(seed, others, rng):
    """The picture's size, or a box's, is another one; or a stream of another size goes on behind."""
    places = [place for code in ("<HH", ">HH", "<II", ">II") for place in _sizes(seed, code)]
    alike = (other for other in others if _suffix(other) == _suffix(seed))
    fits = [o for o in alike if (o.width, o.height) != (seed.width, seed.height)]
    if fits and (not places or rng.random() < 0.4):
        other = fits[int(rng.integers(len(fits)))].data
        cut = int(rng.integers(len(seed.data) // 2, len(seed.data) + 1))
        return seed.data[:cut] + other
    data = bytearray(seed.data)
    if places and rng.random() < 0.75:
        one = rng.random() >= 0.5
        for place, code in [places[int(rng.integers(len(places)))]] if one else places:
            most = 2**15 - 1 if code.endswith("HH") else 2**31 - 1
            sides = (0, 1, 2, 3, 17, seed.width // 2, seed.width * 2, most)
            new = [int(rng.choice(sides)) for _ in range(2)]
            new[int(rng.integers(2))] = (seed.width, seed.height)[int(rng.integers(2))]
            data[place : place + struct.calcsize(code)] = struct.pack(code, *new)
        return bytes(data)
    boxes = [place for place in _boxes(seed.data, rng) if place >= 4]
    place = (
        boxes[int(rng.integers(len(boxes)))] - 4
        if boxes
        else int(rng.integers(max(len(data) - 4, 1)))
    )
    near = int.from_bytes(data[place : place + 4], "big") + int(rng.integers(-64, 64))
    value = int(rng.choice((0, 1, 7, 2**31 - 1, 2**32 - 1, max(near, 0) % 2**32)))
    data[place : place + 4] = value.to_bytes(4, rng.choice(("big", "little")))
    return bytes(data)


MUTATIONS = (headers, truncations, bit_flips, splices, sizes)
KINDS = {mutate.__name__: mutate for mutate in MUTATIONS}


def mutated(seed, kind, others, rng):
    """A damaged copy that differs from the file; ``others`` are all files, to splice from."""
    for _ in range(100):
        made = KINDS[kind](seed, others, rng)
        if made and made != seed.data:
            return made
    raise AssertionError(f"{seed.name}: a hundred draws of {kind} changed nothing")


def _boxes(data, rng):
    """A few places at which a box or chunk of a known name begins."""
    found = []
    for name in BOXES:
        at = data.find(name)
        if at >= 0 and rng.random() < 0.3:
            later = data.find(name, at + 1)
            at = later if later >= 0 and rng.random() < 0.3 else at
        if at >= 0:
            found.append(at)
    return found


def _sizes(seed, code):
    """Where width and height stand behind each other, the first eight places."""
    wanted = struct.pack(code, seed.width, seed.height)
    found = []
    at = seed.data.find(wanted)
    while at >= 0 and len(found) < 8:
        found.append((at, code))
        at = seed.data.find(wanted, at + 1)
    return found


def _suffix(seed):
    return seed.name.rsplit(".", 1)[-1]
