"""What `make fuzz` found, each as the smallest file that shows it; the harness itself, on a few mutations."""

import dataclasses
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import numpy_helper

from benchmarks.fuzzing import samples
from benchmarks.fuzzing.child import case_of
from benchmarks.fuzzing.mutations import WAYS, parts_of
from tests.forks import ForkServer
from tests.small_pictures import RNG, failure, vips_image
from tests.small_runs import SMALL, recipe_of
from tests.tiny_models import tiny_onnx
from upres import DamagedPictureWarning
from upres.archs import ARCHS
from upres.archs.building import build_network
from upres.config.limits import MAX_PARAMETERS, MAX_TENSORS
from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, ModelError, NonFiniteError
from upres.image import Pages, Picture, read, read_header, read_pages, write, write_pages
from upres.image.metadata import ifd
from upres.models import checkpoint
from upres.models.foreign.tensors import read_tensors
from upres.predictors import open_predictor
from upres.recipes import parse_recipe
from upres.recipes.run import new_network


def bmp(size: int, bits: int, compression: int, rest: bytes = b"") -> bytes:
    head = struct.pack("<2sLHHL", b"BM", 0, 0, 0, 14 + size)
    return head + struct.pack("<LllHHLLllLL", size, 2, 2, 1, bits, compression, 0, 0, 0, 0, 0) + rest


@pytest.mark.parametrize(
    "content",
    [
        bmp(40, 16, 3),  # ends where its masks should stand
        bmp(40, 32, 3, bytes(100)),  # all masks are empty
        bmp(124, 32, 0),  # ends within its header
        bmp(40, 16, 3, struct.pack("<LLL", 0, 0x7E0, 0x1F) + bytes(100)),  # no red
    ],
)
def test_a_bmp_whose_masks_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.bmp").write_bytes(content)
    assert "the BMP header is damaged or cut short" in failure(read, tmp_path / "x.bmp")


def test_a_gif_whose_screen_is_not_what_its_frames_fill(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    write(Picture(RNG.integers(0, 256, (22, 26, 3), np.uint8)), path)
    content = bytearray(path.read_bytes())
    content[8:10] = struct.pack("<H", 53_166)
    path.write_bytes(content)
    with pytest.warns(DamagedPictureWarning, match="the GIF says 26×53166, and its frames fill 26×22, which was taken"):
        assert read(path).height == 22
    assert "the GIF says 26×53166" in failure(lambda: read(path, strict=True))
    content[6:8] = b"\0\0"
    path.write_bytes(content)
    with pytest.warns(DamagedPictureWarning, match="the GIF says 0×53166, and its frames fill 26×22, which was taken"):
        assert read(path).height == 22
    content[8:10] = b"\0\0"
    path.write_bytes(content)
    assert read(path).height == 22  # what some writers leave to the frames


def test_nan_of_any_kind_is_refused_without_a_librarys_warning(tmp_path: Path) -> None:
    numbers = np.full((4, 4, 1), 0.5, np.float32)
    numbers.view(np.uint32)[1, 1] = 0x7F800001  # a NaN that signals
    vips_image(numbers, "b-w").tiffsave(str(tmp_path / "x.tif"))
    assert "holds NaN or infinite numbers" in failure(read, tmp_path / "x.tif")


def tables(levels: int, count: int) -> bytes:
    """Return an EXIF block in which every entry of a table points at the next table."""
    size = 2 + 12 * count + 4
    tags = (0x8769, 0xA005, 0x8825)
    made = b"II*\0" + struct.pack("<L", 8)
    for level in range(levels):
        entry = struct.pack("<HHLL", tags[level % 3], 4, 1, 8 + size * (level + 1))
        made += struct.pack("<H", count) + entry * count + bytes(4)
    values = b"".join(struct.pack("<HHLL", 0x9000 + number, 7, 8, 0) for number in range(count))
    return made + struct.pack("<H", count) + values + bytes(4)


def test_tables_of_tags_that_point_at_the_same_table_again_and_again(tmp_path: Path) -> None:
    """A block of 64 KB that asked for a thousand million entries: a JPEG with it was read for ever."""
    began = time.process_time()
    ifd.parse_block(tables(2, 1500))
    picture = Picture(RNG.integers(0, 256, (8, 8, 3), np.uint8), metadata={"exif": tables(2, 1500)})
    write(picture, tmp_path / "x.tif")
    assert read(tmp_path / "x.tif").width == 8
    assert time.process_time() - began < 10


def test_values_of_tags_have_a_limit_together() -> None:
    large = struct.pack("<HHLL", 0x010E, 7, 40 << 20, 0) + struct.pack("<HHLL", 0x010F, 7, 40 << 20, 0)
    block = b"II*\0" + struct.pack("<LH", 8, 2) + large + bytes(4 + (40 << 20))
    with pytest.raises(ifd.DamagedError):
        ifd.parse_block(block)


def test_a_graph_that_is_none_is_refused_by_pytorch_too(tmp_path: Path) -> None:
    content = tiny_onnx()
    (tmp_path / "m.onnx").write_bytes(content.replace(b"Conv", b"Con\xff", 1))
    for backend in ("torch", "onnx"):
        said = failure(
            lambda backend=backend: open_predictor(tmp_path / "m.onnx", backend=backend).facts, kind=ModelError
        )
        assert "m.onnx: " in said


def test_what_onnx_runtime_says_goes_into_the_error_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(tiny_onnx().replace(b"DepthToSpace", b"DepthToSpcae"))
    code = (
        "import sys; from upres.predictors import open_predictor; from upres.errors import ModelError\n"
        "try: print(open_predictor(sys.argv[1], backend='onnx').facts)\n"
        "except ModelError as error: print('refused')"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.onnx")],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")
    assert list(home.iterdir()) == []  # it would begin to gather events for its maker


def test_a_tile_of_nan_is_named_without_numpys_words(tmp_path: Path) -> None:
    import onnx

    model = onnx.load_from_string(tiny_onnx())
    weight = next(item for item in model.graph.initializer if item.name == "second_w")
    values = numpy_helper.to_array(weight).copy()
    values[0] = np.inf
    values[1] = -np.inf
    weight.CopyFrom(numpy_helper.from_array(values, "second_w"))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    from upres.upscaling.upscaler import Upscaler

    upscaler = Upscaler(open_predictor(tmp_path / "m.onnx", backend="onnx"))
    with pytest.raises(NonFiniteError, match="NaN or infinite pixels in the tile"):
        upscaler(RNG.integers(0, 256, (16, 16, 3), np.uint8))


def test_pytorchs_advice_to_run_a_file_is_not_passed_on(tmp_path: Path) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "m.pth", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    said = failure(read_tensors, tmp_path / "m.pth", kind=ModelError)
    assert "of a kind that only running it opens" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "said"),
    [
        (
            {"name": "plainres", "width": 4_294_967_296, "blocks": 1},
            f"width = 4,294,967,296: should be at most {MAX_TENSORS:,}",
        ),
        ({"name": "espcn", "widths": [10**30, 4]}, "widths = a number of many digits: should be at most"),
        ({"name": "plainres", "width": 5_000, "blocks": 2}, f"more than {MAX_PARAMETERS:,} parameters"),
        ({"name": "compact", "width": 1, "convs": 5_000}, f"more than {MAX_TENSORS:,} tensors"),
    ],
)
def test_a_network_that_no_memory_holds(tmp_path: Path, arch: dict[str, object], said: str) -> None:
    recipe = recipe_of(tmp_path, arch=arch)
    assert said in failure(new_network, recipe, kind=ConfigError)
    facts, network = new_network(recipe_of(tmp_path))
    checkpoint.save(tmp_path / "m.safetensors", network, dataclasses.replace(facts, arch=arch))
    assert said in failure(checkpoint.load, tmp_path / "m.safetensors", kind=ModelError)


def test_building_without_numbers_first_changes_no_weight() -> None:
    part = parse_part(ARCHS, {"name": "plainres", "width": 8, "blocks": 2}, where="", key="arch")
    made = []
    for maker in (build, build_network):
        torch.manual_seed(3)
        made.append(maker(ARCHS, part, scale=2, channels=3).state_dict())
    assert all(torch.equal(one, other) for one, other in zip(made[0].values(), made[1].values(), strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("samples")
    samples.make(made)
    return made


def test_there_is_a_sample_of_every_format_that_is_read(folder: Path) -> None:
    from upres.image.codecs.installation import abilities

    kinds = {path.name.partition(".")[0] for path in folder.iterdir() if path.is_file()}
    formats = {ability.form.name.lower().replace(" ", "") for ability in abilities() if ability.reads}
    assert formats <= kinds
    assert kinds - formats - {"heif"} == {"onnx", "pth", "recipe", "safetensors"}
    for path in folder.iterdir():
        if path.is_file():
            assert b"".join(parts_of(path.read_bytes())) == path.read_bytes(), path.name


def test_a_mutation_is_a_function_of_seed_and_number(folder: Path) -> None:
    assert case_of(folder, 1, 7) == case_of(folder, 1, 7) != case_of(folder, 1, 8)
    content = (folder / "png.rgb.png").read_bytes()
    for name, way in WAYS.items():
        changed = [way(content, content, np.random.default_rng(seed)) for seed in range(20)]
        assert any(each != content for each in changed), name


@pytest.mark.slow
def test_a_few_mutations_come_to_nothing_but_lines(folder: Path, tmp_path: Path, forks: ForkServer) -> None:
    code = "from benchmarks.fuzzing.child import main; main()"
    done = forks.run(str(folder), str(tmp_path), "5", "0", "40", code=code)
    assert done.returncode == 0, done.err
    told = [json.loads(line) for line in done.out.splitlines()]
    results = [each for each in told if "finding" in each]
    assert len(results) == 40
    assert [each for each in results if each["finding"]] == []
    assert {each["outcome"] for each in results} >= {"done", "refused"}


def half_zeros(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))


@pytest.mark.parametrize("options", [{}, {"interlace": True}, {"restart_interval": 4}, {"optimize_coding": True}])
def test_a_jpeg_of_which_the_rest_is_zeros(tmp_path: Path, options: dict[str, object]) -> None:
    """They decode to some picture, and libjpeg is content."""
    path = tmp_path / "x.jpg"
    made = vips_image(RNG.integers(0, 256, (100, 120, 3), np.uint8))
    made.jpegsave(str(path), **options)
    path.write_bytes(path.read_bytes() + b"a phone's own data behind the picture" * 4000)
    assert read(path).width == 120
    made.jpegsave(str(path), **options)
    half_zeros(path)
    assert "the JPEG data is damaged or cut short (no end mark)" in failure(read, path)


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_of_which_the_rest_is_zeros(tmp_path: Path, lossless: bool) -> None:
    path = tmp_path / "x.webp"
    write(Picture(np.full((600, 900, 3), 255, np.uint8)), path, lossless=lossless)
    read(path)  # a flat one is none
    write(Picture(RNG.integers(0, 256, (100, 120, 3), np.uint8)), path, lossless=lossless)
    half_zeros(path)
    with pytest.warns(DamagedPictureWarning, match="the WebP data ends in zeros"):
        read(path)
    assert "the WebP data ends in zeros" in failure(lambda: read(path, strict=True))


def test_a_side_that_libvips_does_not_have(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """GLib complained on the terminal, the side became 1, and libvips went on."""
    write(Picture(RNG.integers(0, 256, (22, 26, 3), np.uint8)), tmp_path / "x.avif")
    content = bytearray((tmp_path / "x.avif").read_bytes())
    at = content.index(b"ispe") + 8
    assert struct.unpack(">LL", content[at : at + 8]) == (26, 22)
    content[at : at + 8] = struct.pack(">LL", 26, 2_130_706_560)
    (tmp_path / "x.avif").write_bytes(content)
    assert "the AVIF data is damaged or cut short (" in failure(read_header, tmp_path / "x.avif")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [b"fcTL", b"fdAT"])
def test_a_frame_of_a_png_whose_checksum_is_wrong(tmp_path: Path, kind: bytes) -> None:
    samples_of = [Picture(samples.pixels(seed=number)) for number in range(2)]
    write_pages(Pages(samples_of, 2, (40.0, 40.0)), tmp_path / "x.png")
    content = bytearray((tmp_path / "x.png").read_bytes())
    content[content.rindex(kind) + 30] ^= 1
    (tmp_path / "x.png").write_bytes(content)
    assert "the PNG data is damaged" in failure(lambda: list(read_pages(tmp_path / "x.png")))


def test_all_pages_of_a_file_warn_too(tmp_path: Path) -> None:
    write(Picture(RNG.integers(0, 256, (100, 120, 3), np.uint8)), tmp_path / "x.webp")
    half_zeros(tmp_path / "x.webp")
    pages = read_pages(tmp_path / "x.webp")
    with pytest.warns(DamagedPictureWarning, match="the WebP data ends in zeros"):
        assert len(list(pages)) == 1


def test_openvino_reads_a_file_as_onnx_and_as_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the graph was missing it tried TensorFlow's reader, which wrote to the terminal."""
    import onnx

    model = onnx.load_from_string(tiny_onnx())
    model.ClearField("graph")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    said = failure(open_predictor, tmp_path / "m.onnx", backend="openvino", kind=ModelError)
    assert "not a model that OpenVINO reads" in said
    assert capfd.readouterr() == ("", "")


_WARNS_WHILE_COLLECTING = """
import gc, logging, sys
from upres.image.codecs import vips
pyvips = vips.pyvips()

class Collects(logging.Handler):
    def emit(self, record):
        gc.collect()

logging.getLogger("pyvips").addHandler(Collects())
gc.disable()
for _ in range(3):
    image = pyvips.Image.jpegload(sys.argv[1], revalidate=True)
    image.numpy()
    circle = [image]
    circle.append(circle)
    del circle, image
try:
    pyvips.Image.gaussnoise(300, 300).cast("uchar").pngsave("/dev/full")  # warns in a thread of libvips
except pyvips.Error:
    print("alive")
"""


def test_libvips_warning_while_garbage_is_collected_does_not_end_the_process(tmp_path: Path) -> None:
    """A warning within a warning is the end to GLib: two of 11,000 damaged files ended with SIGABRT."""
    vips_image(RNG.integers(0, 256, (64, 64, 3), np.uint8)).jpegsave(str(tmp_path / "x.jpg"))
    content = bytearray((tmp_path / "x.jpg").read_bytes())
    scan = content.index(b"\xff\xda")
    content[scan + 1 + int.from_bytes(content[scan + 2 : scan + 4], "big") - 1] = 62  # of spectral selection
    (tmp_path / "x.jpg").write_bytes(content)
    command = [sys.executable, "-c", _WARNS_WHILE_COLLECTING, str(tmp_path / "x.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
    # Where somebody imported pyvips before, and hears its warnings in Python.
    command[2] = f"import pyvips{_WARNS_WHILE_COLLECTING}"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_a_weight_beyond_all_floats_is_no_number() -> None:
    with pytest.raises(ConfigError, match=r"losses\.0\.weight = 1000000.*: should be a number"):
        parse_recipe({**SMALL, "losses": [{"name": "l1", "weight": 10**400}]}, where="mine.yaml")


def test_more_steps_than_any_training_has() -> None:
    """What no memory counts was told as a bug."""
    train = {**SMALL["train"], "steps_per_epoch": 10**300}
    with pytest.raises(ConfigError, match=r"steps_per_epoch = 10{39}: should be at most 1,000,000,000"):
        parse_recipe({**SMALL, "train": train}, where="mine.yaml")


def test_a_frame_larger_than_the_animation_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A frame of 33,554,442 × 12 within 26 × 22: it was decoded, which took 3.5 GB, and then refused."""
    frames = [Picture(samples.pixels(seed=number)) for number in range(2)]
    write_pages(Pages(frames, 2, (40.0, 40.0)), tmp_path / "x.png")
    content = bytearray((tmp_path / "x.png").read_bytes())
    at = content.rindex(b"fcTL")
    content[at + 8 : at + 12] = struct.pack(">L", 60_000)
    content[at + 30 : at + 34] = struct.pack(">L", zlib.crc32(content[at : at + 30]))
    (tmp_path / "x.png").write_bytes(content)
    assert "a frame reaches beyond the picture" in failure(lambda: list(read_pages(tmp_path / "x.png")))


def test_a_layer_without_weights() -> None:
    """PyTorch warned of it on the terminal."""
    part = parse_part(ARCHS, {"name": "espcn", "widths": [64, 0]}, where="", key="arch")
    with pytest.raises(ConfigError, match=r"arch espcn cannot be built .*\(a layer would have no weights\)"):
        build_network(ARCHS, part, scale=2, channels=3)
