"""Makes ``ultralytics.npz``: raw outputs of Ultralytics' networks, and what the library makes of them.

    python make_ultralytics.py --yolov5 DIR

Wants ``ultralytics`` (AGPL; it is no dependency of this project, install it apart), onnx, onnxruntime, and a
checkout of github.com/ultralytics/yolov5, whose layout of outputs is another one. Weights are drawn at random,
since only what comes behind the network is compared; nothing is downloaded. Of each network: what came out of it,
and the boxes, scores, labels, masks and turned boxes of the library's ``Results`` at a confidence of .05.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
import ultralytics
from ultralytics import YOLO
from ultralytics.utils.torch_utils import unwrap_model

HEIGHT, WIDTH = 96, 160
NETWORKS = ("yolov8n", "yolo11n", "yolo26n", "yolov8n-seg", "yolov8n-obb")
MASKS = 4
"""Prototypes of the network of masks, instead of 32, so that the file is small."""


def picture(height, width):
    """(H, W, 3) uint8 BGR: smooth noise."""
    rough = np.random.default_rng(5).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def letter():
    """(2, 3, HEIGHT, WIDTH) what goes into the network, twice, since statistics want two."""
    small = cv2.resize(picture(120, 160), (128, 96), interpolation=cv2.INTER_LINEAR)
    grey = (114, 114, 114)
    whole = cv2.copyMakeBorder(small, 0, 0, 16, 16, cv2.BORDER_CONSTANT, value=grey)[..., ::-1]
    return torch.from_numpy(whole.transpose(2, 0, 1)[None] / 255.0).float().repeat(2, 1, 1, 1)


def network(name, spread):
    """A network of three classes whose scores spread over 0 to 1, with the statistics of one picture."""
    torch.manual_seed(3)
    model = YOLO(f"{name}.yaml", verbose=False)
    config = dict(model.model.yaml, nc=3, verbose=False)
    if name.endswith("-seg"):
        config["head"][-1][3][1] = MASKS
    model.model = type(model.model)(config, nc=3, verbose=False)
    net = model.model
    pixels = letter()
    settled(net, pixels)
    head = net.model[-1]
    for branch in [*head.cv3, *getattr(head, "one2one_cv3", [])]:
        spread_out(net, branch[-1], pixels, spread, -2.0)
    for branch in [*head.cv2, *getattr(head, "one2one_cv2", [])]:
        spread_out(net, branch[-1], pixels, *((1.0, 3.0) if head.reg_max == 1 else (2.0, 0.0)))
    net.task = model.task
    net.names = {0: "bolt", 1: "nut", 2: "washer"}
    return model


def settled(net, pixels):
    """Give every layer the statistics of this input, and set the network to answer."""
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    net.train()
    with torch.no_grad():
        net(pixels + 0.02 * torch.randn_like(pixels))
    net.eval()


def yolov5(folder, spread):
    """What YOLOv5's own code says: raw output, and boxes after its suppression at an IoU of .45."""
    sys.path.insert(0, str(folder))
    from models.yolo import Model
    from utils.general import non_max_suppression, scale_boxes

    torch.manual_seed(3)
    net = Model(folder / "models" / "yolov5n.yaml", nc=3)
    pixels = letter()
    settled(net, pixels)
    for layer in net.model[-1].m:
        spread_out(net, layer, pixels, spread, -0.5)
    with torch.no_grad():
        raw = net(pixels[:1])[0]
    (found,) = non_max_suppression(raw.clone(), 0.05, 0.45, max_det=300)
    boxes = scale_boxes((HEIGHT, WIDTH), found[:, :4], (120, 160))
    return {
        "output0": raw.numpy(),
        "boxes": boxes.numpy(),
        "scores": found[:, 4].numpy(),
        "labels": found[:, 5].numpy(),
    }


def spread_out(net, layer, pixels, spread, middle):
    """Draw a layer's weights so that what comes out of it has about this standard deviation and mean."""
    said = []
    hook = layer.register_forward_hook(lambda _, __, out: said.append(out))
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.zero_()
        net(pixels)
        if said:  # the export leaves a head's other branches out
            layer.weight.mul_(spread / said[0].std())
            layer.bias.fill_(middle - float(said[0].mean() * spread / said[0].std()))
    hook.remove()


def main():
    """Every network, into one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spread", type=float, default=1.5, help="of the class scores before the sigmoid"
    )
    parser.add_argument(
        "--yolov5", type=Path, required=True, help="a checkout of ultralytics/yolov5"
    )
    given = parser.parse_args()
    frame = picture(120, 160)
    kept = {"frame": frame[..., ::-1], "version": np.array(ultralytics.__version__)}
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            path = Path(folder) / f"{name}.pt"
            model = network(name, given.spread)
            model.ckpt = {"model": unwrap_model(model.model)}
            model.save(str(path))
            inside = {"nms": False} if name == "yolo26n" else {}  # its own end-to-end head
            exported = YOLO(str(path), task=model.task).export(
                format="onnx", imgsz=[HEIGHT, WIDTH], simplify=False, opset=17, **inside
            )
            given_in, found = answers(exported, model.task, frame)
            kept |= {"given": given_in} | {f"{name}/{key}": value for key, value in found.items()}
            print(name, {key: value.shape for key, value in found.items()})
    kept |= {f"yolov5n/{key}": value for key, value in yolov5(given.yolov5, given.spread).items()}
    np.savez_compressed(Path(__file__).with_name("ultralytics.npz"), **kept)


def answers(exported, task, frame):
    """What goes in; and what comes out, and what the library says of a picture."""
    model = YOLO(exported, task=task)
    (result,) = model.predict(
        frame,
        imgsz=[HEIGHT, WIDTH],
        conf=0.05,
        iou=0.7,
        max_det=300,
        retina_masks=True,
        verbose=False,
    )
    given = model.predictor.preprocess([frame]).numpy()
    session = onnxruntime.InferenceSession(exported)
    outputs = session.run(None, {session.get_inputs()[0].name: given})
    meta = session.get_modelmeta().custom_metadata_map
    kept = {f"output{k}": out for k, out in enumerate(outputs)}
    pixels = np.rint(given[0] * 255).astype(np.uint8)
    kept |= {key: np.array(meta[key]) for key in ("names", "imgsz", "task")}
    if result.obb is not None:
        turned = result.obb
        return pixels, kept | {
            "corners": turned.xyxyxyxy.numpy(),
            "scores": turned.conf.numpy(),
            "labels": turned.cls.numpy(),
        }
    boxes = result.boxes
    kept |= {"boxes": boxes.xyxy.numpy(), "scores": boxes.conf.numpy(), "labels": boxes.cls.numpy()}
    if result.masks is not None:
        kept["masks"] = np.packbits(result.masks.data.numpy() > 0)
    return pixels, kept


if __name__ == "__main__":
    main()
