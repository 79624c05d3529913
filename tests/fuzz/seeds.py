"""The real files that are damaged: the footage of the repository, the corpus, and both in further containers."""

import io
from fractions import Fraction
from pathlib import Path

import av
import av.error

from tests.fuzz.mutations import Seed

REPOSITORY = Path(__file__).resolve().parents[1] / "footage_media"
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FEW_PACKETS = 40
SECOND = 25
REWRAPPED = {
    "dog.mp4": ("mpegts", "matroska", "flv", "mov", "h264"),
    "cups.mp4": ("mpegts", "h264"),
    "hevc.mp4": ("matroska", "mpegts", "hevc"),
    "av1.mkv": ("mp4", "ivf"),
    "bunny.webm": ("ivf", "nut"),
}
"""Clips of the repository whose packets are written into other containers, as they are."""


CODED = {
    "mpeg1video": "mpeg", "mpeg2video": "mpegts", "mpeg4": "avi", "mjpeg": "avi", "msmpeg4v3": "asf",
    "flv": "flv", "h263p": "avi", "prores_ks": "mov", "dnxhd": "mxf", "ffv1": "matroska", "apng": "apng",
    "rawvideo": "yuv4mpegpipe", "dvvideo": "dv", "jpeg2000": "mp4", "qtrle": "mov",
}  # fmt: skip
"""A stretch of a clip coded anew, so that no codec at hand is left out."""
SUFFIX = {"mpegts": "ts", "matroska": "mkv", "mpeg": "mpg", "yuv4mpegpipe": "y4m"}


def seeds(*, corpus=True):
    """All of them, by name; those of the corpus only where it is here, and of codecs those that can be written."""
    files = [p for p in sorted(REPOSITORY.iterdir()) if p.suffix != ".md"]
    if corpus and CORPUS.is_dir():
        found = sorted((CORPUS / "faults").iterdir())
        files += [path for path in found if 0 < path.stat().st_size < 600_000]
        files.append(CORPUS / "objects" / "datumaro_cvat_test.mp4")
    made = [_seed(path.name, path.read_bytes()) for path in files]
    for name, formats in REWRAPPED.items():
        made += [_rewrapped(REPOSITORY / name, name.split(".")[0], wanted) for wanted in formats]
    made += [_coded(codec, wanted) for codec, wanted in CODED.items()]
    return sorted((seed for seed in made if seed is not None), key=lambda seed: seed.name)


def _seed(name, data):
    """The file with its size; None where it holds no picture."""
    try:
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            return Seed(name=name, data=data, width=stream.width, height=stream.height)
    except (av.error.FFmpegError, IndexError):
        return None


def _rewrapped(path, stem, wanted):
    """The first packets of a clip in another container."""
    name = f"{stem}-{wanted}.{SUFFIX.get(wanted, wanted)}"
    memory = io.BytesIO()
    with av.open(str(path)) as source, av.open(memory, "w", format=wanted) as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if number == FEW_PACKETS or packet.dts is None:
                break
            packet.stream = stream
            out.mux(packet)
    return _seed(name, memory.getvalue())


def _coded(codec, wanted):
    """A second of a clip, small, in another codec; None where this FFmpeg cannot write it."""
    memory = io.BytesIO()
    try:
        chosen = av.codec.Codec(codec, "w")
        with (
            av.open(str(REPOSITORY / "cars.mp4")) as source,
            av.open(memory, "w", format=wanted) as out,
        ):
            large = codec in ("dnxhd", "dvvideo")
            width, height = {"dvvideo": (720, 576), "dnxhd": (1280, 720)}.get(codec, (160, 96))
            stream = out.add_stream(codec, rate=25)
            formats = [f.name for f in chosen.video_formats or ()] or ["yuv420p"]
            stream.pix_fmt = "yuv420p" if "yuv420p" in formats else formats[0]
            stream.width, stream.height = width, height
            if codec == "dnxhd":
                stream.pix_fmt, stream.options = "yuv422p", {"profile": "dnxhr_lb"}
            elif codec == "mjpeg":
                stream.pix_fmt = "yuvj420p"
            for number, frame in enumerate(source.decode(video=0)):
                if number == (3 if large else SECOND):
                    break
                small = frame.reformat(width=width, height=height, format=stream.pix_fmt)
                small.pts, small.time_base = number, Fraction(1, 25)
                small.pict_type = av.video.frame.PictureType.NONE
                out.mux(stream.encode(small))
            out.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError, OSError):
        return None
    return _seed(f"cars-{codec}.{SUFFIX.get(wanted, wanted)}", memory.getvalue())
