"""The README says what is true: its commands exist with the options it shows, its files and links are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from upres.cli.main import COMMANDS, command_line

ROOT = Path(__file__).resolve().parents[1]
# tests/test_serving_page.py and tests/test_command_page.py run their examples.
_RUN_BY_ITSELF = {"serving.md", "command.md"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = typer.main.get_command(command_line())


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    texts = (block.replace("\\\n", "") for block in blocks)
    return [line for text in texts for line in text.splitlines() if line.strip() and not line.startswith("#")]


CASES = [(page.name, line) for page in PAGES if page.name not in _RUN_BY_ITSELF for line in shell_lines(page)]


@pytest.mark.parametrize(("page", "line"), CASES)
def test_every_command_shown_exists(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "upres":
        verb = words[1] if words[1] in COMMANDS else "upscale"
        known = {option for parameter in COMMAND.commands[verb].params for option in parameter.opts}  # type: ignore[attr-defined]
        known |= {o for parameter in COMMAND.commands[verb].params for o in parameter.secondary_opts}  # type: ignore[attr-defined]
        known |= {"--help", "--debug", "--version"}
        for word in words[1:]:
            if word.startswith("-") and word != "-":
                assert word.split("=")[0] in known, f"{page}: {line}: upres {verb} has no {word}"
    elif words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, f"{page}: make has no target {words[1]}"
    elif words[:2] == ["python", "-c"]:
        compile(words[2], page, "exec")
    elif words[:3] == ["python", "-m", "tf2onnx.convert"]:
        pass  # another program: tests/test_adopt.py holds the line to the one that upres prints
    elif words[0] == "python":
        assert words[1] == "-m", f"{page}: {line}: run it with python -m"
        assert (ROOT / Path(*words[2].split("."))).with_suffix(".py").is_file(), f"{page}: there is no {words[2]}"
    else:
        assert words[0] in ("pip", "git", "cd", "ffmpeg"), f"{page}: {line}: not a command that the tests know"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
        path = target[0] or target[1]
        if "://" not in path:
            assert (page.parent / path).exists(), f"{page.name} links to {path}"


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40]
    assert "make demo" in " ".join(first_screen) and "make test" in " ".join(first_screen)


def test_recipes_shown_are_shipped() -> None:
    from upres.recipes import shipped_recipes

    for page in PAGES:
        for name in re.findall(r"upres train ([a-z0-9-]+)(?=[\s`])", page.read_text(encoding="utf-8")):
            assert name in shipped_recipes(), f"{page.name}: upres train {name}"
