"""Replicas of the official layouts: the same boxes from each, and the command that comes next runs on them."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vidrobust.cli.app import main
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.matching import extracted_from, in_pixels, on_items

WIDE, TALL, FRAMES = 64, 48, 4
BOXES = [(10.0 + k, 8.0, 30.0 + k, 28.0) for k in range(FRAMES)]
NAMES = [f"{k:06d}" for k in range(1, FRAMES + 1)]
VOC = """<annotation><folder>images</folder><filename>{name}.jpg</filename>
<size><width>64</width><height>48</height><depth>3</depth></size><segmented>0</segmented>
<object><name>cat</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
<bndbox><xmin>{x1:.0f}</xmin><ymin>{y1:.0f}</ymin><xmax>{x2:.0f}</xmax><ymax>{y2:.0f}</ymax></bndbox></object>
</annotation>"""


BOX = ["x1", "y1", "x2", "y2"]


def pictures(folder):
    """The frames: a textured square that moves by 1 px."""
    folder.mkdir(parents=True)
    still = np.random.default_rng(4).integers(60, 190, (TALL, WIDE, 3), np.uint8)
    square = np.random.default_rng(5).integers(0, 255, (20, 20, 3), np.uint8)
    for name, box in zip(NAMES, BOXES, strict=True):
        frame = still.copy()
        frame[8:28, int(box[0]) : int(box[2])] = square
        Image.fromarray(frame).save(folder / f"{name}.jpg", quality=95)
    return folder


def every(text, folder, suffix=".txt"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, box in zip(NAMES, BOXES, strict=True):
        (folder / f"{name}{suffix}").write_text(text(name, box))
    return folder


def shares(box):
    x1, y1, x2, y2 = box
    return (x1 + x2) / 2 / WIDE, (y1 + y2) / 2 / TALL, (x2 - x1) / WIDE, (y2 - y1) / TALL


def dumped(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def yolo_line(box):
    return "1 " + " ".join(f"{v:.8f}" for v in shares(box)) + "\n"


def coco_of(first_id):
    return {
        "info": {},
        "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}],
        "images": [{"id": first_id + k, "file_name": f"{n}.jpg"} for k, n in enumerate(NAMES)],
        "annotations": [
            {"id": k, "image_id": first_id + k, "category_id": 3, "bbox": [*box[:2], 20, 20]}
            for k, box in enumerate(BOXES)
        ],
    }


def coco(desk):
    """cocodataset.org: annotations/instances_val2017.json and val2017."""
    labels = dumped(desk / "annotations/instances_val2017.json", coco_of(100))
    return labels, pictures(desk / "val2017")


def roboflow_coco(desk):
    dumped(desk / "train/_annotations.coco.json", coco_of(0))
    (desk / "made").mkdir()
    for path in pictures(desk / "p").iterdir():
        path.rename(desk / "train" / path.name)
    return desk / "train", desk / "train"


def ultralytics(desk):
    """Ultralytics' coco8: data.yaml, images/train and labels/train."""
    folders = "path: coco8\ntrain: images/train\nval: images/val\n"
    (desk / "data.yaml").write_text(f"{folders}names:\n  0: dog\n  1: cat\n")
    every(lambda _, box: yolo_line(box), desk / "labels/train")
    return desk / "data.yaml", pictures(desk / "images/train")


def roboflow_yolo(desk):
    (desk / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['dog', 'cat']\n\nroboflow:\n  version: 1\n"
    )
    every(lambda _, box: yolo_line(box), desk / "train/labels")
    return desk, pictures(desk / "train/images")


def darknet(desk):
    """CVAT's YOLO 1.1: obj.data, obj.names, obj_train_data with pictures and labels."""
    (desk / "obj.data").write_text("classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    (desk / "obj.names").write_text("dog\ncat\n")
    images = pictures(desk / "obj_train_data")
    every(lambda _, box: yolo_line(box), images)
    return desk, images


def voc(desk):
    """VOC2012: Annotations and JPEGImages; the first pixel is 1, and the last belongs to the box."""

    def text(name, box):
        return VOC.format(name=name, x1=box[0] + 1, y1=box[1] + 1, x2=box[2], y2=box[3])

    every(text, desk / "Annotations", ".xml")
    return desk, pictures(desk / "JPEGImages")


def cvat_images(desk):
    images = "".join(
        f'<image id="{k}" name="{name}.jpg" width="64" height="48"><box label="cat" source="manual" occluded="0" '
        f'xtl="{box[0]:.2f}" ytl="{box[1]:.2f}" xbr="{box[2]:.2f}" ybr="{box[3]:.2f}" z_order="0"></box></image>'
        for k, (name, box) in enumerate(zip(NAMES, BOXES, strict=True))
    )
    labels = "<labels><label><name>cat</name></label></labels>"
    (desk / "annotations.xml").write_text(
        f"<annotations><version>1.1</version><meta><job>{labels}</job></meta>{images}</annotations>"
    )
    return desk / "annotations.xml", pictures(desk / "images")


def mot17(desk):
    """MOT17 as downloaded: train/MOT17-02-SDP with gt, det, img1; pixels from 1."""
    sequence = desk / "train/MOT17-02-SDP"
    lines = [f"{k},1,{b[0] + 1:g},{b[1] + 1:g},20,20,1,1,1\n" for k, b in enumerate(BOXES, 1)]
    (sequence / "gt").mkdir(parents=True)
    (sequence / "gt/gt.txt").write_text("".join(lines))
    (sequence / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-02-SDP\nframeRate=25\n")
    pictures(sequence / "img1")
    return desk, sequence / "img1"


def mot_det(desk):
    sequence = desk / "train/MOT17-02-SDP"
    lines = [f"{k},-1,{b[0] + 1:g},{b[1] + 1:g},20,20,0.98\n" for k, b in enumerate(BOXES, 1)]
    (sequence / "det").mkdir(parents=True)
    (sequence / "det/det.txt").write_text("".join(lines))
    return sequence / "det/det.txt", pictures(sequence / "img1")


def tensorflow(desk):
    """Roboflow's and TensorFlow's CSV."""
    columns = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]
    rows = [(f"{n}.jpg", WIDE, TALL, "cat", *b) for n, b in zip(NAMES, BOXES, strict=True)]
    pd.DataFrame(rows, columns=columns).to_csv(desk / "_annotations.csv", index=False)
    return desk / "_annotations.csv", pictures(desk / "train")


def video(path):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDE, TALL))
    for file in sorted(pictures(path.with_suffix("")).iterdir()):
        writer.write(cv2.imread(str(file)))
    writer.release()
    return path


def coco_of_frames(desk, names):
    images = [{"id": k, "file_name": name} for k, name in enumerate(names)]
    places = [[box[0], 8, 20, 20] for box in BOXES]
    marks = [{"id": k, "image_id": k, "category_id": 3, "bbox": b} for k, b in enumerate(places)]
    categories = [{"id": 3, "name": "cat"}]
    content = {"images": images, "annotations": marks, "categories": categories}
    return dumped(desk / "_annotations.coco.json", content)


def extracted(desk):
    """Frames of a video as ffmpeg's %06d writes them, counted from 0."""
    names = [f"line4_{k:06d}.jpg" for k in range(FRAMES)]
    return coco_of_frames(desk, names), video(desk / "line4.avi")


def roboflow_frames(desk):
    names = [f"line4_avi-{k:04d}_jpg.rf.0a{k}b2c3d4e5f.jpg" for k in range(FRAMES)]
    return coco_of_frames(desk, names), video(desk / "line4.avi")


def cvat_video(desk):
    """Exported as annotations.xml; <source> below the task names the video."""
    return cvat_of(desk, "<task><source>line4.avi</source></task>"), video(desk / "line4.avi")


def cvat_video_unnamed(desk):
    return cvat_of(desk, "<task></task>"), video(desk / "renamed.avi")


def cvat_of(desk, meta):
    boxes = "".join(
        f'<box frame="{k}" outside="0" occluded="0" keyframe="1" xtl="{b[0]}" ytl="{b[1]}" xbr="{b[2]}" ybr="{b[3]}"/>'
        for k, b in enumerate(BOXES)
    )
    track = f'<track id="0" label="cat">{boxes}</track>'
    text = f"<annotations><version>1.1</version><meta>{meta}</meta>{track}</annotations>"
    (desk / "annotations.xml").write_text(text)
    return desk / "annotations.xml"


LAYOUTS = {
    "coco": (coco, roboflow_coco, extracted, roboflow_frames),
    "cvat-video": (cvat_video, cvat_video_unnamed),
    "yolo": (ultralytics, roboflow_yolo, darknet),
    "voc": (voc,),
    "cvat-images": (cvat_images,),
    "mot": (mot17, mot_det),
    "table": (tensorflow,),
}
PAIRS = [(form, make) for form, makers in LAYOUTS.items() for make in makers]


@pytest.mark.parametrize(("form", "make"), PAIRS, ids=[make.__name__ for _, make in PAIRS])
def test_boxes_of_a_layout(form, make, tmp_path):
    labels_at, source = make(tmp_path)
    labels = read_labels(labels_at)
    assert (labels.format, labels.problems) == (form, ())
    matched = on_items(labels.rows, expand_sources([str(source)]).items)
    rows = in_pixels(matched.rows, labels.box_unit, WIDE, TALL)
    assert rows["frame"].tolist() == list(range(FRAMES))
    np.testing.assert_allclose(rows[["x1", "y1", "x2", "y2"]].to_numpy(float), BOXES, atol=1e-4)
    assert set(rows["label_name"]) == {"pedestrian" if form == "mot" else "cat"}
    assert (matched.without, matched.missing) == ((), 0)


@pytest.mark.parametrize(
    ("make", "name"), [(coco, "cat"), (cvat_video, "cat"), (mot17, "pedestrian")]
)
def test_the_next_command_on_pictures_a_video_and_a_root(make, name, tmp_path):
    labels_at, source = make(tmp_path)
    found = pd.DataFrame(BOXES, columns=["x1", "y1", "x2", "y2"])
    found = found.assign(frame=range(FRAMES), score=0.9, label=[name, name, "dog", name])
    found.to_csv(tmp_path / "boxes.csv", index=False)
    run, model = tmp_path / "run", f"detections:{tmp_path / 'boxes.csv'}"
    main(["stability", str(source), f"--labels={labels_at}", f"-m{model}", f"-o{run}", "-q"])
    known = pd.read_parquet(run / "known_boxes.parquet")
    assert (len(known), known["found"].sum()) == (FRAMES, FRAMES - 1)


def test_numbers_in_names_of_frames_from_1_say_what_they_count_from(tmp_path, printed):
    labels = coco_of_frames(tmp_path, [f"line4_{k}.jpg" for k in range(1, FRAMES + 1)])
    clip = video(tmp_path / "line4.avi")
    boxes = pd.DataFrame(BOXES, columns=BOX).assign(frame=range(FRAMES), score=0.9, label="cat")
    boxes.to_csv(tmp_path / "b.csv", index=False)
    model, out = f"-mdetections:{tmp_path / 'b.csv'}", f"-o{tmp_path / 'run'}"
    given = ("stability", str(clip), f"--labels={labels}", model, out, "-q")
    assert "--label-offset 1f" in printed(2, *given).err
    main([*given, "--label-offset=1f"])
    known = pd.read_parquet(tmp_path / "run" / "known_boxes.parquet")
    assert known["frame"].tolist() == list(range(FRAMES))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("line4_000012.jpg", ("line4", 12)),
        ("line4_mp4-0012_jpg.rf.0a1b2c.jpg", ("line4", 12)),
        ("line-4-frame-12.png", ("line-4", 12)),
        ("line4/000012.jpg", ("line4", 12)),
        ("frame_000012.PNG", ("", 12)),
        ("cat.jpg", None),
    ],
)
def test_what_the_name_of_an_extracted_frame_says(name, found):
    assert extracted_from(name) == found


def test_yolo_without_names_asks_for_them(tmp_path, printed):
    every(lambda _, box: yolo_line(box), tmp_path / "labels")
    clip = pictures(tmp_path / "images")
    (tmp_path / "answers.csv").write_text("frame,dog,cat\n0,0,1\n1,0,1\n2,0,1\n3,0,1\n")
    model, out = f"-mpredictions:{tmp_path / 'answers.csv'}", f"-o{tmp_path / 'run'}"
    given = ("stability", str(clip), f"--labels={tmp_path / 'labels'}", model, out, "-q")
    assert "--class-map" in printed(2, *given).err
    known = dumped(tmp_path / "map.json", {"0": 0, "1": 1})
    main([*given, f"--class-map={known}"])
    assert pd.read_parquet(tmp_path / "run" / "label_answers.parquet")["top1"].tolist() == [1] * 4


def test_labels_of_other_footage_say_what_the_sources_are_called(tmp_path, printed):
    labels = cvat_of(tmp_path, "<source>line9.mp4</source>")
    clip, out = str(video(tmp_path / "line4.avi")), f"-o{tmp_path / 'run'}"
    asked = (f"--labels={labels}", "-mefficientnet-lite0", out)
    said = printed(3, "stability", clip, *asked).err
    assert "line9" in said
    assert "line4" in said


def test_a_table_of_frames_and_labels_is_about_the_only_input(tmp_path):
    (tmp_path / "truth.csv").write_text("frame,label\n0,cat\n1,cat\n2,cat\n3,cat\n")
    labels = read_labels(tmp_path / "truth.csv")
    items = expand_sources([str(pictures(tmp_path / "clip"))]).items
    rows = on_items(labels.rows, items).rows
    assert rows[["item", "frame"]].to_numpy().tolist() == [["clip", k] for k in range(FRAMES)]
    two = (*items, *expand_sources([str(pictures(tmp_path / "other"))]).items)
    assert on_items(labels.rows, two).without == ("",)


def test_a_table_whose_first_frame_is_1_says_what_it_counts_from(tmp_path, printed):
    clip = pictures(tmp_path / "clip")
    (tmp_path / "truth.csv").write_text("frame,label\n1,cat\n2,cat\n3,dog\n4,dog\n")
    (tmp_path / "answers.csv").write_text("frame,label\n0,cat\n1,cat\n2,dog\n3,dog\n")
    given = ("stability", str(clip), "--labels", str(tmp_path / "truth.csv"), "-q")
    model = ("--model", f"predictions:{tmp_path / 'answers.csv'}")
    asked = printed(2, *given, *model, "-o", tmp_path / "run")
    assert "--label-offset 1f" in asked.err
    for offset, right in (("1f", 4), ("0f", 2)):
        run = tmp_path / offset
        main([*given, *model, "-o", str(run), "--label-offset", offset])
        answers = pd.read_parquet(run / "label_answers.parquet")
        assert answers["top1"].sum() == right


def test_corners_of_voc_that_a_tool_counts_from_0(tmp_path):
    """A corner of 0 has no place among pixels from 1."""

    def shifted(name, b):
        return VOC.format(name=name, x1=b[0] - 10, y1=b[1], x2=b[2], y2=b[3])

    at = every(shifted, tmp_path / "Annotations", ".xml")
    assert read_labels(at).rows["x1"].tolist() == [0, 1, 2, 3]
    assert read_labels(at).rows["y1"].tolist() == [8] * FRAMES


def test_a_flat_folder_of_imagenet(tmp_path):
    """ImageNet numbers tabby (n02123045) 281 and Egyptian cat (n02124075) 285."""
    for path in pictures(tmp_path / "flat").iterdir():
        wnid = f"n0212{'3045' if path.stem < '000003' else '4075'}"
        path.rename(path.with_name(f"{wnid}_{path.stem}.JPEG"))
    labels = read_labels(tmp_path / "flat")
    assert (labels.format, labels.rows["label"].tolist()) == ("imagenet-flat", [281, 281, 285, 285])
    matched = on_items(labels.rows, expand_sources([str(tmp_path / "flat")]).items)
    assert matched.rows["frame"].tolist() == [0, 1, 2, 3]
    lines = "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n"
    (tmp_path / "val.txt").write_text(lines)
    assert read_labels(tmp_path / "val.txt").rows["label"].tolist() == [65, 970]


def test_a_picture_that_two_folders_hold_is_matched_with_neither(tmp_path):
    labels_at, first = voc(tmp_path)
    items = expand_sources([str(first), str(pictures(tmp_path / "other"))]).items
    assert len(on_items(read_labels(labels_at).rows, items).rows) == 0
