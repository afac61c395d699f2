"""Other programs' ONNX graphs: what they are is found out, and the file that comes of it gives their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from tests.commands import Command
from tests.foreign_graphs import CURVE, Graph, enlarging
from tests.small_archs import SMALL
from tests.small_pictures import picture
from upres import Upscaler
from upres.archs import ARCHS
from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, ModelError
from upres.export.convert import Converted, convert
from upres.export.onnx import export_network
from upres.export.quantise import quantise
from upres.image import imresize, read, write
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts
from upres.predictors import open_predictor
from upres.predictors.openvino import OpenvinoPredictor
from upres.predictors.torch import TorchPredictor
from upres.recipes.starting import weights_file

GRAPHS = Path(__file__).parent / "graphs"


def saved(folder: Path, model: Any, name: str = "net.onnx") -> Path:
    onnx.save(model, str(folder / name))
    return folder / name


def adopted(folder: Path, model: Any, **asked: Any) -> Converted:
    return convert(saved(folder, model), folder / "ours.onnx", **asked)


def refused(folder: Path, model: Any, **asked: Any) -> str:
    path = model if isinstance(model, Path) else saved(folder, model)
    with pytest.raises((ModelError, ConfigError)) as caught:
        convert(path, folder / "ours.onnx", **asked)
    assert not (folder / "ours.onnx").exists() and "\n" not in str(caught.value)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def lr(channels: int = 3, *sides: int) -> Any:
    return np.random.default_rng(0).random((1, channels, *(sides or (13, 18))), dtype=np.float32)


def nearest(pictures: Any, scale: int = 2) -> Any:
    return pictures.repeat(scale, axis=2).repeat(scale, axis=3)


def blurred(pictures: Any) -> Any:
    """What `enlarging` does to pictures before it enlarges them."""
    kept = np.clip(pictures, 0.02, 0.98)
    kept = kept - CURVE * np.sin(2 * np.pi * kept)
    around = np.pad(kept, ((0, 0), (0, 0), (0, 0), (1, 1)))
    return 0.01 * around[..., :-2] + 0.98 * around[..., 1:-1] + 0.01 * around[..., 2:]


RANGES = {"unit": (0, 1), "byte": (0, 255), "signed": (-1, 1)}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("scale", [2, 3])
def test_layout_range_and_scale_are_found_and_the_pixels_are_the_graphs(
    layout: str, range_: str, scale: int, tmp_path: Path
) -> None:
    black, white = RANGES[range_]
    written = adopted(tmp_path, enlarging(layout=layout, scale=scale, black=black, white=white))
    facts = written.facts
    assert facts.arch == {
        "name": "graph",
        "producer": "elsewhere",
        "layout": layout,
        "takes": range_,
        "gives": range_,
        "order": "rgb",
    }
    assert (facts.scale, facts.colour, facts.radius, facts.multiple, facts.name) == (scale, "rgb", 1, 1, "net")
    assert facts == read_facts(written.path) and facts.parameters and facts.memory
    assert written.worst is not None and written.worst < 1e-6
    sr = open_predictor(written.path).predict(lr())
    assert np.abs(sr - nearest(blurred(lr()), scale)).max() < 1e-5
    by_openvino = OpenvinoPredictor(written.path, facts).predict(lr())
    assert np.abs(sr - by_openvino).max() < 1e-5


@pytest.mark.parametrize(("takes", "gives"), [("unit", "signed"), ("byte", "unit"), ("signed", "byte")])
def test_input_and_output_may_have_other_ranges(takes: str, gives: str, tmp_path: Path) -> None:
    black, white = RANGES[takes]
    found = adopted(tmp_path, enlarging(black=black, white=white, gives=RANGES[gives])).facts.arch
    assert (found["takes"], found["gives"]) == (takes, gives)


@pytest.mark.parametrize(("red", "order"), [(0, "rgb"), (2, "bgr")])
def test_the_order_of_colours_is_found(red: int, order: str, tmp_path: Path) -> None:
    written = adopted(tmp_path, enlarging(red=red))
    assert written.facts.arch["order"] == order
    sr = open_predictor(written.path).predict(lr())
    assert sr[:, 0].max() > 0.9 and sr[:, 1:].max() < 0.75
    turned = adopted(tmp_path, enlarging(red=red), colour="rgb" if order == "bgr" else "bgr")
    assert turned.facts.arch["order"] != order


def test_whole_numbers_half_precision_and_doubles(tmp_path: Path) -> None:
    byte = {"black": 0.0, "white": 255.0}
    written = adopted(tmp_path, enlarging(takes=TensorProto.UINT8, gives_kind=TensorProto.UINT8, layout="nhwc", **byte))
    assert written.facts.arch["takes"] == "byte"
    sr = open_predictor(written.path).predict(lr())
    assert np.abs(sr - nearest(blurred(lr()))).max() < 2 / 255
    for kind in (TensorProto.FLOAT16, TensorProto.DOUBLE):
        written = adopted(tmp_path, enlarging(takes=kind, gives_kind=kind))
        assert np.abs(open_predictor(written.path).predict(lr()) - nearest(blurred(lr()))).max() < 2e-3


def test_a_graph_that_keeps_the_size_gets_pictures_that_bicubic_has_enlarged(tmp_path: Path) -> None:
    model = enlarging(scale=1, channels=1)
    assert "gives pictures as large as it takes; say scale 4 if it takes pictures that" in refused(tmp_path, model)
    written = adopted(tmp_path, model, scale=3)
    assert written.facts.scale == 3 and written.facts.colour == "luma" and written.facts.arch["enlarged"] == "bicubic"
    sr = open_predictor(written.path).predict(lr(1))[0, 0]
    large = imresize(lr(1)[0, 0], 3)
    inside = slice(8, -8)  # behind a mirrored edge, where bicubic's looks; here it is repeated
    assert np.abs(sr - blurred(large[None, None])[0, 0])[inside, inside].max() < 1e-5
    assert adopted(tmp_path, model, scale=3, colour="gray").facts.colour == "gray"
    kept = adopted(tmp_path, enlarging(scale=1), scale=1)
    assert kept.facts.scale == 1 and "enlarged" not in kept.facts.arch


def unet(**resize: Any) -> Any:
    """Return a network that halves twice, where sides that 4 does not divide do not come back."""
    graph = Graph()
    graph.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add(
        "Resize",
        "",
        np.array([1, 1, 4, 4], np.float32),
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    graph.add("Mul", np.array(0.1, np.float32))
    coarse = graph.now
    graph.now = "lr"
    graph.add("Mul", np.array(0.9, np.float32)).add("Add", coarse)
    graph.add(
        "Resize",
        "",
        np.array([1, 1, 2, 2], np.float32),
        **{"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"} | resize,
    )
    return graph.model((None, 3, None, None))


def test_a_multiple_and_the_tiles_of_it(tmp_path: Path) -> None:
    written = adopted(tmp_path, unet())
    assert (written.facts.multiple, written.facts.radius) == (4, 3)
    assert written.adopted is not None and written.adopted.tiles == 0
    predictor, pixels = open_predictor(written.path), picture(height=75, width=93).pixels
    small, whole = (Upscaler(predictor, tile=side)(pixels) for side in (16, 512))
    assert np.array_equal(small, whole)


def test_what_depends_on_the_size_of_the_picture_has_no_radius(tmp_path: Path) -> None:
    stretched = adopted(tmp_path, unet(mode="linear", coordinate_transformation_mode="align_corners"))
    assert stretched.facts.radius is None and stretched.adopted is not None and stretched.adopted.tiles is None
    graph = Graph()
    graph.add("GlobalAveragePool").add("Mul", np.array(0.01, np.float32)).add("Add", "lr")
    graph.add("Resize", "", np.array([1, 1, 2, 2], np.float32), mode="nearest")
    assert adopted(tmp_path, graph.model((None, 3, None, None))).facts.radius is None


def test_a_network_that_fills_odd_sides_up_by_itself_still_begins_its_tiles_at_even_pixels(tmp_path: Path) -> None:
    asymmetric = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    graph = Graph().add("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    graph.add("Mul", np.array(0.1, np.float32)).add("Resize", "", np.array([1, 1, 4, 4], np.float32), **asymmetric)
    coarse, graph.now = graph.now, "lr"
    graph.add("Mul", np.array(0.9, np.float32)).add("Resize", "", np.array([1, 1, 2, 2], np.float32), **asymmetric)
    fine, graph.now = graph.now, coarse
    graph.nodes.append(helper.make_node("Shape", [fine], ["shape"], start=2))
    graph.add("Slice", np.array([0, 0]), "shape", np.array([2, 3])).add("Add", fine)
    written = adopted(tmp_path, graph.model((None, 3, None, None)))
    assert (written.facts.multiple, written.facts.radius) == (2, 1)


@pytest.mark.parametrize(
    "arch",
    [
        "espcn",
        "fsrcnn",
        "unet",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("plainres", "safmn", "span", "swinir", "dat")),
    ],
)
def test_radius_and_multiple_are_those_that_networks_of_ours_have(arch: str, tmp_path: Path) -> None:
    """They follow from the layers there, and are found from outside here: pooling, windows, branches and strides."""
    torch.manual_seed(0)
    part = parse_part(ARCHS, {"name": arch, **SMALL.get(arch, {})}, where="test", key="arch")
    network = build(ARCHS, part, scale=4, channels=3).eval()
    said = Facts(name="net", scale=4, radius=network.radius, multiple=network.multiple, arch=part.dump())
    export_network(network, said, tmp_path / "own.onnx")
    model = onnx.load(str(tmp_path / "own.onnx"))
    del model.metadata_props[:]
    found = adopted(tmp_path, model, range="unit").facts
    assert (found.radius, found.multiple, found.scale) == (network.radius, network.multiple, 4)
    memory = read_facts(tmp_path / "own.onnx").memory
    assert memory is not None and found.memory is not None and 0.6 < found.memory / memory < 1.1


def test_sides_that_were_fixed_at_export_become_free(tmp_path: Path) -> None:
    written = adopted(tmp_path, enlarging(layout="nhwc", dims=(1, 16, 16, 3)))
    assert np.abs(open_predictor(written.path).predict(lr()) - nearest(blurred(lr()))).max() < 1e-5
    assert written.worst is not None and written.worst < 1e-6  # at the sides that the file has
    sides = adopted(tmp_path, enlarging(layout="nhwc", dims=(1, 1, 1, 3))).facts.arch  # as Keras 3.12 wrote free ones
    assert sides["layout"] == "nhwc"


def test_old_operators_and_weights_among_the_inputs(tmp_path: Path) -> None:
    graph = Graph().add("Max", np.array(0.02, np.float32)).add("Upsample", np.array([1, 1, 2, 2], np.float32))
    model = graph.model((None, 3, None, None), opset=9)
    model.ir_version = 3
    model.graph.input.extend(
        helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims) for weight in model.graph.initializer
    )
    written = adopted(tmp_path, model)
    expected = nearest(np.maximum(lr(), np.float32(0.02)))
    assert np.abs(open_predictor(written.path).predict(lr()) - expected).max() < 1e-6


def test_weights_in_another_file(tmp_path: Path) -> None:
    model = enlarging()
    onnx.save(model, str(tmp_path / "net.onnx"), save_as_external_data=True, location="net.data", size_threshold=0)
    written = convert(tmp_path / "net.onnx", tmp_path / "ours.onnx")
    (tmp_path / "net.data").unlink()
    assert open_predictor(written.path).predict(lr()).shape == (1, 3, 26, 36)
    written.path.unlink()
    text = refused(tmp_path, tmp_path / "net.onnx")
    assert "of its weights lie in another file, net.data, which cannot be read" in text and "put it beside" in text


def test_what_is_no_network_that_enlarges_pictures_is_refused(tmp_path: Path) -> None:
    dims = (None, 3, None, None)

    def said(graph: Graph, sides: Any = dims, **more: Any) -> str:
        return refused(tmp_path, graph.model(sides, **more))

    labels = Graph().add("ArgMax", axis=1, keepdims=1)
    assert "gives int64; a network that enlarges pictures gives float32" in said(labels, gives=TensorProto.INT64)
    assert "takes ?×10, of 2 axes; a network that enlarges" in said(Graph().add("Relu"), (None, 10), out=(None, 10))
    five = said(Graph().add("Relu"), (None, 5, None, None))
    assert five.startswith(
        "takes ?×5×?×?, which as nchw or nhwc is no rgb or gray picture; upres enlarges pictures of 1"
    )
    assert "of 64×64 pixels makes 32×32" in said(Graph().add("AveragePool", kernel_shape=[2, 2], strides=[2, 2]))
    lost = refused(tmp_path, enlarging(scale=1, padded=False))
    assert "of 64×64 pixels makes 62×62: its convolutions have no padding; build it with padding='same'" in lost
    assert "enlarges ×2, and ×4 was asked for" in refused(tmp_path, enlarging(), scale=4)
    black = (
        Graph()
        .add("Mul", np.array(0, np.float32))
        .add("Resize", "", np.array([1, 1, 2, 2], np.float32), mode="nearest")
    )
    assert "gives no picture in any range: at best" in said(black)
    assert adopted(tmp_path, black.model(dims), range="unit").facts.arch["takes"] == "unit"


def test_several_inputs_or_outputs_are_named(tmp_path: Path) -> None:
    two = enlarging()
    two.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))
    assert "takes lr ?×3×?×?, noise 1: a network that enlarges pictures takes one" in refused(tmp_path, two)
    two = enlarging()
    two.graph.output.append(helper.make_tensor_value_info("t0", TensorProto.FLOAT, [None] * 4))
    assert "gives sr ?×?×?×?, t0 ?×?×?×?: a network that" in refused(tmp_path, two)


def test_operators_of_others_and_unknown_ones(tmp_path: Path) -> None:
    own = enlarging()
    own.graph.node[0].domain = "com.example"
    own.opset_import.append(helper.make_opsetid("com.example", 1))
    assert "uses com.example.Max, an operator of its maker's that no runtime here has" in refused(tmp_path, own)
    unknown = enlarging()
    unknown.graph.node[0].op_type = "Maximise"
    assert "ONNX Runtime cannot run it" in refused(tmp_path, unknown)


def test_sizes_that_are_written_into_the_graph(tmp_path: Path) -> None:
    fixed = Graph().add("Resize", "", "", np.array([1, 3, 64, 64]), mode="nearest")
    text = refused(tmp_path, fixed.model((1, 3, 32, 32)))
    assert text.startswith(
        "gives 64×64 whatever it takes: that size was fixed at export; export it with free sides: in"
    )
    shaped = Graph().add("Reshape", np.array([1, 3, 16, 1, 16, 1])).add("Tile", np.array([1, 1, 1, 2, 1, 2]))
    text = refused(tmp_path, shaped.add("Reshape", np.array([1, 3, 32, 32])).model((1, 3, 16, 16)))
    assert text.startswith("takes pictures of 16×16 alone (") and "keras.Input((None, None, 3))" in text


def test_one_picture_at_a_time_is_told(tmp_path: Path) -> None:
    graph = Graph().add("Reshape", np.array([3, -1])).add("Reshape", np.array([1, 3, 1, -1]))
    graph = Graph()
    graph.nodes.append(helper.make_node("Shape", ["lr"], ["shape"], start=1))
    graph.weights.append(onnx.numpy_helper.from_array(np.array([1]), "one"))
    graph.nodes.append(helper.make_node("Concat", ["one", "shape"], ["sides"], axis=0))
    graph.add("Reshape", "sides").add("Resize", "", np.array([1, 1, 2, 2], np.float32), mode="nearest")
    assert "takes a batch of 1 alone (" in refused(tmp_path, graph.model((1, 3, None, None)))


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    whole = saved(tmp_path, enlarging()).read_bytes()
    for content in (b"", b"no model at all", whole[: len(whole) // 2]):
        (tmp_path / "bad.onnx").write_bytes(content)
        assert refused(tmp_path, tmp_path / "bad.onnx").startswith("not a readable ONNX model (")
    assert refused(tmp_path, tmp_path / "gone.onnx") == "no such file"


def test_what_is_ours_already_is_left_alone(tmp_path: Path) -> None:
    ours = adopted(tmp_path, enlarging()).path
    with pytest.raises(ModelError, match="carries upres's facts already; give it as --model as it is"):
        convert(ours, tmp_path / "again.onnx")
    with pytest.raises(ModelError, match="is the model itself; give another output"):
        convert(tmp_path / "net.onnx", tmp_path / "net.onnx")


def test_what_is_asked_wrongly(tmp_path: Path) -> None:
    path = saved(tmp_path, enlarging())
    for asked, said in (
        ({"range": "0-255"}, r"range = '0-255': should be unit \(0 to 1\), byte"),
        ({"layout": "chw"}, "layout = 'chw': should be one of nchw, nhwc"),
        ({"colour": "cmyk"}, "colour = 'cmyk': should be one of rgb, bgr, luma, gray"),
        ({"scale": 99}, "scale = 99: should be from 1 to 32"),
        ({"colour": "gray"}, r"takes \?×3×\?×\?, which as nchw or nhwc is no gray picture"),
    ):
        with pytest.raises((ConfigError, ModelError), match=said):
            convert(path, tmp_path / "ours.onnx", **asked)
    with pytest.raises(ConfigError, match="holds weights, which tell their range themselves; leave it out"):
        convert(tmp_path / "net.pth", tmp_path / "ours.onnx", range="byte")


def test_the_command_says_what_it_found_and_everything_runs_the_file(tmp_path: Path, command: Command) -> None:
    saved(tmp_path, enlarging(layout="nhwc", black=0, white=255))
    code, out, err = command("convert", str(tmp_path / "net.onnx"), "--licence", "CC0-1.0")
    assert (code, err) == (0, "")
    ours = tmp_path / "net-upres.onnx"
    first, *found = out.rstrip("\n").split("\n")
    assert first.startswith(f"{ours}: net, ×2, graph producer=elsewhere layout=nhwc takes=byte gives=byte order=rgb, ")
    assert (
        "sees 1 pixels around, licence CC0-1.0" in first and "; differs from the original by at most 0.0e+00" in first
    )
    assert found[0].startswith("  takes 0 to 255, gives 0 to 255: ") and ", bicubic " in found[0]
    assert found[1].startswith("  rgb: as bgr ") and found[2].startswith("  tiles give the whole picture: at most ")
    (tmp_path / "pictures").mkdir()
    photo = tmp_path / "pictures" / "photo.png"
    write(picture(height=20, width=30), photo)
    assert command("upscale", str(photo), "--model", str(ours), "-o", str(tmp_path / "large.png"))[0] == 0
    assert read(tmp_path / "large.png").pixels.shape == (40, 60, 3)
    code, out, _ = command("models", str(ours))
    assert code == 0 and "producer elsewhere" in out and "its layers cannot be told: " in out
    table = str(tmp_path / "scores")
    arguments = ("evaluate", str(ours), "bicubic", "--data", str(tmp_path / "pictures"), "--scale", "2", "-o", table)
    code, out, err = command(*arguments)
    assert code == 0 and "net" in out
    line = command.refused(tmp_path, "upscale", str(photo), "--model", str(ours), "--backend", "torch")
    assert "PyTorch builds networks anew that upres knows, and this graph is another program's" in line


def test_the_command_names_its_option(tmp_path: Path, command: Command) -> None:
    saved(tmp_path, enlarging(scale=1))
    assert command.refused(tmp_path, "convert", str(tmp_path / "net.onnx")).endswith(" (--scale)")
    line = command.refused(tmp_path, "upscale", "photo.png", "--model", str(tmp_path / "net.onnx"))
    assert "or, where another program wrote it, give it to upres convert" in line


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("net.h5", "load_model('{path}', compile=False).export('net.onnx', format='onnx')"),
        ("net.keras", "load_model('{path}', compile=False).export('net.onnx', format='onnx')"),
        ("net.tflite", "python -m tf2onnx.convert --tflite {path} --output net.onnx"),
        ("net.pb", "python -m tf2onnx.convert --graphdef {path} --output net.onnx --inputs NAME:0"),
        ("saved/saved_model.pb", "python -m tf2onnx.convert --saved-model {folder} --output saved.onnx"),
    ],
)
def test_files_of_other_frameworks_are_told_how_to_become_onnx(
    name: str, made: str, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    write(picture(), tmp_path / "photo.png")
    expected = made.format(path=path, folder=path.parent)
    for arguments in (
        ("convert", str(path)),
        ("upscale", str(tmp_path / "photo.png"), "--model", str(path)),
        ("models", str(path)),
        ("evaluate", str(path), "--data", str(tmp_path)),
    ):
        line = command.refused(tmp_path, *arguments)
        assert expected in line and ", which upres does not run; write it as ONNX (" in line, line


def test_a_folder_of_tensorflow_and_weights_to_start_from_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    for path, made in (
        (tmp_path / "saved", f"--saved-model {tmp_path / 'saved'} --output saved.onnx"),
        (
            tmp_path / "net.h5",
            "export('net.onnx', format='onnx')",
        ),
    ):
        for ask in (open_predictor, lambda asked: weights_file(str(asked), 4)):
            with pytest.raises(ModelError) as caught:
                ask(path)
            assert made in str(caught.value) and str(caught.value).startswith(f"{path}: a ")


def test_training_does_not_start_from_anothers_graph(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its graph is another program's, which PyTorch cannot build anew; run it on"):
        TorchPredictor(adopted(tmp_path, enlarging()).path)


# What `python -m tools.keras_graphs` wrote: file → what is to be found. Of each, Keras' own pixels lie beside it.
KERAS: dict[str, dict[str, Any]] = {
    "cifar": {"scale": 2, "takes": "unit", "gives": "unit", "order": "rgb", "radius": 4, "multiple": 1},
    "faces": {"scale": 4, "takes": "unit", "gives": "unit", "order": "rgb", "radius": 23, "multiple": 4},
    "patches": {"scale": 4, "takes": "unit", "gives": "unit", "order": "rgb", "radius": 6, "multiple": 1},
    "div2k": {"scale": 4, "takes": "byte", "gives": "byte", "order": "bgr", "radius": 3, "multiple": 1},
    "srgan": {"scale": 2, "takes": "unit", "gives": "signed", "order": "rgb", "radius": 4, "multiple": 1},
}


@pytest.mark.parametrize("name", KERAS)
def test_networks_that_keras_exported(name: str, tmp_path: Path) -> None:
    written = convert(GRAPHS / f"{name}.onnx", tmp_path / "ours.onnx")
    facts, expected = written.facts, KERAS[name]
    found = {"scale": facts.scale, "radius": facts.radius, "multiple": facts.multiple}
    found |= {key: facts.arch[key] for key in ("takes", "gives", "order")}
    assert found == expected and facts.arch["layout"] == "nhwc"
    assert np.abs(ours(written, name) - by_keras(name, facts.arch)).max() <= 1e-4
    pictures = lr(3, 12, 16)
    by_openvino = OpenvinoPredictor(written.path, facts).predict(pictures)
    assert np.abs(by_openvino - open_predictor(written.path).predict(pictures)).max() <= 1e-5


def test_srcnn_of_keras_with_bicubic_before_it_and_without(tmp_path: Path) -> None:
    written = convert(GRAPHS / "srcnn.onnx", tmp_path / "ours.onnx", scale=2)
    assert (written.facts.scale, written.facts.colour, written.facts.arch["enlarged"]) == (2, "luma", "bicubic")
    assert written.facts.radius is not None and 4 <= written.facts.radius <= 6
    kept = convert(GRAPHS / "srcnn.onnx", tmp_path / "kept.onnx", scale=1)
    assert kept.facts.radius == 6
    assert np.abs(ours(kept, "srcnn") - by_keras("srcnn", kept.facts.arch)).max() <= 1e-4


def test_what_keras_made_is_quantised(tmp_path: Path) -> None:
    written = convert(GRAPHS / "cifar.onnx", tmp_path / "ours.onnx")
    (tmp_path / "photos").mkdir()
    for index in range(6):
        write(picture(height=200, width=200), tmp_path / "photos" / f"{index}.png")
    made = quantise(written.path, tmp_path / "photos", tmp_path / "int8.onnx")
    assert made.layers[0] >= 2 and open_predictor(made.path).facts.precision == "int8"


def ours(written: Converted, name: str) -> Any:
    """Return what the written file makes of the picture beside a graph, as `n c h w` in [0, 1]."""
    return open_predictor(written.path).predict(unit(name, "lr", written.facts.arch, "takes"))


def by_keras(name: str, arch: dict[str, Any]) -> Any:
    return unit(name, "sr", arch, "gives")


def unit(name: str, which: str, arch: dict[str, Any], way: str) -> Any:
    black, white = RANGES[arch[way]]
    with np.load(GRAPHS / f"{name}.npz") as kept:
        pictures = (kept[which].transpose(0, 3, 1, 2) - np.float32(black)) / np.float32(white - black)
    return np.ascontiguousarray(pictures[:, ::-1] if arch.get("order") == "bgr" else pictures, np.float32)
