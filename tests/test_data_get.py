"""Published sets, downloaded from a server of our own: broken off and gone on with, checked, laid out."""

import hashlib
import io
import json
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.commands import Command, everything
from tests.small_pictures import picture
from upres.data import open_source
from upres.data.get import RECORD, get
from upres.data.sources.published import PUBLISHED, Archive, Published
from upres.errors import DataError
from upres.image import write


class Server:
    """Files by name; `ends_after` breaks answers off, `resumes` is whether it understands ranges."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.ends_after: int | None = None
        self.resumes = True
        self.asked: list[str | None] = []


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        state: ClassVar[Server]

        def do_GET(self) -> None:
            state, content = self.state, self.state.files.get(self.path[1:])
            asked = self.headers["Range"]
            state.asked.append(asked)
            if content is None:
                self.send_error(404)
                return
            begin = int(re.findall(r"\d+", asked)[0]) if asked and state.resumes else 0
            if begin and begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            self.wfile.write(content[begin : state.ends_after])

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Handler.state = Server(f"http://127.0.0.1:{http.server_port}/")
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield Handler.state
        http.shutdown()


def a_picture(folder: Path) -> bytes:
    write(picture(), folder / "x.png")
    return (folder / "x.png").read_bytes()


def tar(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, file in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(file)
            archive.addfile(entry, io.BytesIO(file))
    return content.getvalue()


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def published(name: str, server: Server, *, digest: str = "") -> Published:
    """Return a set with its first archive at our server."""
    first = PUBLISHED[name].archives[0]
    return replace(
        PUBLISHED[name],
        archives=(replace(first, url=server.address + first.url.rpartition("/")[2], size=0, digest=digest),),
    )


def test_a_benchmark_set_without_a_checksum_is_recorded_and_held_to(server: Server, tmp_path: Path) -> None:
    photo = a_picture(tmp_path)
    packed = tar(**{
        "./Set5_HR/baby.png": photo, "Set5_HR/bird.png": photo,
        "Set5_HR/._bird.png": b"of macOS", "Set5_HR/../../evil.png": photo, "other/x.png": photo,
    })  # fmt: skip
    server.files["Set5_HR.tar.gz"] = packed
    folder = tmp_path / "data"
    said: list[str] = []
    wanted = published("Set5", server)
    assert get(wanted, folder, log=said.append) == folder / "Set5"
    files = ["Set5", "Set5/HR", "Set5/HR/baby.png", "Set5/HR/bird.png", RECORD]
    assert everything(folder) == sorted(files) and not (tmp_path / "evil.png").exists()
    assert said == [
        f"{server.address}Set5_HR.tar.gz → {folder / 'Set5/HR'}",
        f"no checksum is published; SHA-256 {sha256(packed)} is kept in {folder / RECORD} for the next time",
    ]
    source = open_source(str(folder / "Set5"), scale=4)
    assert type(source).__name__ == "Benchmark" and len(source) == 2
    # It is there: nothing is asked. Gone, it has to be what it was.
    said.clear()
    get(wanted, folder, log=said.append)
    assert said == [f"{folder / 'Set5/HR'} is there"] and len(server.asked) == 1
    (folder / "Set5" / "HR").rename(tmp_path / "before")
    server.files["Set5_HR.tar.gz"] = tar(**{"Set5_HR/baby.png": photo + b"x"})
    with pytest.raises(DataError, match=f"what came has SHA256 .*, not {sha256(packed)[:16]}…; put its originals into"):
        get(wanted, folder)
    assert not [name for name in everything(folder) if name.endswith((".part", ".gz"))]


@pytest.mark.parametrize("resumes", [True, False])
def test_what_broke_off_goes_on(server: Server, tmp_path: Path, resumes: bool) -> None:
    photo = a_picture(tmp_path)
    packed = zipped(**{"DIV2K_train_HR/0001.png": photo, "DIV2K_train_HR/0002.png": photo})
    server.files["DIV2K_train_HR.zip"] = packed
    wanted = published("DIV2K", server, digest=f"sha256:{sha256(packed)}")
    half = len(packed) // 2
    server.ends_after = half
    url = f"{server.address}DIV2K_train_HR.zip"
    with pytest.raises(DataError, match=re.escape(f"{url}: ") + ".*the same command goes on from"):
        get(wanted, tmp_path)
    part = tmp_path / "DIV2K_train_HR.zip.part"
    assert part.read_bytes() == packed[:half]
    server.ends_after, server.resumes = None, resumes
    shown: list[tuple[int, int]] = []
    assert get(wanted, tmp_path, progress=lambda done, total: shown.append((done, total))) == tmp_path / "DIV2K"
    assert server.asked == [None, f"bytes={half}-"] and shown[-1] == (len(packed), len(packed))
    source = open_source(str(tmp_path), scale=4)
    assert type(source).__name__ == "Div2k" and len(source) == 2
    assert not part.exists() and not (tmp_path / "DIV2K_train_HR.zip").exists()


def test_what_came_whole_before_it_was_killed_is_taken(server: Server, tmp_path: Path) -> None:
    packed = tar(**{"cifar-10-batches-py/test_batch": b"batch"})
    server.files["cifar-10-python.tar.gz"] = packed
    wanted = published("CIFAR-10", server, digest=f"md5:{hashlib.md5(packed).hexdigest()}")
    part = tmp_path / "cifar10" / "cifar-10-python.tar.gz.part"
    part.parent.mkdir()
    part.write_bytes(packed)
    assert get(wanted, tmp_path) == tmp_path / "cifar10"
    assert everything(tmp_path / "cifar10") == ["cifar-10-python.tar.gz"]  # its source reads it packed
    # What is longer than the file there is now is of another one.
    (tmp_path / "cifar10" / "cifar-10-python.tar.gz").unlink()
    part.write_bytes(packed + b"more")
    get(wanted, tmp_path)
    assert (tmp_path / "cifar10" / "cifar-10-python.tar.gz").read_bytes() == packed


def test_what_cannot_be_had_says_what_to_do(server: Server, tmp_path: Path) -> None:
    wanted = published("CIFAR-10", server, digest=f"md5:{'0' * 32}")
    by_hand = "get cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and put it into cifar10"
    with pytest.raises(DataError, match=re.escape("Not Found); " + by_hand)):
        get(wanted, tmp_path)
    server.files["cifar-10-python.tar.gz"] = b"another"
    with pytest.raises(DataError, match=f"what came has MD5 .*…, not 0000000000000000…; {re.escape(by_hand)}"):
        get(wanted, tmp_path)
    assert everything(tmp_path) == ["cifar10"]
    gone = replace(
        wanted, archives=(Archive("http://127.0.0.1:9/cifar-10-python.tar.gz", "cifar10/cifar-10-python.tar.gz"),)
    )
    with pytest.raises(DataError, match=re.escape(f"); {by_hand}")):
        get(gone, tmp_path)
    vast = replace(wanted, archives=(replace(wanted.archives[0], size=10**18),))
    with pytest.raises(DataError, match=r"GB are free, and .* takes 1000000000\.0; make room"):
        get(vast, tmp_path)
    server.files["Set5_HR.tar.gz"] = b"a page that says no"
    with pytest.raises(DataError, match="no archive that can be read"):
        get(published("Set5", server), tmp_path / "a")
    server.files["Set5_HR.tar.gz"] = tar(**{"elsewhere/x.png": b""})
    with pytest.raises(DataError, match="holds no folder Set5_HR; its publisher has changed it"):
        get(published("Set5", server), tmp_path / "b")


def test_the_table_is_well_formed() -> None:
    for name, each in PUBLISHED.items():
        assert each.terms and each.page.startswith("http") and each.by_hand, name
        for archive in each.archives:
            assert archive.url.startswith("https://") and archive.into.startswith(f"{each.path}/")
            assert re.fullmatch(r"(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})?", archive.digest)
            assert bool(archive.digest) == bool(archive.size)
            assert archive.packed or archive.inside
    assert not PUBLISHED["CelebA"].archives


def test_the_command(server: Server, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command("data", "list")
    assert (code, err) == (0, "") and re.search(r"^DIV2K +3,980 MB .* for academic research only", out, re.MULTILINE)
    assert set(json.loads(command("data", "list", "--json")[1])) == set(PUBLISHED)
    for line, said in (
        ("data get", "get: which? upres data list shows the names"),
        ("data get Set6", "Set6: no such set; did you mean Set5? "),
        ("data list Set5", "Set5: list takes no name; upres data get Set5 downloads it"),
    ):
        assert said in command.refused(tmp_path, *line.split())
    code, _, err = command("data", "get", "CelebA")
    assert code == 2 and "CelebA: its authors want to be asked; read its agreement at https://mmlab" in err
    server.files["Set5_HR.tar.gz"] = tar(**{"Set5_HR/baby.png": a_picture(tmp_path)})
    monkeypatch.setitem(PUBLISHED, "Set5", published("Set5", server))
    code, out, err = command("data", "get", "Set5", "-o", "sets")
    assert (code, out) == (0, "sets/Set5\n")
    assert err.startswith("Set5: 5 pictures (Bevilacqua et al., BMVC 2012); for research; no licence is stated; http")
    assert (tmp_path / "sets" / "Set5" / "HR" / "baby.png").is_file()


def test_a_set_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    for name, known in (("Set5", "Set5"), ("div2k", "DIV2K")):
        with pytest.raises(
            DataError, match=rf"no such file or folder; .* \(upres data get {known} downloads that set\)"
        ):
            open_source(str(tmp_path / name))
    with pytest.raises(DataError, match=r"hf://owner/name$"):
        open_source(str(tmp_path / "photos"))
