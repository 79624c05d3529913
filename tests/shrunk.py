"""Footage with smaller pictures: replaying a pair of frames costs as much as its pictures are large."""

import functools
import io
import itertools

import av
import numpy as np
from PIL import Image, ImageSequence

WIDTH = 200
"""Width of a shrunk clip, px."""


@functools.cache
def _shrunk(clip):
    pictures, durations = [], []
    with Image.open(clip) as whole:
        size = (WIDTH, round(whole.height * WIDTH / whole.width))
        for frame in ImageSequence.Iterator(whole):
            durations.append(frame.info["duration"])
            small = frame.convert("RGB").resize(size, Image.Resampling.BOX)
            pictures.append(Image.fromarray(np.asarray(small)))  # without the notes on transparency
    made = io.BytesIO()
    more = {"append_images": pictures[1:], "duration": durations, "loop": 0}
    pictures[0].save(made, "GIF", save_all=True, **more)
    return made.getvalue()


def shrink(clip, to):
    """Write a GIF with as many frames at the same times, 200 px wide; ``to`` is a file or a folder."""
    to = to / clip.name if to.is_dir() else to
    to.write_bytes(_shrunk(clip))
    return to


def recode(clip, to, frames=None):
    """Write an MP4 with the same first frames at the same times, 240 x 136 px, a key frame every 15."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as out:
        read = source.streams.video[0]
        quick = {"g": "15", "preset": "ultrafast"}
        stream = out.add_stream("libx264", rate=read.average_rate, options=quick)
        stream.width, stream.height, stream.pix_fmt = 240, 136, "yuv420p"
        for frame in itertools.islice(source.decode(read), frames):
            small = frame.reformat(width=240, height=136, format="yuv420p")
            small.pict_type = av.video.frame.PictureType.NONE
            out.mux(stream.encode(small))
        out.mux(stream.encode())
    return to
