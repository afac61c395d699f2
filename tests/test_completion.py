"""What Tab offers, in the shells themselves; and that the scripts say what the commands take."""

import os
import pty
import select
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.commands import Command, loaded_by
from upres.cli import words
from upres.cli.main import COMMANDS, command_line
from upres.cli.shells import SHELLS
from upres.data.sources.published import PUBLISHED
from upres.image.background import _NAMED
from upres.image.codecs.table import FORMATS
from upres.models.shipped import BICUBIC, shipped
from upres.predictors.executions import GPU, executions
from upres.predictors.table import RUNTIMES

GROUP: Any = typer.main.get_command(command_line())


def needs(shell: str) -> str:
    """Return where a shell is, or skip."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files whose names ask for quotes, and the three scripts beside it."""
    for name, script in SHELLS.items():
        (tmp_path / f"upres.{name}").write_text(script(words.verbs(GROUP)), encoding="utf-8")
    inside = tmp_path / "here"
    inside.mkdir()
    for name in ("evening.png", "my photo.jpg", "own.yaml"):
        (inside / name).touch()
    return inside


# What was typed, and what is offered: all of it, or some of it with …
OFFERED = {
    "upres e": "evaluate explore export evening.png",
    "upres --hei": "--height",
    "upres evening.png --model b": "base best bicubic",
    "upres evening.png --form": "--format",
    "upres upscale evening.png --format j": "jpg jxl",
    "upres evening.png --scale ": "",
    "upres --precision f": "fp32 fp16",
    "upres train o": "own.yaml",
    "upres train faces-": "faces-x4 faces-unet-x4",
    "upres evaluate base --space ": "luma rgb gray",
    "upres evaluate ba": "base",
    "upres compare x.png --models fast,be": "fast,best",
    "upres serve --log j": "json",
    "upres completion ": "bash zsh fish",
    "upres help tr": "train",
    "upres data ": "list get draw",
    "upres data get Set": "Set5 Set14",
    "upres formats -": "--json -h --help --debug",
}


def test_bash_offers_what_fits_and_starts_no_program(folder: Path) -> None:
    lines = ["source ../upres.bash", "offered() { COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)); _upres; "
             "printf '%s\\t' \"${COMPREPLY[@]}\"; echo; }"]  # fmt: skip
    asked = {typed: [*shlex.split(typed), *([""] if typed.endswith(" ") else [])] for typed in OFFERED}
    asked["upres evening.png --model="] = ["upres", "evening.png", "--model", "="]  # as bash cuts it
    asked["upres evening.png --model=be"] = ["upres", "evening.png", "--model", "=", "be"]
    expected = OFFERED | {
        "upres evening.png --model=": "base best fast bicubic evening.png my\xa0photo.jpg own.yaml",
        "upres evening.png --model=be": "best",
    }
    lines += ["offered " + " ".join(map(shlex.quote, words)) for words in asked.values()]
    done = subprocess.run(
        [needs("bash"), "--norc", "-c", "\n".join(lines)],
        cwd=folder,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found = [line.split("\t")[:-1] for line in done.stdout.splitlines()]
    for (typed, wanted), offered in zip(((typed, expected[typed]) for typed in asked), found, strict=True):
        names = [name.replace("\xa0", " ") for name in wanted.split(" ") if name]
        assert sorted(name for name in offered if name) == sorted(names), typed


def test_fish_offers_what_fits(folder: Path) -> None:
    asked = "; ".join(f"complete -C {shlex.quote(typed)}; echo '<end>'" for typed in OFFERED)
    done = subprocess.run(
        [needs("fish"), "--no-config", "-c", f"source ../upres.fish; {asked}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    for (typed, wanted), answer in zip(OFFERED.items(), done.stdout.split("<end>\n")[:-1], strict=True):
        offered = {line.split("\t")[0] for line in answer.split("\n") if line}
        assert offered == set(wanted.split()), typed


def typed_into(call: list[str], folder: Path, lines: list[str]) -> str:
    """Type lines into a shell that has a terminal, and return all that it shows until it ends."""
    master, slave = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "PS1": "$ ", "LC_ALL": "C.UTF-8"}
    shell = subprocess.Popen(
        call, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True
    )
    os.close(slave)
    shown = b""
    for line in lines:
        os.write(master, line.encode())
        while select.select([master], [], [], 60)[0]:  # each line's answer ends with what it was told to print
            try:
                shown += os.read(master, 4096)
            except OSError:  # Linux says so that the other side is closed
                break
            if f"<{line.split()[-1]}>".encode() in shown.replace(b"\r\n", b""):
                break
    os.write(master, b"exit\n")
    shell.wait(60)
    os.close(master)
    return shown.decode()


@pytest.mark.parametrize(
    ("shell", "start"),
    [
        ("bash", ["--norc", "--noprofile", "-i"]),
        ("zsh", ["-f", "-i"]),
    ],
)
def test_tab_in_a_terminal(folder: Path, shell: str, start: list[str]) -> None:
    # zsh takes tabs that come in a row with other letters for pasted ones, unless it is told otherwise.
    zsh = "autoload -Uz compinit && compinit -D -u; zstyle ':completion:*' insert-tab false; "
    loading = zsh if shell == "zsh" else ""
    # A function takes the command's place and says what it was given, and each line names what its answer ends with.
    said = "upres() { printf '[%s]' \"$@\"; }"
    shown = typed_into(
        [needs(shell), *start],
        folder,
        [
            f"{loading}{said}; source ../upres.{shell}; echo '<'ready'>' # ready\n",
            "upres eval\tba\t--spac\trg\t; echo '<'one'>' # one\n",
            "upres my\t--mod\tbes\t; echo '<'two'>' # two\n",
            "upres trai\tfaces-u\t; echo '<'three'>' # three\n",
            "upres comp\t\t; upres comple\tfi\t; echo '<'four'>' # four\n",
            "upres compare x --models fast,be\t ; echo '<'five'>' # five\n",
        ],
    )
    given = shown.replace("=", "][")  # zsh writes --space=rgb
    assert "[evaluate][base][--space][rgb]" in given, shown
    assert "[my photo.jpg][--model][best]" in given, shown
    assert "[train][faces-unet-x4]" in given and "[completion][fish]" in given, shown
    assert "[compare][x][--models][fast,best]" in given, shown


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script_and_imports_no_library_of_numbers(command: Command, shell: str) -> None:
    code, out, err = command("completion", shell)
    assert (code, err) == (0, "") and out == SHELLS[shell](words.verbs(GROUP))
    named = {verb: {name for option in found.options for name in option.names} for verb, found in every_verb().items()}
    assert set(named) == set(COMMANDS)
    for name in {name for names in named.values() for name in names}:
        typed = f" {'-l' if name.startswith('--') else '-s'} {name.lstrip('-')}" if shell == "fish" else name
        assert typed in out


def every_verb() -> dict[str, words.Verb]:
    return {verb.name: verb for verb in words.verbs(GROUP)}


def test_printing_a_script_is_quick() -> None:
    loaded = loaded_by("from upres.cli.main import main; main(['completion', 'bash'])")
    assert "upres" in loaded
    assert not loaded & {"numpy", "torch", "pyvips", "onnxruntime", "openvino", "yaml", "rich"}


def test_names_are_those_of_the_tables(command: Command) -> None:
    from upres.recipes import shipped_recipes

    assert set(words.FORMATS) == {form.suffixes[0].removeprefix(".") for form in FORMATS.values() if form.written}
    assert tuple(RUNTIMES) == words.BACKENDS
    assert set(words.DEVICES) == {GPU, *(each.device for each in executions())}
    assert set(words.PRECISIONS) == {each.precision for each in executions()}
    assert set(words.COLOURS) == set(_NAMED)
    assert tuple(PUBLISHED) == words.SETS
    assert words.recipe_names() == tuple(sorted(shipped_recipes()))
    assert set(words.model_names()) == {BICUBIC, *(model.name for model in shipped())}
    assert f"should be {', '.join(words.LOGS[:-1])} or {words.LOGS[-1]}" in command("serve", "--log", "x")[2]
