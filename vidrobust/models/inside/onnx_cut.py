"""Where an ONNX network can be cut: what goes into its last layer, and what goes into its last softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PASSED = {
    *("Softmax", "LogSoftmax", "Sigmoid", "Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Cast"),
    *(
        "Transpose",
        "Dropout",
        "Slice",
        "Clip",
        "Relu",
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearSoftmax",
    ),
    *("GlobalAveragePool", "AveragePool", "ReduceMean", "QLinearGlobalAveragePool", "QLinearAveragePool"),
    *("Add", "Sub", "Mul", "Div", "QLinearAdd"),
}
"""Nodes that may stand between the last layer and the output."""
LAYERS = {"Gemm", "MatMul", "QGemm", "QLinearMatMul", "MatMulInteger", "Conv", "QLinearConv", "ConvInteger"}


@dataclass(frozen=True)
class Cut:
    """Names of values: features go into the last layer, logits into the last softmax ("" where there is none).

    why  what stands where no layer was found, in words; then features is ""
    """

    features: str
    logits: str = ""
    layer: str = ""
    why: str = ""


def cut_of(graph: Any, output: str) -> Cut:
    """The cut of an ONNX graph whose scores are the value ``output``."""
    made_by = {name: node for node in graph.node for name in node.output}
    constant = {each.name for each in graph.initializer}
    constant |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    at, logits = output, ""
    while at in made_by:
        node = made_by[at]
        given = _variable(node.input, constant, made_by)
        if node.op_type in LAYERS:
            return Cut(given[0] if given else "", logits, f"{node.op_type} {node.name}".strip())
        if node.op_type not in PASSED or len(given) != 1:
            return Cut("", logits, why=f"its scores come out of {node.op_type}, not out of a last layer")
        if node.op_type == "Softmax" and not logits:
            logits = given[0]
        at = given[0]
    return Cut("", logits, why="no layer stands before its scores")


def _variable(names: Any, constant: set[str], made_by: dict[str, Any]) -> list[str]:
    """The inputs of a node that depend on the picture."""
    return [name for name in names if name and name not in constant and not _fixed(name, constant, made_by)]


def _fixed(name: str, constant: set[str], made_by: dict[str, Any], depth: int = 8) -> bool:
    """Whether a value is made of constants alone, as weights that are taken out of int8 on the way."""
    if name in constant:
        return True
    node = made_by.get(name)
    if node is None or depth == 0 or not node.input:
        return False
    return all(_fixed(each, constant, made_by, depth - 1) for each in node.input if each)
