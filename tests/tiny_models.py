"""Small real models for the tests: two convolutions and a pixel shuffle, in an ONNX file with facts."""

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from upres.models.facts import METADATA_KEY, Colour, Facts, to_json


def tiny_onnx(
    *,
    scale: int = 2,
    colour: Colour = "rgb",
    name: str = "tiny",
    width: int = 16,
    multiple: int = 1,
    seed: int = 0,
    facts: bool = True,
    graph_channels: int | None = None,
    claimed_radius: int | None = 3,
) -> bytes:
    """Return nearest-neighbour enlargement plus two convolutions (5×5 and 3×3, so radius 3), as ONNX bytes.

    With `multiple` m, the picture is folded m×m before the network and unfolded behind it, so that sides must
    be multiples of m, and the radius is 3 m and up to m - 1 more.
    """
    generator = np.random.default_rng(seed)
    said = Facts(
        name=name,
        scale=scale,
        colour=colour,
        radius=claimed_radius if multiple == 1 else 4 * multiple - 1,
        multiple=multiple,
        parameters=1234,
        trained_on="nothing",
        licence="CC0-1.0",
        scores={"Set5 psnr_y border 2": 31.25},
    )
    channels = graph_channels or said.channels
    inside = channels * multiple**2
    weights: list[TensorProto] = []
    nodes: list[NodeProto] = []

    def conv(source: str, target: str, before: int, after: int, kernel: int) -> None:
        scaled = generator.standard_normal((after, before, kernel, kernel)) / np.sqrt(before) / kernel / 2
        bias = generator.standard_normal(after) / 50
        for suffix, values in (("w", scaled), ("b", bias)):
            weights.append(numpy_helper.from_array(values.astype(np.float32), f"{target}_{suffix}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [source, f"{target}_w", f"{target}_b"],
                [target],
                pads=[kernel // 2] * 4,
                kernel_shape=[kernel, kernel],
            )
        )

    folded = "lr"
    if multiple > 1:
        nodes.append(helper.make_node("SpaceToDepth", ["lr"], ["folded"], blocksize=multiple))
        folded = "folded"
    conv(folded, "first", inside, width, 5)
    nodes.append(helper.make_node("Relu", ["first"], ["active"]))
    conv("active", "second", width, inside * scale**2, 3)
    unfolded = "second"
    if multiple > 1:
        # Depth is what comes out of the fold's channels first, so that nothing moves.
        nodes.append(helper.make_node("DepthToSpace", ["second"], ["unfolded"], blocksize=multiple, mode="DCR"))
        unfolded = "unfolded"
    nodes.append(helper.make_node("DepthToSpace", [unfolded], ["detail"], blocksize=scale, mode="CRD"))
    weights.append(numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales"))
    nodes.append(
        helper.make_node(
            "Resize",
            ["lr", "", "scales"],
            ["large"],
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )
    )
    nodes.append(helper.make_node("Add", ["large", "detail"], ["sr"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("lr", TensorProto.FLOAT, ["n", channels, "h", "w"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["n", channels, "H", "W"])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if facts:
        helper.set_model_props(model, {METADATA_KEY: to_json(said)})
    content: bytes = model.SerializeToString()
    return content
