"""Help as people look for it: `-h`, `help VERB`, groups, examples that are true, and options known from elsewhere."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.commands import Command
from upres.cli.help import EXAMPLES
from upres.cli.main import COMMANDS, command_line
from upres.cli.meanings import _ANSWERS, _ENLARGING, _OPTIONS, meant
from upres.config.amounts import parse_scale
from upres.errors import ConfigError
from upres.image import read

VERBS: Any = typer.main.get_command(command_line())


def options_of(verb: str) -> set[str]:
    return {name for param in VERBS.commands[verb].params for name in (*param.opts, *param.secondary_opts)}


def test_help_is_found_in_every_way(command: Command) -> None:
    expected = command("bench", "--help")
    assert expected[0] == 0 and "Examples:" in expected[1]
    assert command("bench", "-h") == command("help", "bench") == expected
    assert command("help") == command("-h") == command("--help")
    assert command("-h")[0] == 0


def test_options_stand_in_groups_the_first_ones_first(command: Command) -> None:
    _, out, _ = command("upscale", "-h")
    groups = ["Size", "Look", "Output", "Limits", "Folders", "Films", "Speed and machine", "Messages"]
    assert re.findall(r"^(\S.*):$", out, re.MULTILINE) == ["Arguments", "Options", *groups, "Examples"]
    first = out[out.index("\nOptions:") : out.index("\nSize:")]
    assert re.findall(r"^  (?:-\w, )?(--\w+)", first, re.MULTILINE) == ["--output", "--scale", "--model", "--help"]
    listed = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", out))
    assert {name for name in options_of("upscale") if name.startswith("--")} <= listed


def test_every_verb_ends_with_three_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(len(examples) == 3 for examples in EXAMPLES.values())


@pytest.mark.parametrize("line", [line for examples in EXAMPLES.values() for line, _ in examples])
def test_examples_use_options_that_there_are(line: str) -> None:
    words = shlex.split(line.partition(">")[0])
    verb = words[1] if words[1] in COMMANDS else "upscale"
    assert words[0] == "upres"
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= options_of(verb)


def test_options_from_elsewhere_are_answered_by_meaning(command: Command) -> None:
    for typed, said in (
        ("--tta", "upres calls it --ensemble"),
        ("-s", "upres calls it --scale"),
        ("--fp16", "upres calls it --precision"),
        ("-i", "name the pictures without an option: upres photo.jpg"),
        ("--qualty", "did you mean --quality?"),
    ):
        code, _, err = command("photo.png", typed, "2")
        assert (code, err.count("\n")) == (2, 1) and f"{typed}: no such option; {said}" in err


def test_what_is_meant_is_an_option_of_some_verb_and_said_only_once() -> None:
    known = {name for verb in COMMANDS for name in options_of(verb)}
    assert set(_OPTIONS) <= known
    typed = [word for words in (*_OPTIONS.values(), *_ANSWERS) for word in words]
    assert len(set(typed)) == len(typed)
    assert meant("--tta", ["--scale"]) is None and meant("-r", options_of("train")) is None
    assert _ENLARGING in options_of("upscale")


def test_a_scale_as_people_write_it(tmp_path: Path, command: Command) -> None:
    from tests.small_pictures import picture
    from upres.image import write

    write(picture(), tmp_path / "x.png")
    for text in ("2x", "x2", "×2", "2"):
        options = ["--model", "bicubic", "--scale", text, "--overwrite"]
        assert command(str(tmp_path / "x.png"), "-o", str(tmp_path / "y.png"), *options)[0] == 0
        assert read(tmp_path / "y.png").width == 34
    assert parse_scale("2,5") == 2.5
    for text in ("four", "x", "", "2xx"):
        with pytest.raises(ConfigError, match=r"not a number; write it as 4, 2\.5 or 4x"):
            parse_scale(text)


def test_the_gpu_by_that_name(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from upres.models.files import model_file
    from upres.models.shipped import find
    from upres.predictors.executions import Machine, executions_for

    file = model_file(find("fast", 4).path)
    with_gpu = executions_for(file, device="gpu", machine=Machine(frozenset({"onnx", "torch"}), "cuda"))
    assert {each.device for each in with_gpu} == {"cuda"}
    with pytest.raises(ConfigError, match="device gpu: this machine shows no GPU that upres uses"):
        executions_for(file, device="gpu", machine=Machine(frozenset({"onnx", "torch"}), None))
    (tmp_path / "x.png").write_bytes(b"")
    code, _, err = command(str(tmp_path / "x.png"), "--gpu", "--device", "cpu")
    assert code == 2 and "--gpu and --device cpu are both given" in err


def test_an_argument_that_is_missing_or_wrong_is_called_as_the_help_calls_it(command: Command) -> None:
    for line, said in (
        ("interpolate --alpha 0.5", "FIRST: is missing; see upres interpolate --help"),
        ("compare --blind", "INPUT: is missing; see upres compare --help"),
        ("completion tcsh", "SHELL: 'tcsh' is not one of 'bash', 'zsh', 'fish'; see upres completion --help"),
    ):
        assert command(*line.split()) == (2, "", f"upres: {said}\n")
