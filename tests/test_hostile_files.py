"""Recipes and models that somebody made to do harm: each is answered in one line with exit code 2, and nothing more."""

import json
import pickle
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from tests.tiny_models import tiny_onnx
from tools.digests import digests
from upres.cli.main import main
from upres.errors import ConfigError, ModelError
from upres.image import Picture, write
from upres.models import shipped
from upres.models.facts import METADATA_KEY
from upres.predictors import open_predictor
from upres.recipes import read_recipe

HUGE = "1" + "0" * 400
LONGER = "1" + "0" * 5000  # more digits than Python reads

FACTS: dict[str, Any] = {"name": "m", "scale": 2, "radius": 3}


class Runs:
    """What would leave a file behind if it were ever unpickled by a program that runs what it is told."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def facts(**changes: str) -> str:
    """Return the facts as JSON, with some values as JSON text."""
    values = {**{name: json.dumps(value) for name, value in FACTS.items()}, **changes}
    return "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"


def with_facts(text: str) -> bytes:
    model = onnx.load_from_string(tiny_onnx())
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    return bytes(model.SerializeToString())


HOSTILE_FACTS = {
    **{f"scale {value[:6]}": facts(scale=value) for value in ("0", "-2", HUGE, LONGER, "1e999", "NaN", "2.5", '"x"')},
    **{f"multiple {value[:6]}": facts(multiple=value) for value in ("0", "-1", HUGE, "[]", "null", "2000000")},
    **{f"radius {value[:6]}": facts(radius=value) for value in ("-1", HUGE, "1e999", '"far"', "99999999")},
    **{f"memory {value[:6]}": facts(memory=value) for value in ("-1", HUGE, "{}")},
    **{f"parameters {value[:6]}": facts(parameters=value) for value in ("-5", HUGE)},
    "colour": facts(colour='"infrared"'),
    "name": facts(name="[1]"),
    "precision": facts(precision='"fp1"'),
    "scores": facts(scores='{"Set5": "high"}'),
    "an unknown key": facts(command='"rm"'),
    "nested lists": "[" * 100_000,
    "nested facts": facts(arch='{"a":' * 50_000 + "1" + "}" * 50_000),
    "a list": "[]",
    "null": "null",
    "nothing": "",
    "no JSON": "{scale: 2}",
}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(Picture(np.zeros((8, 8, 3), np.uint8)), "photo.png")
    return tmp_path


Answer = Callable[..., str]


@pytest.fixture
def answer(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Call the command, hold it to one line and exit code 2, and return the line."""

    def called(*arguments: str) -> str:
        before = sorted(work.rglob("*"))
        monkeypatch.setattr("sys.argv", ["upres", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err
        assert left.value.code == 2, said
        assert said.count("\n") == 1
        assert len(said) < 2000
        for never in ("a bug in upres", "weights_only", "Traceback"):
            assert never not in said
        assert sorted(work.rglob("*")) == before  # nothing was run, written or begun
        return said

    return called


@pytest.mark.parametrize("case", HOSTILE_FACTS)
def test_an_onnx_model_with_such_facts(answer: Answer, case: str) -> None:
    Path("m.onnx").write_bytes(with_facts(HOSTILE_FACTS[case]))
    assert "m.onnx: its upres facts cannot be read (" in answer("photo.png", "--model", "m.onnx")


@pytest.mark.parametrize("case", ["scale 0", "scale 100000", "multiple 0", "radius -1", "nested facts", "nested lists"])
def test_a_checkpoint_with_such_facts(answer: Answer, case: str) -> None:
    told = HOSTILE_FACTS.get(case, facts(scale="100000"))
    save_file({"w": np.zeros(3, np.float32)}, "m.safetensors", metadata={METADATA_KEY: told})
    assert "m.safetensors: " in answer("photo.png", "--model", "m.safetensors")


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Runs()))
        archive.writestr("archive/version", "3\n")


HOSTILE_WEIGHTS: dict[str, Callable[[Path], object]] = {
    "runs code": lambda path: torch.save({"w": Runs()}, path),
    "runs code, old kind": lambda path: torch.save({"w": Runs()}, path, _use_new_zipfile_serialization=False),
    "a bare pickle": lambda path: path.write_bytes(pickle.dumps(Runs())),
    "a zip": zipped,
    "words": lambda path: path.write_text("these are words"),
    "empty": lambda path: path.touch(),
    "a list": lambda path: torch.save([1, 2], path),
    "a number": lambda path: torch.save(3, path),
    "no tensors": lambda path: torch.save({"state_dict": {}}, path),
    "odd tensors": lambda path: torch.save({"a.weight": torch.zeros(0), "": torch.zeros(3)}, path),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
@pytest.mark.parametrize("suffix", [".pth", ".ckpt"])
def test_weights_of_others(answer: Answer, case: str, suffix: str) -> None:
    path = Path(f"m{suffix}")
    HOSTILE_WEIGHTS[case](path)
    assert f"m{suffix}: " in answer("photo.png", "--model", str(path))


RECIPE = {
    "name": "r",
    "scale": 2,
    "arch": "srcnn",
    "data": {"train": [{"name": "folder", "path": "hr"}], "validation": [{"name": "folder", "path": "hr"}]},
    "train": {"epochs": 1, "steps_per_epoch": 1},
}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def recipe(**changes: Any) -> str:
    return yaml.safe_dump({**RECIPE, **changes})


HOSTILE_RECIPES = {
    **{
        f"name {name!r}": recipe(name=name)
        for name in (
            "../x",
            "/tmp/x",
            "..",
            ".",
            "",
            "a/b",
            "a\\b",
            "x\n",
            "x\x1b[2J",
            "n" * 300,
            ".hidden",
            "x.",
            "-rf",
        )
    },
    **{f"seed {str(seed)[:6]}": recipe(seed=seed) for seed in (2**64, -1, 10**400, 1.5, "x")},
    **{f"scale {str(scale)[:6]}": recipe(scale=scale) for scale in (0, -2, 10**400, 1000, "x", None)},
    "more digits than Python reads": recipe() + f"seed: {LONGER}\n",
    "a bomb of anchors": recipe() + BOMB,
    "a bomb in the architecture": BOMB + recipe(arch={"name": "srcnn"}).replace("arch:", "arch: *i\nother:"),
    "it holds itself": recipe() + "a: &a [*a]\n",
    "nested": recipe() + "a: " + "[" * 50_000,
    "long": recipe() + "# " + "x" * 1_000_001,
    "an object": recipe() + "a: !!python/object/apply:os.system [touch ran]\n",
    "no such day": recipe() + "a: 2001-99-99\n",
    "no text": "\x00\x01",
    "an unhashable key": "? [1]\n: 2\n",
    "two documents": recipe() + "---\n" + recipe(),
}


@pytest.mark.parametrize("case", HOSTILE_RECIPES)
def test_a_recipe(answer: Answer, case: str) -> None:
    Path("r.yaml").write_text(HOSTILE_RECIPES[case])
    assert "r.yaml: " in answer("train", "r.yaml")


def test_a_recipe_that_is_no_text(answer: Answer) -> None:
    Path("r.yaml").write_bytes(b"\xff\xfe\xfa")
    assert "r.yaml: not valid YAML" in answer("train", "r.yaml")


def test_there_are_as_many_as_were_asked_for() -> None:
    assert len(HOSTILE_FACTS) + 6 + 2 * len(HOSTILE_WEIGHTS) + len(HOSTILE_RECIPES) + 1 >= 54


def test_a_bomb_of_anchors_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(HOSTILE_RECIPES["a bomb of anchors"])
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match="repetitions counted"):
            read_recipe(str(tmp_path / "r.yaml"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000  # it was 2.5 GB


@pytest.mark.parametrize("case", ["runs code", "words", "empty", "a list", "no tensors"])
def test_a_poisoned_last_ckpt(answer: Answer, case: str, work: Path) -> None:
    generator = np.random.default_rng(0)
    Path("hr").mkdir()
    for index in range(2):
        write(Picture(generator.integers(0, 255, (80, 80, 3), np.uint8)), f"hr/{index}.png")
    Path("r.yaml").write_text(recipe())
    run = Path("runs/r")
    run.mkdir(parents=True)
    HOSTILE_WEIGHTS[case](run / "last.ckpt")
    shutil.copy("r.yaml", run / "recipe.yaml")
    said = answer("train", "r.yaml", "--resume")
    assert "runs/r/last.ckpt: " in said
    assert not Path("ran").exists()


def test_every_shipped_model_has_its_digest() -> None:
    assert (shipped.PACKAGE / shipped.DIGESTS).read_text() == digests(shipped.PACKAGE), "run python -m tools.digests"


def test_no_byte_of_a_shipped_model_can_change(tmp_path: Path) -> None:
    original = (shipped.PACKAGE / "fast-x2.onnx").read_bytes()
    shutil.copy(shipped.PACKAGE / shipped.DIGESTS, tmp_path)
    path = tmp_path / "fast-x2.onnx"
    path.write_bytes(original)
    shipped.check_whole(path, tmp_path)
    generator = np.random.default_rng(0)
    for at in generator.integers(0, len(original), 80):
        changed = bytearray(original)
        changed[at] ^= 1 << int(generator.integers(8))
        path.write_bytes(bytes(changed))
        with pytest.raises(ModelError, match="its bytes have changed; install upres again"):
            shipped.check_whole(path, tmp_path)


def test_opening_looks_at_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr("upres.predictors.opening.check_whole", looked.append)
    open_predictor("fast", 2, backend="onnx")
    assert looked == [shipped.PACKAGE / "fast-x2.onnx"]
