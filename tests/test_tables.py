"""Tables that installed packages and scripts may add to."""

import subprocess
import sys
from pathlib import Path

import pytest

from upres.config.tables import Table
from upres.errors import ConfigError


def test_own_rows_come_first_and_added_ones_after() -> None:
    table = Table("upres.test", {"one": 1, "two": 2})
    table.add("three", 3)
    assert list(table) == ["one", "two", "three"] and len(table) == 3
    assert table["three"] == 3 and "three" in table and "four" not in table
    assert dict(table) == {"one": 1, "two": 2, "three": 3}
    with pytest.raises(KeyError):
        table["four"]


def test_a_name_is_given_once() -> None:
    table = Table("upres.test", {"one": 1})
    with pytest.raises(ConfigError, match=r"^upres\.test: 'one' is taken; choose another name$"):
        table.add("one", 2)
    assert table["one"] == 1


def test_a_row_for_a_while_only() -> None:
    table = Table("upres.test", {"one": 1})
    with pytest.raises(ZeroDivisionError), table.added("two", 2) as row:
        assert row == table["two"] == 2
        1 / 0  # noqa: B018
    assert dict(table) == {"one": 1}
    with pytest.raises(ConfigError, match="'one' is taken"), table.added("one", 2):
        pass
    assert dict(table) == {"one": 1}


def package(folder: Path, entry: str) -> None:
    """Lay out what pip leaves of an installed package with one entry point."""
    info = folder / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[upres.test]\n{entry}\n")
    (folder / "outsider.py").write_text("print('loaded')\nROW = 7\n")


def in_a_process(folder: Path, code: str) -> str:
    begin = "from upres.config.tables import Table; table = Table('upres.test', {'one': 1}); "
    done = subprocess.run([sys.executable, "-c", begin + code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_package_adds_a_row_which_is_loaded_when_asked_for(tmp_path: Path) -> None:
    package(tmp_path, "theirs = outsider:ROW")
    assert in_a_process(tmp_path, "print(list(table), 'theirs' in table, len(table))") == "['one', 'theirs'] True 2\n"
    assert in_a_process(tmp_path, "print(table['theirs'])") == "loaded\n7\n"


def test_an_own_name_is_not_replaced(tmp_path: Path) -> None:
    package(tmp_path, "one = outsider:ROW")
    assert in_a_process(tmp_path, "print(table['one'], list(table))") == "1 ['one']\n"


def test_a_package_that_fails_is_named(tmp_path: Path) -> None:
    package(tmp_path, "theirs = outsider:MISSING")
    said = in_a_process(
        tmp_path, "import upres\ntry: table['theirs']\nexcept upres.UpresError as error: print(error)"
    ).splitlines()[-1]
    assert said == (
        "upres.test: 'theirs' of the package outsider cannot be loaded (AttributeError: module 'outsider' has no "
        "attribute 'MISSING'); update that package or remove it"
    )
