"""A segmentation network fitted to footage: each pixel takes the nearest of K colours, found by k-means."""

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
SIDE = 7  # px, of the window in which colours are averaged


def normalised(frames):
    """(N, H, W, 3) uint8 as the network takes it."""
    return (frames / 255 - MEAN) / STD


def colours_of(frames, count):
    """(count, 3) centres of the frames' blurred colours, normalised."""
    blurred = np.stack([cv2.blur(each, (SIDE, SIDE)) for each in frames])
    points = normalised(blurred).reshape(-1, 3)[::31].astype(np.float32)
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-3)
    return cv2.kmeans(points, count, None, stop, 3, cv2.KMEANS_PP_CENTERS)[2]


def write_onnx(path, colours, size, sharpness=4.0):
    """Write the network: one convolution, since |x - m|^2 is linear in x up to a term that all classes share."""
    count = len(colours)
    weight = np.repeat(2 * colours[:, :, None, None], SIDE, 2).repeat(SIDE, 3) / SIDE**2 * sharpness
    bias = -np.square(colours).sum(axis=1) * sharpness
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[SIDE // 2] * 4)
    graph = helper.make_graph(
        [node],
        "colours",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", count, *size])],
        [
            helper.make_tensor(
                "w", TensorProto.FLOAT, weight.shape, weight.astype(np.float32).ravel()
            ),
            helper.make_tensor("b", TensorProto.FLOAT, bias.shape, bias.astype(np.float32)),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
