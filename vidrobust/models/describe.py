"""A sidecar guessed from the graph of an ONNX network: what the file says, and what only its owner knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.errors import InputError, SettingsError, first_line
from vidrobust.files.atomic import write_text
from vidrobust.models.detection.heads import ultralytics_entry
from vidrobust.models.onnx_runtime import cpu_session, numeric_outputs
from vidrobust.models.sidecar import TEMPLATE, find_entry
from vidrobust.text.printable import printable

# Operations that move values without changing them
_PASSING = ("Slice", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose")
_TEXT = 8  # onnx.TensorProto.STRING
_IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_RAW = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_NAMES = {
    1000: 'classes = "imagenet"',
    1001: 'classes = "background+imagenet"',
}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """What an ONNX file says of its network; sides are None where the file leaves them open."""

    height: int | None  # Px
    width: int | None
    normalises: bool  # Whether the first operation already subtracts, multiplies or divides
    outputs: tuple[tuple[str, tuple[int | None, ...]], ...]  # Names and shapes
    last: str  # The operation that makes the first output


def described(network: Path) -> str:
    """Return the sidecar of an ONNX network, as far as the graph tells it.

    Parameters
    ----------
    network
        An ONNX file.

    Returns
    -------
    str
        TOML that a study reads as it is. Each value that is only a guess says so; size, the layout of the channels,
        the softmax and the number of classes are read off the graph.

    Raises
    ------
    InputError
        The file cannot be read, or its input is no picture.
    SettingsError
        The package onnx is missing.
    """
    graph = read_graph(network)
    if graph.height is None or graph.width is None:
        size = "size = 224  # a guess: the file leaves it open"
    else:
        sides = graph.height if graph.height == graph.width else [graph.height, graph.width]
        size = f"size = {sides}  # px"
    return "\n".join([size, *(_detector(graph) if _detects(graph) else _classifier(graph))]) + "\n"


def _classifier(graph: Graph) -> list[str]:
    name, shape = graph.outputs[0]
    count = shape[-1] if shape else None
    square = graph.height == graph.width
    mean, std = _RAW if graph.normalises else _IMAGENET
    kind = {
        "Softmax": "probabilities",
        "LogSoftmax": "logits",
        "Sigmoid": "probability" if count == 1 else "multilabel",
    }.get(graph.last, "logit" if count == 1 else "logits")
    names = _NAMES.get(
        count or 0, f'# classes = "classes.txt"  # {count or "the"} names, one a line'
    )
    why = "the network scales its pixels itself" if graph.normalises else "a guess: ImageNet's"
    lines = [
        *(
            [
                "crop = 0.875  # a guess: the shorter side becomes size / crop, then a centre crop of size"
            ]
            if square
            else []
        ),
        'interpolation = "bilinear"  # a guess; or "bicubic", "nearest"',
        f'resize = "{"" if square else "stretch, "}torch"  # a guess; or "pil", "opencv-linear", "opencv-area": what '
        "your program calls decides up to half of the labels",
        'crop_rounding = "even"  # a guess; "down" where the crop begins at (side - size) // 2',
        f"mean = {list(mean)}  # {why}; in the range 0..255",
        f"std = {list(std)}",
        'channels = "RGB"  # a guess; or "BGR"',
        f'output = "{kind}"  # the last operation is {graph.last}',
        names,
    ]
    if len(graph.outputs) > 1:
        lines.append(f"output_name = {json.dumps(name)}  # a guess; or {_others(graph)}")
    return lines


def _detector(graph: Graph) -> list[str]:
    head, why = _head(graph)
    yolox, fastest = head == "yolox", head == "fastestdet"
    std = (1.0, 1.0, 1.0) if yolox or graph.normalises else (255.0, 255.0, 255.0)
    place = "top left" if yolox else "centre"
    return [
        'task = "detection"',
        f'head = "{head}"  # {why}',
        'resize = "stretch"  # a guess; or "letterbox, centre, pad value 114"'
        if fastest
        else f'resize = "letterbox, {place}, pad value 114"  # a guess; or "stretch"',
        "mean = [0.0, 0.0, 0.0]  # a guess; in the range 0..255",
        f"std = {list(std)}",
        f'channels = "{"BGR" if yolox or fastest else "RGB"}"  # a guess',
        '# classes = "classes.txt"  # one name a line',
    ]


def _head(graph: Graph) -> tuple[str, str]:
    shape = graph.outputs[0][1]
    if len(graph.outputs) > 1:
        return "plain", f"a guess: boxes, scores and labels are outputs ({_others(graph, first=0)})"
    if len(shape) == 3 and None not in shape[1:]:
        rows, columns = int(shape[1] or 0), int(shape[2] or 0)
        if rows < columns:
            return "yolov8", f"a guess by the shape: 4 + {rows - 4} classes by {columns} places"
        cells = _cells(graph)
        if rows == cells:
            return "yolox", f"a guess by the shape: {rows} places by 5 + {columns - 5} classes"
        return "yolov5", f"a guess by the shape: {rows} places by 5 + {columns - 5} classes"
    if len(shape) == 4:
        return "fastestdet", "a guess by the shape: a map of 5 + classes"
    return "plain", "a guess: boxes, scores and labels decoded"


def _cells(graph: Graph) -> int:
    """Return how many cells strides of 8, 16 and 32 px have, one anchor each."""
    height, width = graph.height or 0, graph.width or 0
    return sum((height // stride) * (width // stride) for stride in (8, 16, 32))


def _detects(graph: Graph) -> bool:
    """Whether outputs have a row for each of many places; (N, K, 1, 1) is a classifier."""
    shapes = [tuple(side for side in shape[1:] if side != 1) for _, shape in graph.outputs]
    return any(len(shape) > 1 for shape in shapes)


def _others(graph: Graph, first: int = 1) -> str:
    return ", ".join(json.dumps(name) for name, _ in graph.outputs[first:])


def read_graph(network: Path) -> Graph:
    """Read the facts of an ONNX file that a sidecar needs.

    Raises
    ------
    InputError
        The file cannot be read, or its input is not (N, 3, H, W) or (N, H, W, 3).
    SettingsError
        The package onnx is missing.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise SettingsError(f"{printable(network)}: needs the package onnx") from error
    try:
        graph = onnx.load(network, load_external_data=False).graph
    except Exception as error:  # protobuf's own kinds
        raise InputError(
            f"{printable(network)}: cannot be read as an ONNX network: {error}"
        ) from error
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    shape = _sides(inputs[0]) if inputs else ()
    last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    if len(shape) != 4 or shape[3 if last else 1] not in (3, None):
        raise InputError(
            f"{printable(network)}: its input is {list(shape)}, expected pictures (N, 3, H, W) or (N, H, W, 3)"
        )
    height, width = shape[1:3] if last else shape[2:4]
    numbers = [value for value in graph.output if value.type.tensor_type.elem_type != _TEXT]
    if not numbers:
        raise InputError(f"{printable(network)}: its outputs are text, and scores are needed")
    given = tuple((value.name, _sides(value)) for value in numbers)
    return Graph(
        height=height,
        width=width,
        normalises=_first(graph, inputs[0].name) in ("Sub", "Div", "Mul"),
        outputs=given
        if all(shape and None not in shape[1:] for _, shape in given)
        else _tried(network, inputs[0]),
        last=_last(graph, numbers[0].name),
    )


def _tried(network: Path, value: Any) -> tuple[tuple[str, tuple[int | None, ...]], ...]:
    """Return the shapes of the outputs for one blank picture, where the file does not say them."""
    sides = [side or (1 if place == 0 else 224) for place, side in enumerate(_sides(value))]
    kind = {1: np.float32, 10: np.float16, 11: np.float64}.get(value.type.tensor_type.elem_type)
    try:
        session = cpu_session(network, 1)
        names = numeric_outputs(session, printable(network))
        given = session.run(names, {value.name: np.zeros(sides, kind)})
    except Exception as error:  # the runtime's own kinds
        raise InputError(f"{printable(network)}: does not run: {first_line(error)}") from error
    return tuple((name, tuple(array.shape)) for name, array in zip(names, given, strict=True))


def _sides(value: Any) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.dim_value > 0 else None for side in sides)


def _first(graph: Any, name: str) -> str:
    """Return the first operation on a value that changes it."""
    for node in _followed(graph.node, name):
        if node.op_type not in _PASSING:
            return str(node.op_type)
    return ""


def _followed(nodes: Sequence[Any], name: str) -> Iterator[Any]:
    for node in nodes:  # in the order in which they run
        if name in node.input:
            yield node
            name = node.output[0]


def _last(graph: Any, name: str) -> str:
    """Return the operation that makes an output, before it is only brought into shape."""
    makers = {output: node for node in graph.node for output in node.output}
    while name in makers:
        node = makers[name]
        if node.op_type not in _PASSING:
            return str(node.op_type)
        name = node.input[0]
    return ""


def write_description(network: Path) -> str:
    """Write the guessed sidecar beside an ONNX network that has none; return what was done, and the text.

    Raises
    ------
    SettingsError
        There is a description already; it is left as it is.
    """
    own = _metadata(network)
    try:
        where, _ = find_entry(network, own=own)
    except SettingsError:
        text = described(network)
        path = network.with_name(network.name + ".toml")
        write_text(path, text)
        return f"Wrote {printable(path)}: look over what is called a guess, then study.\n\n{text}"
    place = "its own metadata" if where == network else printable(where)
    raise SettingsError(f"{printable(network)}: {place} describes it already, and is left as it is")


def _metadata(network: Path) -> dict[str, Any]:
    import onnx

    try:
        model = onnx.load(network, load_external_data=False)
    except Exception as error:  # protobuf's own kinds
        raise InputError(
            f"{printable(network)}: cannot be read as an ONNX network: {error}"
        ) from error
    return ultralytics_entry({entry.key: entry.value for entry in model.metadata_props})


def missing_sidecar(network: Path) -> str:
    """Return what an ONNX file without description needs: the template with the graph's values."""
    try:
        text = described(network)
    except (InputError, SettingsError):
        text = TEMPLATE
    return (
        f"`vidrobust models --describe {printable(network)}` writes it with these values, of which the graph tells "
        f"size, softmax and number of classes; the rest is for you to look over:\n{text}"
    )
