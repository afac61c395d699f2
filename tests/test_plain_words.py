"""Plain words of the command line: what upres reads by itself is what Typer makes of it."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.small_pictures import picture
from upres.cli.main import COMMANDS, command_line
from upres.cli.plain import read_plainly
from upres.image import write

VALUES = (
    None,
    "",
    "a",
    "-1",
    "0",
    "12",
    " 12",
    "1_0",
    "+3",
    "1e3",
    "2.5",
    ".5",
    "nan",
    "true",
    "off",
    "é/ü.png",
    "auto",
)
OTHERS = (True, False, 7, 2.0, Path("x"), ("a", "b"), ["3", "4"], (), "9" * 30)


def params() -> list[Any]:
    command: Any = typer.main.get_command(command_line())
    return [param for verb in command.commands.values() for param in verb.params]


def outcome(call: Any, value: object) -> tuple[str, object]:
    try:
        found = call(None, value)
    except Exception as error:
        return type(error).__name__, getattr(error, "message", str(error))
    return "", repr([type(each) for each in found] + found if isinstance(found, list) else (type(found), found))


@pytest.mark.slow
def test_plain_words_are_read_as_typer_reads_them(tmp_path: Path) -> None:
    plain = 0
    for ours, theirs in zip(params(), params(), strict=True):
        if theirs.callback is not None:
            continue
        before = ours.process_value
        read_plainly(ours)
        plain += ours.process_value != before
        annotation = theirs.type_descriptor.annotation
        names = (
            [each.value for each in annotation] if isinstance(annotation, type) and issubclass(annotation, Enum) else []
        )
        for value in (*VALUES, *OTHERS, *names, str(tmp_path), tmp_path):
            assert outcome(ours.process_value, value) == outcome(theirs.process_value, value), (ours.name, value)
    assert plain > 150
    assert set(COMMANDS) > {"upscale", "train"}


def test_a_picture_is_enlarged_without_pydantic(tmp_path: Path) -> None:
    write(picture(height=10, width=12), tmp_path / "a.png")
    code = (
        "import sys\nfrom upres.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'pydantic', 'rich', 'PIL', 'torch', 'openvino', 'email', 'zipfile'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    words = [tmp_path / "a.png", "-o", tmp_path / "b.png", "--scale", "2", "--quality", "90", "--backend", "onnx", "-q"]
    subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True)
    assert (tmp_path / "b.png").is_file()


def test_what_is_not_plain_is_refused_in_typers_words(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "upres", str(tmp_path), "--quality", "much"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "quality" in done.stderr and "much" in done.stderr
