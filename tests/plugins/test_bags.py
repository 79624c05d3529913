"""Pictures in MCAP files and ROS bags: the frames that were written, at their times."""

import base64
import json

import cv2
import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.video.source import open_video

FRAMES, STEP_NS = 5, 40_000_000


def pictures():
    return np.random.default_rng(3).integers(0, 255, (FRAMES, 48, 64, 3), np.uint8)


def png(frame):
    return bytes(cv2.imencode(".png", frame[..., ::-1])[1])


def check(path):
    with open_video(path, device="cpu") as source:
        (batch,) = source.batches(10)
        assert (source.info.width, source.info.height, source.info.num_frames) == (64, 48, FRAMES)
        assert float(source.info.frame_rate) == pytest.approx(25)
        assert source.problems == ()
    np.testing.assert_array_equal(batch.pixels.permute(0, 2, 3, 1).numpy(), pictures())
    assert batch.time_s.tolist() == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    with open_video(path, device="cpu") as source:
        again = source.at([3, 1])
    assert again.index.tolist() == [3, 1]


def foxglove(desk):
    """An MCAP file of Foxglove's JSON."""
    writer_module = pytest.importorskip("mcap.writer")
    with (desk / "a.mcap").open("wb") as file:
        writer = writer_module.Writer(file)
        writer.start()
        form = {"encoding": "jsonschema", "data": b"{}"}
        schema = writer.register_schema(name="foxglove.CompressedImage", **form)
        few, many = (
            writer.register_channel(topic=topic, message_encoding="json", schema_id=schema)
            for topic in ("/few", "/camera")
        )
        for k, frame in enumerate(pictures()):
            content = base64.b64encode(png(frame)).decode()
            data = json.dumps({"format": "png", "data": content}).encode()
            for channel in (many, few) if k == 0 else (many,):
                writer.add_message(channel, log_time=7 + k * STEP_NS, data=data, publish_time=0)
        writer.finish()
    return desk / "a.mcap"


def ros(desk, kind):
    """A bag of ROS 1, or of ROS 2 in SQLite or MCAP."""
    pytest.importorskip("rosbags")
    from rosbags import rosbag1, rosbag2
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC if kind == "bag" else Stores.ROS2_HUMBLE)
    types = store.types
    compressed, raw = types["sensor_msgs/msg/CompressedImage"], types["sensor_msgs/msg/Image"]
    stamp = types["builtin_interfaces/msg/Time"](sec=0, nanosec=0)
    given = {"seq": 0} if kind == "bag" else {}
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **given)
    place = desk / ("a.bag" if kind == "bag" else "bag")
    if kind == "bag":
        writer = rosbag1.Writer(place)
        encode = store.serialize_ros1
    else:
        plugin = rosbag2.StoragePlugin.MCAP if kind == "mcap" else rosbag2.StoragePlugin.SQLITE3
        writer = rosbag2.Writer(place, version=9, storage_plugin=plugin)
        encode = store.serialize_cdr
    with writer:
        used = compressed if kind == "bag" else raw
        connection = writer.add_connection("/camera", used.__msgtype__, typestore=store)
        for k, frame in enumerate(pictures()):
            if kind == "bag":
                data = np.frombuffer(png(frame), np.uint8)
                message = compressed(header=header, format="png", data=data)
            else:
                data = np.ascontiguousarray(frame[..., ::-1]).ravel()
                message = raw(header, 48, 64, "bgr8", 0, 192, data)
            writer.write(connection, k * STEP_NS, encode(message, used.__msgtype__))
    return place if kind == "bag" else next(place.glob(f"*.{kind}"))


def test_json_of_foxglove(tmp_path):
    check(foxglove(tmp_path))


@pytest.mark.parametrize("kind", ["bag", "db3", "mcap"])
def test_bags_of_ros(kind, tmp_path):
    check(ros(tmp_path, kind))


def test_a_damaged_name_is_refused_in_words(tmp_path):
    path = foxglove(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"foxglove.CompressedImage", b"\xff" * 24))
    with pytest.raises(InputError, match=r"cannot be read as a bag \(the byte at 0 is no UTF-8\)"):
        open_video(path, device="cpu")


def test_a_bag_without_pictures(tmp_path):
    (tmp_path / "a.mcap").write_bytes(b"no bag")
    with pytest.raises(InputError, match=r"a\.mcap"):
        open_video(tmp_path / "a.mcap", device="cpu")
