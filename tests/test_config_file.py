"""Defaults from files and variables: who stands above whom, what is refused, and what takes nothing from them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.commands import Command, names, process
from tests.small_pictures import picture
from upres.cli import defaults
from upres.cli.defaults import Defaults
from upres.cli.main import COMMANDS, command_line
from upres.image import read, write

GROUP: Any = typer.main.get_command(command_line())
# What belongs to one call, and has no default.
OF_A_CALL = {"inputs", "output", "from", "shard", "manifest", "gpu", "verbose", "quiet", "no_config"}
OF_A_CALL |= {"engine", "address"}
# What is said of films, too: pictures beside them would refuse it.
OF_A_CALL |= {"video", "codec", "crf", "preset", "pix_fmt", "to", "preview", "dry_run", "deinterlace", "matrix"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a picture of 17×11; the user's own folder is beside it."""
    here = tmp_path / "here"
    here.mkdir()
    write(picture(), here / "x.png")
    monkeypatch.chdir(here)
    for name in list(os.environ):
        if name.startswith("UPRES_") and name != "UPRES_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return here


def users_own(folder: Path, text: str) -> Path:
    path = folder.parent / "config" / "upres" / "upres.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def shown(command: Command) -> dict[str, tuple[object, str | None]]:
    code, out, err = command("config", "show", "--json")
    assert (code, err) == (0, "")
    return {row["name"]: (row["value"], row["from"]) for row in json.loads(out)}


def test_every_option_has_a_default_but_those_of_one_call() -> None:
    from dataclasses import fields

    known = {field.name for field in fields(Defaults)}
    assert known | OF_A_CALL == set(defaults._params(GROUP.commands["upscale"]))
    assert not known & OF_A_CALL
    assert {defaults.variable(name) for name in known}.isdisjoint(defaults.VARIABLES)


def test_the_nearer_place_decides(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    own = users_own(folder, 'quality = 70\nlossless = true\nmodel = "fast"\ninclude = ["*.png"]\n')
    (folder / "upres.toml").write_text('quality = 80\nmax_memory = "2GB"\n', encoding="utf-8")
    monkeypatch.setenv("UPRES_MODEL", "bicubic")
    monkeypatch.setenv("UPRES_OVERWRITE", "yes")
    monkeypatch.setenv("UPRES_THREADS", "")
    found = shown(command)
    assert found["model"] == ("bicubic", "UPRES_MODEL")
    assert found["overwrite"] == (True, "UPRES_OVERWRITE")
    assert found["quality"] == (80, "upres.toml")
    assert found["max_memory"] == ("2GB", "upres.toml")
    assert found["lossless"] == (True, str(own))
    assert found["include"] == (["*.png"], str(own))
    assert found["threads"] == (None, None) and found["max_pixels"] == (500_000_000, None)
    # The command line stands above them all, and what it does not say is as the files say.
    code, _, err = command("x.png", "-o", "y.webp", "--scale", "2", "--no-lossless", "-v")
    assert code == 0 and "upres: UPRES_MODEL sets model\n" in err and "upres: upres.toml sets quality, " in err
    assert read("y.webp").pixels.tobytes() == enlarged(command, "webp", "--quality", "80")
    assert command("x.png", "-o", "y.webp", "--scale", "2")[0] == 0  # overwrite, lossless
    assert read("y.webp").pixels.tobytes() == enlarged(command, "webp", "--lossless")


def enlarged(command: Command, form: str, *options: str) -> bytes:
    """Return the pixels that a command makes without files and variables."""
    made = ["-o", f"z.{form}", "--scale", "2", "--model", "bicubic", "--overwrite", "--no-config"]
    assert command("x.png", *made, *options)[0] == 0
    return read(f"z.{form}").pixels.tobytes()


def test_of_what_excludes_each_other_the_nearer_stands(folder: Path, command: Command) -> None:
    users_own(folder, 'fit = "100x100"\ndevice = "cpu"\nformat = "webp"\nmodel = "bicubic"\noverwrite = true\n')
    (folder / "upres.toml").write_text('scale = "3x"\n', encoding="utf-8")
    found = shown(command)
    assert found["scale"] == ("3x", "upres.toml") and found["fit"] == (None, None)
    assert command("x.png")[0] == 0
    assert command("x.png", "--width", "40")[0] == 0
    assert command("x.png", "-o", "y.png")[0] == 0  # its ending says the format
    (folder / "folder.png").mkdir()
    assert command("x.png", "-o", "folder.png")[0] == 0
    assert names(folder) == ["folder.png/x_x3.webp", "upres.toml", "x.png", "x_w40.webp", "x_x3.webp", "y.png"]
    assert read("y.png").width == 51
    assert command("x.png", "--skip-existing") == (0, "", "")
    assert "are both given" not in command("x.png", "--gpu")[2]


def test_the_manifest_tells_what_was_in_force(folder: Path, command: Command) -> None:
    (folder / "upres.toml").write_text('model = "bicubic"\nscale = 2\nquality = 71\ndenoise = 0.0\n', encoding="utf-8")
    assert command("x.png", "-o", "y.jpg", "--manifest", "log.jsonl")[0] == 0
    line = json.loads((folder / "log.jsonl").read_text(encoding="utf-8"))
    made_with = line["settings"]
    assert (made_with["model"], made_with["quality"], made_with["denoise"]) == ("bicubic", 71, "0")
    assert made_with["size"] == [2.0, None, None, None]
    # The same said in words is the same to a second run.
    (folder / "upres.toml").unlink()
    said = ["--model", "bicubic", "--scale", "2", "--quality", "71", "--denoise", "0", "--skip-existing"]
    code, out, err = command("x.png", "-o", "y.jpg", "--manifest", "log.jsonl", *said)
    assert (code, out, err) == (0, "", "")


def test_all_is_left_aside_where_that_is_asked_for(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "upres.toml").write_text("quality = 500\n", encoding="utf-8")
    monkeypatch.setenv("UPRES_MODEL", "nothing")
    made = ["x.png", "-o", "y.png", "--model", "bicubic"]
    assert command(*made)[0] == 2
    assert command(*made, "--no-config")[0] == 0
    monkeypatch.setenv("UPRES_NO_CONFIG", "0")
    assert command(*made, "--overwrite")[0] == 2
    monkeypatch.setenv("UPRES_NO_CONFIG", "1")
    assert command(*made, "--overwrite")[0] == 0
    assert shown(command)["quality"] == (95, None)
    assert "UPRES_NO_CONFIG is set" in command("config", "show")[1]
    monkeypatch.setenv("UPRES_NO_CONFIG", "perhaps")
    assert command.refused(folder, *made) == "UPRES_NO_CONFIG: 'perhaps' should be 1 or 0"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("qualty = 90", "unknown key qualty = 90: did you mean quality? Known: "),
        ("max-memory = '1GB'", "unknown key max-memory = '1GB': did you mean max_memory? "),
        ("[upscale]\nquality = 90", "unknown table upscale: defaults stand in no table; "),
        ("quality = 500", "quality = 500: should be from 1 to 100"),
        ("quality = 'high'", "quality = 'high': should be a valid integer"),
        ("overwrite = 'perhaps'", "overwrite = 'perhaps': should be a valid boolean: true or false"),
        ("detail = 2", "detail = 2: should be from 0 to 1"),
        ("denoise = 'much'", "denoise = 'much': should be a number from 0 to 1, or auto"),
        ("scale = 64", "scale = 64: should be above 0 and at most 32"),
        ("scale = 'four'", "scale 'four': not a number; write it as 4, 2.5 or 4x"),
        ("fit = 'screen'", "fit 'screen': not a box; write its width and height as 3840x2160"),
        ("width = 0", "width = 0: should be at least 1"),
        ("halo = -1", "halo = -1: should be at least 0"),
        ("model = 'bast'", "unknown model 'bast': did you mean "),
        ("model = 'none.onnx'", "model = 'none.onnx': no such file"),
        ("format = 'pgn'", "format pgn: did you mean pnm? "),
        ("background = 'pink'", "background pink: should be #rrggbb or a name; "),
        ("max_memory = 'lots'", "max_memory 'lots': not an amount of memory; "),
        ("device = 'gpux'", "device = 'gpux': did you mean gpu? "),
        ("backend = 'onyx'", "backend = 'onyx': did you mean onnx? "),
        ("precision = 'fp8'", "precision = 'fp8': did you mean "),
        ("include = '*.png'", "include = '*.png': should be a list"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(folder: Path, command: Command, line: str, said: str) -> None:
    (folder / "upres.toml").write_text(f"# what I like\n\n{line}\n", encoding="utf-8")
    told = command.refused(folder, "x.png")
    assert told.startswith("upres.toml, line 3: ") and said in told


def test_what_is_wrong_with_a_variable_or_a_whole_file(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = users_own(folder, "model = best\n")
    told = command.refused(folder, "x.png")
    assert told.startswith(f"{own}: is no TOML: Invalid value (at line 1, column 9); a line is such as")
    own.write_bytes(b"model = '\xff'\n")
    assert command.refused(folder, "x.png").startswith(f"{own}: is no TOML: 'utf-8' codec")
    own.unlink()
    for name, value, said in (
        ("UPRES_QUALITY", "high", "UPRES_QUALITY: quality = 'high': should be a valid integer"),
        ("UPRES_QUALITY", "0", "UPRES_QUALITY: quality = 0: should be from 1 to 100"),
        ("UPRES_STRICT", "maybe", "UPRES_STRICT: strict = 'maybe': should be a valid boolean: true or false"),
        ("UPRES_MODEL", "bast", "UPRES_MODEL: unknown model 'bast': did you mean "),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert command.refused(folder, "x.png").startswith(said)
    assert command("x.png", "--model", "bicubic", "-o", "y.png")[0] == 0
    monkeypatch.setenv("UPRES_QUALTY", "90")
    assert command("config", "show")[2] == "upres: warning: UPRES_QUALTY is set, and no variable of upres\n"


def test_a_model_of_the_users_file_lies_beside_it(folder: Path, command: Command) -> None:
    from upres.models.shipped import find

    own = users_own(folder, 'model = "mine.onnx"\n')
    (own.parent / "mine.onnx").write_bytes(find("fast", 2).path.read_bytes())
    assert shown(command)["model"] == (str(own.parent / "mine.onnx"), str(own))
    code, out, _ = command("x.png", "-o", "y.png")
    assert code == 0 and "34×22" in out
    own.write_text('model = "~/mine.onnx"\n', encoding="utf-8")
    assert f"{Path.home() / 'mine.onnx'}" in command.refused(folder, "x.png")


def test_where_files_are_looked_for(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    own = users_own(folder, "")
    code, out, _ = command("config", "path")
    assert (code, out) == (0, f"{folder / 'upres.toml'}  is not there\n{own}  is read\n")
    assert json.loads(command("config", "path", "--json")[1])[1] == {"path": str(own), "exists": True}
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    for platform in ("linux", "darwin"):
        monkeypatch.setattr("sys.platform", platform)
        assert defaults.user_file() == Path("/home/me/.config/upres/upres.toml")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", "/home/me/AppData/Roaming")
    assert defaults.user_file() == Path("/home/me/AppData/Roaming/upres/upres.toml")


def test_the_users_folder_may_be_the_current_one(folder: Path, command: Command) -> None:
    own = users_own(folder, "quality = 70\n")
    os.chdir(own.parent)  # the fixture goes back
    assert shown(command)["quality"] == (70, "upres.toml")


def test_only_enlarging_takes_from_them(folder: Path, command: Command) -> None:
    (folder / "upres.toml").write_text("quality = 500\n", encoding="utf-8")
    for line in (["formats"], ["upscale", "--help"], ["compare", "--help"], ["config", "path"], ["--version"]):
        assert command(*line)[0] == 0
    for verb in set(COMMANDS) - {"upscale", "config"}:
        assert not command(verb, "--debugger")[2].startswith("upres: upres.toml")
    assert process("x.png", "-o", "y.png").stderr.startswith("upres: upres.toml, line 1: quality = 500")


def test_a_report_tells_of_them(folder: Path, command: Command) -> None:
    (folder / "upres.toml").write_text("quality = 90\n", encoding="utf-8")
    assert "ok      defaults          quality by upres.toml\n" in command("doctor")[1]
    (folder / "upres.toml").write_text("quality = 500\n", encoding="utf-8")
    code, out, _ = command("doctor")
    assert code == 1 and "wrong   defaults          upres.toml, line 1: quality = 500: should be from 1 to 100\n" in out
