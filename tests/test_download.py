"""Downloads: only the right file stays, and where there is none, the message says what to do."""

from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path

import pytest

from upres.errors import DataError
from upres.storage.download import download

CONTENT = bytes(range(256)) * 10_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file.bin").write_bytes(CONTENT)
    return (tmp_path / "there" / "file.bin").as_uri()


@pytest.mark.parametrize("digits", [8, 64])
def test_the_right_file_stays(url: str, tmp_path: Path, digits: int) -> None:
    download(url, tmp_path / "sub" / "file.bin", digest=DIGEST[:digits], advice="x", error=DataError)
    assert (tmp_path / "sub" / "file.bin").read_bytes() == CONTENT


def test_another_file_does_not(url: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "file.bin").write_bytes(b"of before")
    with pytest.raises(DataError) as error:
        download(url, here / "file.bin", digest="0" * 64, advice="fetch it by hand", error=DataError)
    assert str(error.value) == (f"{url}: what came has SHA-256 {DIGEST[:16]}…, not {'0' * 16}…; fetch it by hand")
    assert (here / "file.bin").read_bytes() == b"of before" and len(list(here.iterdir())) == 1


def test_what_cannot_be_reached_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^file:.*gone\.bin: cannot be downloaded \(.*\); fetch it by hand$"):
        download(
            (tmp_path / "gone.bin").as_uri(),
            tmp_path / "file.bin",
            digest=DIGEST,
            advice="fetch it by hand",
            error=DataError,
        )
    assert not list(tmp_path.iterdir())


def test_an_answer_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """A real server that promises more than it sends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/file.bin"
        with pytest.raises(DataError, match=r"file\.bin: (cannot be downloaded|what came has SHA-256)"):
            download(address, tmp_path / "file.bin", digest=DIGEST, advice="fetch it by hand", error=DataError)
        thread.join()
    assert not list(tmp_path.iterdir())
