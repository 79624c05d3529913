"""Which frames may be compared: cuts, duplicates, damage and motion that were made, and time stamps."""

import itertools

import cv2
import numpy as np
import pytest

from tests.made_frames import batch_of, texture
from vidrobust.frame_pairs import transitions as pairs
from vidrobust.frame_pairs.transitions import measure_timing
from vidrobust.video.source import open_video


def shifted(frame, x):
    return np.roll(frame, x, axis=1)


def test_each_reason_once():
    a, b = texture(0), texture(1)
    frames = [a, shifted(a, 2), shifted(a, 2), shifted(a, 40), b, shifted(b, 1), shifted(b, 2)]
    found = pairs.PairWatcher(motion_limit=0.1).feed(batch_of(frames, corrupt=(6,)))
    assert found.reason.tolist() == ["first", "", "duplicate", "motion", "scene_cut", "", "corrupt"]
    # 2 of 160 px to the right, to within half a pixel: a thumbnail and a window do not give more
    assert found.shift[1] == pytest.approx([2 / 160, 0], abs=0.5 / 160)
    assert found.pixel_change[2] == 0.0


def test_batches_may_be_split_anywhere():
    frames = [texture(0), shifted(texture(0), 1), texture(1), texture(1), shifted(texture(1), 3)]
    whole = pairs.PairWatcher().feed(batch_of(frames))
    watcher = pairs.PairWatcher()
    parts = [watcher.feed(batch_of(frames[:2])), watcher.feed(batch_of(frames[2:], first=2))]
    assert np.concatenate([part.reason for part in parts]).tolist() == whole.reason.tolist()
    changes = np.concatenate([part.pixel_change for part in parts])
    assert np.array_equal(changes, whole.pixel_change, equal_nan=True)


def test_a_change_of_light_is_no_cut():
    a = texture(3)
    dark = (a * 0.4).astype(np.uint8)
    assert pairs.PairWatcher().feed(batch_of([a, dark])).reason.tolist() == ["first", ""]


def test_a_change_of_size_ends_what_can_be_compared():
    watcher = pairs.PairWatcher()
    watcher.feed(batch_of([texture(0)]))
    assert watcher.feed(batch_of([texture(0, 60, 80)], first=1)).reason.tolist() == ["frame_size"]


@pytest.mark.parametrize(
    ("reasons", "start", "stop", "expected"),
    [
        (["first", "", "", ""], 0, 3, ""),
        (["first", "", "scene_cut", ""], 0, 3, "scene_cut"),
        (["first", "", "scene_cut", ""], 2, 3, ""),  # the cut lies before frame 2
        (["first", "duplicate", "duplicate", ""], 0, 2, "duplicate"),
        (["first", "duplicate", "", ""], 0, 2, ""),  # something moved on the way
        (["first", "", "corrupt", "corrupt"], 0, 3, "corrupt"),
        (["first", "frame_size", "scene_cut", ""], 0, 2, "frame_size"),
    ],
)
def test_between(reasons, start, stop, expected):
    found = pairs.between(np.array(reasons, object), np.zeros((4, 2)), start, stop, 0.1)
    assert found == expected


def test_motion_adds_up_between_distant_frames():
    shift = np.full((4, 2), [0.04, 0.0])
    none = np.array(["first", "", "", ""], object)
    assert pairs.between(none, shift, 0, 2, 0.1) == ""
    assert pairs.between(none, shift, 0, 3, 0.1) == "motion"


def cuts_of(path):
    watcher = pairs.PairWatcher()
    found = []
    with open_video(path) as source:
        for batch in source.batches(32):
            reason = watcher.feed(batch).reason
            found += batch.index[reason == "scene_cut"].tolist()
    return found


def test_real_cuts_are_found(bikes):
    # seen on a contact sheet of the clip: six shots
    assert cuts_of(bikes) == [30, 76, 137, 187, 242]


@pytest.mark.parametrize(
    "name",
    [
        "objects/cotracker_teddy.mp4",  # a hand-held camera that moves fast
        pytest.param("objects/intel_car-detection.mp4", marks=pytest.mark.nightly),
        "factory/intel_preview_bolt-multi-size-detection.gif",
        "objects/datumaro_cvat_test.mp4",  # strong noise
    ],
)
def test_one_shot_has_no_cut(corpus, name):
    assert cuts_of(corpus / name) == []


def thumbnails_of(folder):
    """The 1st, 9th and 17th frame of every clip, (3, h, w, 3) float32 YCrCb, as the rule sees them."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".mp4", ".mkv", ".webm", ".gif"):
            with open_video(path) as source:
                frames = next(iter(source.batches(17))).pictures[::8]
            thumbnails = pairs.make_thumbnails(frames)
            found[path.name] = np.stack([pairs._luma_chroma(each) for each in thumbnails])
    return found


def test_frames_of_two_clips_have_a_cut_between_them(public_clips):
    seen = thumbnails_of(public_clips)
    missed, tried = [], 0
    for one, other in itertools.permutations(seen, 2):
        for a, b in itertools.product(seen[one], seen[other]):
            tried += 1
            again = cv2.resize(b, a.shape[1::-1], interpolation=cv2.INTER_AREA)
            missed += [] if pairs.is_cut(a, again) else [(one, other)]
    assert tried > 500
    assert not missed


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.4, 2.0])
def test_light_that_jumps_is_no_cut(public_clips, gain):
    tried = 0
    for path in sorted(public_clips.glob("*.mp4")):
        with open_video(path) as source:
            frames = next(iter(source.batches(2))).pictures[:1]
        lit = np.rint(np.clip(frames * gain, 0, 255)).astype(np.uint8)
        (a,), (b,) = (pairs.make_thumbnails(each) for each in (frames, lit))
        assert not pairs.is_cut(pairs._luma_chroma(a), pairs._luma_chroma(b)), path.name
        tried += 1
    assert tried > 4


def _timing(times, rate=25.0, index=None):
    times = np.array(times, float)
    return measure_timing(times, np.arange(len(times)) if index is None else np.array(index), rate)


# frames 10, 20 and 21 of thirty are missing; frame 5 is shown twice, a millisecond apart
GAPS = sorted([t / 25 for t in range(30) if t not in (10, 20, 21)] + [5 / 25 + 0.001])
NTSC = 30000 / 1001


@pytest.mark.parametrize(
    ("times", "given", "dropped", "duplicated", "interval_s"),
    [
        (np.arange(50) / 25, {}, 0, 0, 0.04),
        (GAPS, {}, 3, 1, 0.04),
        # left out by choice
        (np.arange(0, 40, 2) / 25, {"index": range(0, 40, 2)}, 0, 0, 0.04),
        # rounded to milliseconds
        (np.round(np.arange(300) / NTSC, 3), {"rate": NTSC}, 0, 0, 1 / NTSC),
        # a wrong rate in the header
        (np.arange(50) / 12.5, {"rate": 25}, 0, 0, 0.08),
    ],
)
def test_dropped_and_duplicated_frames(times, given, dropped, duplicated, interval_s):
    found = _timing(times, **given)
    assert (found.dropped, found.duplicated, found.constant) == (dropped, duplicated, True)
    assert found.frames == len(times)
    assert found.interval_s == pytest.approx(interval_s, rel=0.02)


def test_a_variable_rate_has_no_dropped_frames_to_count():
    steps = np.random.default_rng(0).uniform(0.02, 0.4, 60)
    found = _timing(np.cumsum(steps))
    assert not found.constant
    assert found.dropped == -1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_frames(count):
    found = _timing(np.zeros(count))
    assert found.frames == count
    assert np.isnan(found.interval_s)
