"""Items with the same pictures have the same hash, whatever their files."""

import av
import numpy as np
import xxhash

from tests.made_frames import batch_of, texture
from tests.video.conftest import pictures_of
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.batch import DecodedHash
from vidrobust.video.source import open_video

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "20")


def hashed(path, size=8):
    seen = DecodedHash()
    with open_video(path, device="cpu") as video:
        for batch in video.batches(size):
            seen.feed(batch)
    assert seen.frames == 20
    return seen.hexdigest()


def test_a_remuxed_copy_has_the_same_and_a_recoded_one_another(make):
    path = make("hashed.mp4", *X264)
    remuxed = make("hashed.mkv", "-c", "copy", source=path)
    slower = make("hashed_slower.mkv", "-c", "copy", "-bsf:v", "setts=ts=TS*2", source=path)
    recoded = make("hashed_again.mp4", *X264, source=path)
    assert hashed(path) == hashed(remuxed) == hashed(slower) != hashed(recoded)


def test_it_is_the_hash_of_the_bytes_and_no_batch_shows(make):
    path = make("hashed.mp4", *X264)
    with open_video(path, device="cpu") as video:
        pictures = pictures_of(video)
    plain = xxhash.xxh3_128(b"".join(b"240x180\n" + p.tobytes() for p in pictures))
    assert hashed(path) == hashed(path, size=3) == plain.hexdigest()


def test_one_level_of_one_pixel_the_order_and_the_size_count():
    a, b = texture(1), texture(2)
    changed = b.copy()
    changed[5, 7, 2] ^= 1
    tall = [p.reshape(p.shape[0] * 2, p.shape[1] // 2, 3) for p in (a, b)]
    found = set()
    for frames in ([a, b], [b, a], [a, changed], tall, [a]):
        seen = DecodedHash()
        batch = batch_of(frames)
        before = batch.pixels.clone()
        seen.feed(batch)
        np.testing.assert_array_equal(batch.pixels.numpy(), before.numpy())
        found.add(seen.hexdigest())
    assert len(found) == 5


def test_every_frame_has_its_time_stamp_and_the_hash_of_its_bytes(make):
    """The hashes by the library itself; the time stamps by plain PyAV."""
    path = make("identity.mp4", "-c:v", "libx264", "-bf", "2", "-frames:v", "9")
    with av.open(str(path)) as container:
        wanted = [frame.pts for frame in container.decode(video=0)]
    with open_video(path) as video:
        batches = list(video.batches(4))
        again = video.at([7, 2])
    found = [PairWatcher().feed(batch) for batch in batches]
    assert [int(pts) for each in found for pts in each.pts] == wanted
    assert [int(pts) for pts in again.pts] == [wanted[7], wanted[2]]
    pictures = (frame.permute(1, 2, 0) for batch in batches for frame in batch.pixels)
    hashes = [xxhash.xxh3_64_hexdigest(each.contiguous().numpy().tobytes()) for each in pictures]
    assert [content for each in found for content in each.content] == hashes
    assert len(set(hashes)) == 9
