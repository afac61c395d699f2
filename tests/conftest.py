"""Fixtures for every test."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Where bytecode is not kept, each of the processes that tests start compiles upres anew: a quarter of a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The networks here are tiny: a second thread costs more than it gives, and tests may run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

from tests.commands import Command
from tests.forks import ForkServer
from upres.config import Table

sys.dont_write_bytecode = False  # the same of the tests themselves

# What takes long on a machine that trains beside the tests says nothing about the code.
settings.register_profile("upres", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("upres")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets are not beside this checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is tried out on this machine away from the user's own cache folder, and the user's defaults from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPRES_NO_CONFIG", "1")
        patch.setenv("UPRES_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """AlexNet and VGG16 with random filters, written once."""
    from tests.random_backbones import write_backbone  # brings PyTorch, which most tests do without

    folder = tmp_path_factory.mktemp("backbones")
    return {name: write_backbone(name, folder) for name in ("alexnet", "vgg16")}


@pytest.fixture(autouse=True)
def taken_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test registers, or a page that it runs, is gone behind it: two of them may choose the same name."""
    added: list[tuple[Table[Any], str]] = []
    add = Table.add

    def noted(self: Table[Any], name: str, row: Any) -> None:
        add(self, name, row)
        added.append((self, name))

    monkeypatch.setattr(Table, "add", noted)
    yield
    for table, name in added:
        table._rows.pop(name, None)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


_FORKS = pytest.StashKey[ForkServer]()


def pytest_collection(session: pytest.Session) -> None:
    """Fork what becomes commands before tests are imported; where some that are asked for may need it."""
    given = [path for path in (Path(argument.partition("::")[0]) for argument in session.config.args) if path.exists()]
    collects = not session.config.getoption("numprocesses", None)
    if collects and any(path.is_dir() or "forks" in path.read_text(encoding="utf-8") for path in given):
        session.config.stash[_FORKS] = ForkServer()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (server := config.stash.get(_FORKS, None)) is not None:
        server.close()


@pytest.fixture(scope="session")
def forks(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> ForkServer:
    server = pytestconfig.stash[_FORKS]
    server.write_into(tmp_path_factory.mktemp("forks"))
    return server
