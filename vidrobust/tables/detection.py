"""Tables of what detectors say: boxes, tracks, counts, and known boxes found or missed."""

from __future__ import annotations

from vidrobust.tables.table import (
    BOX,
    DELTA,
    EXCLUDED,
    FRAME,
    ITEM,
    LABEL,
    LABEL_NAME,
    MODEL,
    PAIR,
    PIXEL_CHANGE,
    SIZE,
    TIME,
    TIME_A,
    TRACK,
    UNKNOWN,
    Extra,
    Table,
    float64,
    int64,
    string,
)

DETECTIONS = Table(
    "detections",
    "stability",
    "a box",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        int64("track", "the object whose best box of the frame it is; -1: of none"),
        LABEL,
        LABEL_NAME,
        float64("score", "of the box"),
        *BOX,
        float64("shift_x", "how the pixels in it move to the right until the next frame", unit="px"),
        float64("shift_y", "how they move downwards", unit="px"),
        float64("duplicate", "1 where it repeats a better box of its class; NaN below the start score"),
        int64("second_of", "the object on which it lies as a further box; -1: on none", absent=-1),
        int64("own_track", "number that the detector itself gave the object; -1: none", absent=-1),
        string(
            "shape",
            'its mask, "rle HEIGHT WIDTH COUNTS" as COCO packs them, or turned box, "polygon x y ..."',
            absent="",
        ),
    ),
    Extra.METRICS,
)

OBJECT_FRAMES = Table(
    "object_frames",
    "stability",
    "an object and frame, from where it enters the picture to where it leaves, with or without a box",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        TRACK,
        int64("label", "number of the track's class"),
        string("label_name", "name of the track's class"),
        SIZE,
        string("state", "late, covered, missed, hidden, lost, out or unknown"),
        string(
            "evidence", "why: box, covered, between, before, after, border, ignored, occluder, behind, place"
        ),
        float64("alarm", "1 of an alarm that blinks, 0 of an object that persists"),
        float64(
            "uncovered", "1 where late, missed or lost, 0 where covered; NaN in other states and of alarms"
        ),
        float64("missed", "the same between the first and the last box, else NaN"),
        float64("unknown", "1 where its state is unknown, 0 where uncovered is known; else NaN"),
        float64("second_box", "1 where a further box lies on it: a second name, or a duplicate; else 0"),
        float64("flip", "1 where its best box has another class than the one before, else 0"),
        float64("revert_flip", "1 where the class leaves and is back within the window, else 0"),
        float64("id_switch", "1 where the detector's own number differs from the last it gave; NaN without"),
        float64("score_jitter", "absolute second difference of the score"),
        float64("center_jitter", "length of the second difference of the centre", unit="size of the box"),
        float64("size_jitter", "length of the second difference of width and height", unit="size of the box"),
        float64("mask_jitter", "share of its mask that comes or goes for this frame alone", absent=UNKNOWN),
        float64(
            "squared_jerk", "squared third difference of the centre, over the box's area", absent=UNKNOWN
        ),
        *BOX,
    ),
    Extra.METRICS,
)

TRACKS = Table(
    "tracks",
    "stability",
    "a track",
    (
        ITEM,
        int64("frame", "number of its first frame"),
        float64("time_s", "presentation time of its first frame", unit="s"),
        MODEL,
        TRACK,
        int64("label", "number of its class"),
        string("label_name", "name of its class"),
        SIZE,
        int64("frames", "frames from its first box to its last"),
        int64("boxes", "boxes"),
        float64("fragments", "unbroken pieces it consists of: 1 and one more for each gap"),
        string("begins", "border, cut, behind, covered, occluder, ignored, or mid-picture, which is a fault"),
        string("ends", "the same of its end"),
        float64("vanished", "1 where it ends in mid-picture, else 0; NaN of alarms"),
        float64("appeared", "1 where it begins in mid-picture, else 0; NaN of alarms"),
        float64("late", "frames in view before its first box, up to a second; NaN unknown", absent=UNKNOWN),
        float64("alarm", "1 where it blinks instead of persisting, else 0"),
    ),
    Extra.METRICS,
)

BOX_COUNTS = Table(
    "box_counts",
    "stability",
    "a frame and model, also one without boxes",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        int64("boxes", "number of boxes from the start score on"),
        float64("count_jitter", "absolute second difference of that number; NaN at ends and cuts"),
        float64("vanished_per_minute", "objects that vanish after this frame, times frames a minute"),
        float64("appeared_per_minute", "objects that appear in this frame, times frames a minute"),
        float64("alarms_per_minute", "alarms that begin in this frame, times frames a minute"),
    ),
    Extra.METRICS,
)

BOX_PAIRS = Table(
    "box_pairs",
    "stability",
    "two neighbouring frames: the boxes of the first, moved as their pixels move, against those of the second",
    (
        *PAIR,
        DELTA,
        TIME_A,
        MODEL,
        string("kind", "adjacent"),
        EXCLUDED,
        PIXEL_CHANGE,
        float64("lost", "share of the boxes of the first that have none on their place in the second"),
        float64(
            "new", "boxes of the second without one in their place in the first, over those of the first"
        ),
        float64("renamed", "share of the boxes of the first that are found again under another class"),
        float64("moved", "mean 1 - IoU of the boxes that are found again"),
        float64("box_change", "sum of 1 - IoU (1 for lost or renamed boxes) over the boxes of the first"),
    ),
    Extra.METRICS,
)

BOX_CURVE = Table(
    "box_curve",
    "boxes",
    "a detector and a threshold of its scores, over all inputs",
    (
        MODEL,
        float64("threshold", "least score of a box that begins a track"),
        int64("tracks", "number of tracks"),
        int64("frames", "frames of tracks, gaps included"),
        int64("missed", "frames of them that are missed"),
        int64("expected", "frames in which objects that persist are in view"),
        int64("uncovered", "frames of these in which no box lies where the object is"),
        int64("renamed", "frames of them at which the class changes"),
        int64("vanished", "tracks that end in mid-picture"),
        float64("center_jitter", "mean second difference of the centre", unit="size of the box"),
    ),
)

NAME_CHANGES = Table(
    "name_changes",
    "boxes",
    "a name of an object's best box and the name it changes into, over all inputs",
    (
        MODEL,
        string("before", "the name before"),
        string("after", "the name after"),
        int64("changes", "how often it happens"),
        int64("objects", "to how many objects"),
        int64("back", "how often of these the name before is soon back"),
    ),
)

KNOWN_BOXES = Table(
    "known_boxes",
    "stability",
    "a known box of a judged frame, and a detector",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        string("object", "the object, as the labels name it"),
        LABEL,
        LABEL_NAME,
        SIZE,
        float64("found", "1 where the detector has it, else 0"),
        float64("score", "of the box that finds it"),
        *BOX,
    ),
)

KNOWN_TRACKS = Table(
    "known_tracks",
    "stability",
    "a known object, and a detector",
    (
        ITEM,
        int64("frame", "number of its first frame"),
        float64("time_s", "presentation time of its first frame", unit="s"),
        MODEL,
        string("object", "the object, as the labels name it"),
        LABEL,
        LABEL_NAME,
        int64("known", "frames in which it is known"),
        int64("found", "frames of them in which it is found"),
        float64(
            "fragment_error", "changes between found and missed, over its frames less one (Zhang & Wang 2016)"
        ),
        float64("center_error", "spread of the centre's error along it (the same)"),
        float64("scale_error", "spread of the error of size and aspect ratio along it (the same)"),
    ),
)

JUDGED_TRACKS = Table(
    "judged_tracks",
    "stability",
    "a track with a box in a frame whose boxes are known",
    (
        ITEM,
        int64("frame", "number of its first frame"),
        float64("time_s", "presentation time of its first frame", unit="s"),
        MODEL,
        TRACK,
        int64("label", "number of its class"),
        string("label_name", "name of its class"),
        SIZE,
        int64("judged", "its boxes in such frames"),
        int64("on_known", "those of them that lie on a known box, of whatever class, by an IoU of .5"),
        float64("false_alarm", "1 where less than half of them do, else 0"),
    ),
)

JUDGED_STEPS = Table(
    "judged_steps",
    "stability",
    "a frame of such a track, among the frames whose boxes are known",
    (
        ITEM,
        FRAME,
        TIME,
        MODEL,
        TRACK,
        int64("label", "number of the track's class"),
        string("label_name", "name of the track's class"),
        SIZE,
        float64("uncovered", "as in object_frames, also of alarms that blink"),
        float64("false_alarm", "as in judged_tracks"),
    ),
)

TRUTH_CURVE = Table(
    "truth_curve",
    "stability",
    "a detector and a threshold of its scores, judged by known boxes over all inputs",
    (
        MODEL,
        float64("threshold", "least score of a box"),
        float64("recall", "share of the known boxes that are found"),
        float64("precision", "share of the boxes that find a known one"),
        float64("fragment", "fragment error (Zhang & Wang 2016)"),
        float64("centre", "centre error (the same)"),
        float64("scale", "scale and ratio error (the same)"),
        float64("total", "the sum of the three"),
    ),
)

TABLES = (
    *(DETECTIONS, OBJECT_FRAMES, TRACKS, BOX_COUNTS, BOX_PAIRS),
    *(KNOWN_BOXES, KNOWN_TRACKS, JUDGED_TRACKS, JUDGED_STEPS, TRUTH_CURVE, BOX_CURVE, NAME_CHANGES),
)
