"""Whatever a page shows runs: here, or in a test of its own, or it says why not. Trainings are cut to a few steps."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import upres.data
import upres.recipes
from tests import page_folders as folders
from tests.commands import Command
from tests.foreign_options import BASICSR
from tests.published_networks import rrdb_weights
from upres.predictors import RUNTIMES
from upres.recipes import parse_recipe

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
KINDS = ("sh", "python", "yaml")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return a page's blocks that somebody may run or save: (`sh`, `python` or `yaml`, text)."""
    path = ROOT / page if page == "README.md" else DOCS / page
    found = re.findall(r"^ *```(\w+)\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [(kind, text) for kind, text in found if kind in KINDS]


# Pages whose every block is run by a test of their own.
ELSEWHERE = {
    **dict.fromkeys(("start.md", "tiles.md", "faq.md", "errors.md"), "test_how_to_pages.py"),
    **{f"how-to/{name}.md": "test_how_to_pages.py" for name in ("folder", "scan", "line-art", "shop", "device")},
    "how-to/embedding.md": "test_embedding_page.py",
    "command.md": "test_command_page.py",
    "extending.md": "test_extending.py",
    "finetuning.md": "test_finetuning_page.py",
    "python.md": "test_python_page.py",
    "scale.md": "test_many_pictures_page.py",
    "serving.md": "test_serving_page.py",
    "video.md": "test_video_page.py",
}

# A line that a test cannot run as it stands, by how it begins, and what runs instead. (make and pip are told below.)
NOT_HERE = {
    "upres data get": "it fetches; test_data_get.py fetches from a server on this machine",
    'upres explore "hf://': "it fetches; test_data_hf.py opens saved data sets",
    'upres evaluate base bicubic --data "hf://': "it fetches; test_data_hf.py",
    'datasets.load_dataset("eurecom-ds': "it fetches; test_data_hf.py",
    "upres train base-x4 --data photos --devices": "processes of their own: test_processes.py and test_elastic.py",
    'upres evaluate base bicubic --data Set5 --scale 4 --metric "lpips': "it fetches; test_perceptual.py",
    "upres serve ": "test_serve.py",
    'python -c "import keras;': "Keras is not upres's; test_adopt.py holds it to the line that upres prints",
    "python -m tf2onnx": "TensorFlow is not upres's; test_adopt.py holds it to the line that upres prints",
    "upres train base-x4 --data photos --device cuda": "there need be no such device; test_train_machine.py",
    "upres train base-x4 --data photos --set train.precision=bf16": "it compiles; test_train_machine.py",
}

Prepare = Callable[[pytest.MonkeyPatch], None]


def nothing(_: pytest.MonkeyPatch) -> None:
    """The page needs no file."""


def readme(_: pytest.MonkeyPatch) -> None:
    folders.photo("photo.jpg")
    folders.photo("scans/a.png")
    folders.photo("scan.tif")
    torch.save({"params": dict(rrdb_weights("new", 2))}, "RealESRGAN_x4.pth")
    folders.own_photos()
    folders.photo("pictures/a.png", 64, 72)
    Path("mine.yaml").write_text(next(text for kind, text in blocks("README.md") if kind == "yaml"), encoding="utf-8")
    folders.run_of("mine", "base-x4.safetensors")


def models(_: pytest.MonkeyPatch) -> None:
    folders.photo("photo.jpg")
    folders.photos()
    folders.benchmark_set("screens")
    torch.save({"params": dict(rrdb_weights("new", 2))}, "RealESRGAN_x4plus.pth")
    shutil.copyfile(ROOT / "tests" / "graphs" / "faces.onnx", "net.onnx")
    shutil.copyfile(ROOT / "tests" / "graphs" / "srcnn.onnx", "srcnn.onnx")


def comparing(_: pytest.MonkeyPatch) -> None:
    for number, (small, large) in enumerate(
        (("photo.jpg", "photo-large.png"), ("small/a.png", "large/a.png"), ("small/b.png", "large/b.png"))
    ):
        folders.photo(large, 96, 112, number)
        folders.reduced(large, small)
        shutil.copyfile(large, folders.place(f"from-elsewhere/{Path(large).name}"))
    folders.photo("more.png")
    torch.save({"params": dict(rrdb_weights("new", 2))}, "theirs.pth")
    votes = (DOCS / "runs" / "votes" / "base-over-compact.json").read_text(encoding="utf-8")
    Path("ann.json").write_text(votes, encoding="utf-8")
    Path("bob.json").write_text(votes.replace('"cleaner', '"still cleaner'), encoding="utf-8")


def data(_: pytest.MonkeyPatch) -> None:
    folders.photos()
    folders.div2k()
    folders.celeba("celeba")
    folders.benchmark_set("data/Set5")
    folders.benchmark_set("DATA")
    for number in range(102):
        folders.photo(f"faces/{number:03}.png", 140, 150, number)


def evaluation(_: pytest.MonkeyPatch) -> None:
    for name in ("Set5", "B100"):
        folders.benchmark_set(name)
    folders.cifar()
    folders.celeba()
    folders.run_of("cifar10-x2", "cifar10-x2.safetensors")
    folders.run_of("faces-x4", "patches-x4.safetensors")


def training(monkeypatch: pytest.MonkeyPatch) -> None:
    folders.photos()
    folders.own_photos()
    folders.cifar()
    folders.features(monkeypatch)
    Path("mine.yaml").write_text(next(text for kind, text in blocks("training.md") if kind == "yaml"), encoding="utf-8")
    Path("train.yml").write_text(BASICSR, encoding="utf-8")


def gan(monkeypatch: pytest.MonkeyPatch) -> None:
    folders.photos()
    folders.features(monkeypatch)
    shutil.copytree(folders.CHECKPOINTS, "checkpoints")


def faces(_: pytest.MonkeyPatch) -> None:
    folders.celeba()
    folders.photo("portrait.jpg")


def patches(monkeypatch: pytest.MonkeyPatch) -> None:
    folders.photos()
    folders.features(monkeypatch)
    folders.photo("held-out/a.png", 140, 150)


def portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    folders.features(monkeypatch)
    folders.photo("portrait.jpg")
    folders.hub(monkeypatch)


def div2k(_: pytest.MonkeyPatch) -> None:
    folders.div2k()
    folders.photo("photo.jpg")


PAGES: dict[str, Prepare] = {
    "README.md": readme,
    "benchmarks.md": nothing,
    "comparing.md": comparing,
    "comparison.md": nothing,
    "data.md": data,
    "degradations.md": nothing,
    "evaluation.md": evaluation,
    "index.md": lambda _: folders.photo("photo.jpg"),
    "models.md": models,
    "reliability.md": nothing,
    "training.md": training,
    "systems/cifar10.md": lambda _: folders.cifar(),
    "systems/div2k.md": div2k,
    "systems/faces.md": faces,
    "systems/gan.md": gan,
    "systems/patches.md": patches,
    "systems/portraits.md": portraits,
}
# What a page's examples call by name and leave to the reader.
NAMES: dict[str, dict[str, object]] = {
    "README.md": {"paths": ["photo.jpg"]},
    "data.md": {"upres": upres, "Mine": upres.data.SOURCES["folder"]},
    "models.md": {"MINE": next(iter(RUNTIMES.values()))},
}


def test_every_page_with_something_to_run_is_run() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} | {"README.md"}
    assert {page for page in pages if blocks(page)} == {*ELSEWHERE, *PAGES}
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / "tests" / test).read_text(encoding="utf-8"), f"{test} says nothing of {page}"
    shown = [line for page in PAGES for _, text in blocks(page) for line in text.splitlines()]
    for start in NOT_HERE:
        assert any(line.startswith(start) for line in shown), f"no page shows: {start}"


_LEAST = ("train.epochs=1", "train.steps_per_epoch=2", "train.batch=2", "data.validation.0.take=2")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training of a recipe ends after two steps; those of the deepest networks have two blocks."""
    read = upres.recipes.read_recipe

    def cut(source: Any, *, settings: Sequence[str] = (), **rest: Any) -> Any:
        deep = ["arch.blocks=2"] if re.search("rrdb|srresnet|srgan|esrgan", str(source)) else []
        return read(source, settings=[*settings, *_LEAST, *deep], **rest)

    monkeypatch.setattr(upres.recipes, "read_recipe", cut)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("page", PAGES)
def test_it_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    PAGES[page](monkeypatch)
    folders.drawn(monkeypatch)
    names: dict[str, object] = {"__name__": "__main__", **NAMES.get(page, {})}
    for kind, text in blocks(page):
        if kind == "yaml":
            parsed(text)
        elif kind == "python" and not text.startswith(tuple(NOT_HERE)):
            exec(compile(text, page, "exec"), names)
        for line in text.replace("\\\n", "").splitlines() if kind == "sh" else []:
            if line.strip() and not line.startswith(("#", "make ", "pip ", "git ", "cd ", *NOT_HERE)):
                run(line, command, monkeypatch)


def run(line: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line in this process; of our own programs, which measure for minutes, only that they take such words."""
    words = shlex.split(line, comments=True)
    if words[0] == "python":
        takes(words[2], words[3:], monkeypatch)
        return
    assert words[0] == "upres", line
    end = words.index(">") if ">" in words else len(words)
    code, _, err = command(*words[1:end])
    if held := re.match(r"upres: (.*): holds a run already", err):  # the page shows another way to do the same
        shutil.rmtree(held[1])
        code, _, err = command(*words[1:end])
    assert code == 0, f"{line}\n{err}"


class UnderstoodError(Exception):
    """The words were understood."""


def takes(module: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parsed_only(self: argparse.ArgumentParser, *arguments: Any) -> Any:
        parse(self, *arguments)
        raise UnderstoodError

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", parsed_only)
        patched.setattr(sys, "argv", [module, *words])
        with pytest.raises(UnderstoodError):
            importlib.import_module(module).main()


SOURCES = {"train": [{"name": "folder", "path": "a"}], "validation": [{"name": "folder", "path": "b"}]}
BASE = {"name": "shown", "scale": 4, "arch": {"name": "plainres"}, "data": SOURCES, "train": {"epochs": 1}}


def parsed(text: str) -> None:
    """Read a part of a recipe as the recipe's reader does."""
    whole = re.search("^name:", text, re.MULTILINE)
    for part in [text] if whole else re.split(r"^(?=degradation:)", text, flags=re.MULTILINE):
        values = yaml.safe_load(part)
        if isinstance(values, list):
            values = {"data": {"train": values, "validation": values}}
        for key, value in (values or {}).items():
            shown = {**SOURCES, **value} if key == "data" else value
            parse_recipe(values if whole else {**BASE, key: shown}, where=f"shown {key}")
