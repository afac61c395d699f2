"""docs/how-to/embedding.md: its programs answer, in each framework that is installed; `make docs` installs three."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command
from tests.small_pictures import picture
from upres.errors import PictureError
from upres.image import read_header, write

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "how-to" / "embedding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
FILES = ("enlarging", "service", "views", "tasks", "pipeline")


@pytest.fixture(autouse=True)
def pages_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in zip(FILES, BLOCKS, strict=True):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    write(picture(height=20, width=24), tmp_path / "photo.jpg")
    yield
    for name in FILES:
        sys.modules.pop(name, None)


def is_twice_as_large(content: bytes) -> bool:
    Path("answer.webp").write_bytes(content)
    return read_header("answer.webp").width == 48


def test_the_file_that_all_share() -> None:
    from enlarging import enlarged, upscaler  # type: ignore[import-not-found]

    assert is_twice_as_large(enlarged(Path("photo.jpg").read_bytes()))
    assert upscaler() is upscaler()
    with pytest.raises(PictureError, match=r"^mine\.jpg: "):
        enlarged(b"no picture", "mine.jpg")


def test_fastapi() -> None:
    pytest.importorskip("fastapi")
    from service import app  # type: ignore[import-not-found]
    from starlette.testclient import TestClient

    client = TestClient(app)
    answer = client.post("/enlarge", files={"picture": Path("photo.jpg").read_bytes()})
    assert answer.status_code == 200 and is_twice_as_large(answer.content)
    refused = client.post("/enlarge", files={"picture": b"no picture"})
    assert refused.status_code == 422 and refused.json()["detail"].startswith("the picture: ")


def test_django() -> None:
    django = pytest.importorskip("django")
    from django.conf import settings

    settings.configure(ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="urls", SECRET_KEY="none", USE_TZ=True)
    django.setup()
    Path("urls.py").write_text(
        "import views\nfrom django.urls import path\nurlpatterns = [path('enlarge', views.enlarge)]\n", encoding="utf-8"
    )
    from django.test import Client

    with Path("photo.jpg").open("rb") as file:
        answer = Client().post("/enlarge", {"picture": file})
    assert answer.status_code == 200 and is_twice_as_large(answer.content)
    Path("bad.jpg").write_bytes(b"no picture")
    with Path("bad.jpg").open("rb") as file:
        refused = Client().post("/enlarge", {"picture": file})
    assert refused.status_code == 422 and refused.json()["error"].startswith("bad.jpg: ")


def test_celery() -> None:
    pytest.importorskip("celery")
    from tasks import enlarge  # type: ignore[import-not-found]

    assert enlarge.apply(args=("photo.jpg", "large.png")).get() == "large.png"
    assert read_header("large.png").width == 48
    with pytest.raises(PictureError, match=r"^missing\.jpg: "):
        enlarge.apply(args=("missing.jpg", "none.png")).get()


def test_airflow_knows_the_task(command: Command) -> None:
    found = re.search(r'return "upres (.*)"', BLOCKS[-1])
    assert found is not None
    Path("products").mkdir()
    write(picture(height=6, width=500), "products/a.png")
    code, _, err = command(*found[1].split())
    assert code == 0, err
    assert read_header("site/a_w480.webp").width == 480
    pytest.importorskip("airflow.sdk")
    from pipeline import product_pictures  # type: ignore[import-not-found]

    assert list(product_pictures().task_dict) == ["enlarge"]
