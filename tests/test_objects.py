"""Buckets: whole objects or none, whatever the network does; the same bytes as from a folder."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command, names
from tests.object_store import BUCKET, SECRET, ObjectStore, environment, object_store
from tests.small_pictures import picture
from upres.errors import CancelledError, ConfigError, StorageError
from upres.image import write
from upres.storage.places import Patience, RepeatableError, address_of, place_of, without_secrets
from upres.upscaling import batch

pytest.importorskip("obstore", reason="obstore, the extra objects, is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    server.empty()
    server.proxy.fault = lambda method, path: ""
    server.proxy.seen.clear()
    for name, value in environment(server.proxy.address).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Patience, "__init__", _brief(Patience.__init__))
    return server


def _brief(original):
    def init(self, attempts=4, pause=0.01, longest=0.02):
        original(self, attempts, pause, longest)

    return init


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: ObjectStore) -> Path:
    """A folder of small pictures, one of them broken, and the same in the bucket below `in`."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "deep/b.jpg", "deep/c d.png", "e.png", "f.jpg")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(picture(height=12 + number, width=16), path)
    (tmp_path / "in/bad.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:60])
    (tmp_path / "in/notes.txt").write_text("no picture")
    for name in names(tmp_path / "in"):
        store.put(f"in/{name}", (tmp_path / "in" / name).read_bytes())
    return tmp_path


MODEL = ("--model", "bicubic", "--scale", "2")


IN, OUT = f"s3://{BUCKET}/in", f"s3://{BUCKET}/out"


def expected(command: Command) -> dict[str, bytes]:
    """Return what the folder becomes on this machine, by the names that it gets in the bucket."""
    assert command("in", "-o", "expected", *MODEL, "-q")[0] == 1
    return {
        f"out/{name}": Path("expected", name).read_bytes() for name in names(Path("expected")) if name != batch.MANIFEST
    }


def lines(store: ObjectStore) -> list[dict[str, object]]:
    """Return what the manifests in the bucket say, the earlier runs' first."""
    parts = sorted(name for name in store.names("out/") if name.endswith(".jsonl"))
    return [json.loads(line) for name in parts for line in store.get(name).decode().splitlines()]


def test_a_bucket_is_a_folder(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    code, out, err = command(f"{IN}/", "-o", f"{OUT}/", *MODEL)
    assert code == 1
    assert out.splitlines()[0] == f"{IN}/a.png 16×12 → {OUT}/a_x2.png 32×24, bicubic ×2, T s"
    assert f"upres: {IN}/bad.png: the PNG data is damaged or cut short" in err
    assert "upres: 5 of 6 pictures enlarged, 0 there already, 1 failed, " in err
    assert store.contents("out/") == made
    rows = {str(row["input"]): row for row in lines(store)}
    assert len(rows) == 6 and rows[f"{IN}/bad.png"]["error_class"] == "PictureError"
    assert rows[f"{IN}/a.png"]["bytes"] == len(made["out/a_x2.png"])
    assert not list(Path("/tmp").glob("upres-scratch-*/*-out*"))

    # Running again fetches what is left, and only that.
    store.proxy.seen.clear()
    assert command(IN, "-o", OUT, *MODEL)[0] == 1
    assert [path for method, path, _ in store.proxy.seen if method == "GET" and "/in/" in path] == [
        f"/{BUCKET}/in/bad.png"
    ]
    assert store.contents("out/") == made

    # Other settings are said, and replace nothing unasked.
    code, _, err = command(IN, "-o", OUT, *MODEL, "--quality", "50")
    assert "5 of those that are there already were made with another quality" in err
    assert store.contents("out/") == made
    assert command(IN, "-o", OUT, *MODEL, "--quality", "50", "--overwrite")[0] == 1
    again = store.contents("out/")
    assert {name for name in made if again[name] != made[name]} == {"out/deep/b_x2.jpg", "out/f_x2.jpg"}


def test_what_goes_wrong_on_the_way_changes_nothing(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    kinds = ("503", "cut", "500", "lost", "slow")
    asked: Counter[tuple[str, str]] = Counter()

    def fault(method: str, path: str) -> str:
        """Let the first two attempts at everything fail, each in another way."""
        asked[method, path] += 1
        if asked[method, path] > 2 and "list-type" not in path:
            return ""
        return kinds[sum(asked.values()) % len(kinds)]

    store.proxy.fault = fault
    assert command(IN, "-o", OUT, *MODEL, "-q")[0] == 1
    store.proxy.fault = lambda method, path: ""
    assert store.contents("out/") == made
    assert {kind for _, _, kind in store.proxy.seen} == {*kinds, ""}
    assert [row["error_class"] for row in lines(store) if row["error"]] == ["PictureError"]


def test_rights_that_are_lost_in_the_middle(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    put = threading.Event()

    def fault(method: str, path: str) -> str:
        if method == "PUT" and "/f_x2" in path:
            put.set()
        return "403" if put.is_set() else ""

    store.proxy.fault = fault
    code, out, err = command(IN, "-o", OUT, *MODEL, "--manifest", "log.jsonl")
    assert code == 1
    assert f"upres: {OUT}/f_x2.jpg: the store refuses it to these credentials; check them and their rights" in err
    assert SECRET not in out + err + Path("log.jsonl").read_text() and "AKIAEXAMPLE" not in out + err
    rows = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    failed = {
        str(row["output"]).removeprefix(f"s3://{BUCKET}/") for row in rows if row["error_class"] == "StorageError"
    }
    assert "out/f_x2.jpg" in failed
    # Nor can it be listed any more, which is said before anything is done.
    code, out, err = command(IN, "-o", OUT, *MODEL)
    assert (code, out) == (1, "")
    assert err == f"upres: {IN}: the store refuses it to these credentials; check them and their rights\n"
    store.proxy.fault = lambda method, path: ""
    there = store.contents("out/")
    assert set(made) - set(there) == failed and all(made[name] == there[name] for name in there)
    assert command(IN, "-o", OUT, *MODEL, "-q")[0] == 1
    assert store.contents("out/") == made


def test_a_run_ends_where_everything_is_refused(
    pictures: Path, store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upres.upscaling.batch.engines.staged.MAX_REFUSALS", 3)
    store.proxy.fault = lambda method, path: "403" if "/in/" in path else ""
    code, _, err = command(IN, "-o", OUT, *MODEL)
    assert code == 1
    assert err.splitlines()[-1].startswith("upres: 3 pictures one after the other could not be had or put: ")
    assert len(lines(store)) == 3


def test_a_large_object_is_whole_or_not_there(pictures: Path, store: ObjectStore) -> None:
    content = bytes(range(256)) * (9 << 12)
    path = pictures / "large.bin"
    path.write_bytes(content)
    place = place_of(OUT)

    store.proxy.fault = lambda method, path: "403" if "partNumber=2" in path else ""
    with pytest.raises(StorageError, match=r"out/large.bin: the store refuses it to these credentials"):
        place.keep("large.bin", path, replace=False)
    assert (store.names("out/"), store.unfinished()) == ([], 0)

    first: Counter[str] = Counter()

    def once(method: str, path: str) -> str:
        first[method + path] += 1
        return "503" if first[method + path] == 1 and "partNumber" in path else ""

    store.proxy.fault = once
    assert place.keep("large.bin", path, replace=False)
    assert store.get("out/large.bin") == content
    assert store.unfinished() == 0
    first.clear()

    # It comes in pieces, and goes on where it broke off.
    store.proxy.seen.clear()
    store.proxy.fault = lambda method, path: "cut" if len(store.proxy.seen) < 2 else ""
    fetched = place.fetched("large.bin", pictures / "fetched", threading.Event())
    assert fetched.read_bytes() == content

    # What is there already stays, unless it is the same.
    store.proxy.fault = lambda method, path: ""
    assert not place.keep("large.bin", path, replace=False)
    path.write_bytes(b"other")
    with pytest.raises(StorageError, match="was put by somebody else meanwhile, with other bytes"):
        place.keep("large.bin", path, replace=False)
    assert place.keep("large.bin", path, replace=True)
    assert place.size("large.bin") == 5 and place.size("none") is None


def test_from_a_folder_into_a_bucket_and_back(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    assert command("in", "-o", OUT, *MODEL, "-q")[0] == 1
    assert store.contents("out/") == made
    assert command(IN, "-o", "back", *MODEL, "-q")[0] == 1
    back = Path("back")
    assert {f"out/{name}": (back / name).read_bytes() for name in names(back) if name != batch.MANIFEST} == made
    assert len((back / batch.MANIFEST).read_text().splitlines()) == 6


def test_one_object(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    assert command(f"{IN}/a.png", "-o", f"{OUT}/large.png", *MODEL) == (
        0,
        f"{IN}/a.png 16×12 → {OUT}/large.png 32×24, bicubic ×2, T s\n",
        "",
    )
    assert store.get("out/large.png") == made["out/a_x2.png"]
    assert command(f"{IN}/a.png", f"{IN}/f.jpg", "-o", "here", *MODEL, "-q")[0] == 0
    assert names(Path("here")) == ["a_x2.png", "f_x2.jpg"]
    assert command(f"{IN}/none.png", "-o", "x.png", *MODEL) == (
        1,
        "",
        f"upres: {IN}/none.png: no such object; check the address\n",
    )
    code, _, err = command("s3://pictures/nothing", "-o", "x", *MODEL)
    assert (code, err.splitlines()[-1]) == (
        2,
        "upres: s3://pictures/nothing: no pictures there; check the address and the patterns",
    )


def test_lists_and_shards_of_a_bucket(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    Path("names.txt").write_text(f"a.png\n# a note\n\n{IN}/deep/c d.png\n")
    assert command(IN, "--from", "names.txt", "-o", OUT, *MODEL, "-q")[0] == 0
    assert set(store.contents("out/")) == {"out/a_x2.png", "out/deep/c d_x2.png"}
    for number in (2, 1):
        assert command(IN, "-o", OUT, *MODEL, "-q", "--shard", f"{number}/2")[0] in (0, 1)
    assert store.contents("out/") == made


def test_pictures_of_a_web_server_come_by_a_list(pictures: Path, store: ObjectStore, command: Command) -> None:
    made = expected(command)
    address = f"{store.proxy.address}/{BUCKET}/in"
    Path("list.txt").write_text(
        f"{address}/a.png?token=SECRET\n{address}/deep/b.jpg\n{address}/none.png?token=SECRET\n"
    )
    tries: Counter[str] = Counter()

    def fault(method: str, path: str) -> str:
        tries[path] += 1
        return ("503", "cut")[tries[path] - 1] if tries[path] < 3 else ""

    store.proxy.fault = fault
    code, out, err = command("--from", "list.txt", "-o", "web", *MODEL)
    assert code == 1
    assert "SECRET" not in out + err and "none.png: the server refuses it (404" in err
    host = address.partition("//")[2]
    assert Path("web", host, "a_x2.png").read_bytes() == made["out/a_x2.png"]
    assert Path("web", host, "deep/b_x2.jpg").read_bytes() == made["out/deep/b_x2.jpg"]
    code, _, err = command(f"{address}/", "-o", "web", *MODEL)
    assert code == 1 and "a web server does not list what it has; give a list of addresses (--from)" in err


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of(Path("S3://bucket/a/b")) == "s3://bucket/a/b"
    assert address_of("file:///data/in") == "file:///data/in"
    assert address_of("photos/s3:") is None
    assert without_secrets("https://me:word@host/a.png?sig=1") == "https://host/a.png"
    for address in ("s3://KEY:WORD@bucket/in", "s3://bucket/in?token=WORD"):
        with pytest.raises(ConfigError, match="holds no user, password or query") as refused:
            place_of(address)
        assert "WORD" not in str(refused.value)
    with pytest.raises(ConfigError, match="names no bucket"):
        place_of("s3://")


def test_requests_are_sent_again_after_pauses_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(_: threading.Event, length: float) -> bool:
        waited.append(length)
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    patience = Patience(attempts=3, pause=1.0, longest=1.5)

    def request() -> None:
        raise RepeatableError("the server did not answer as it should (503)", where="s3://b/a.png")

    with pytest.raises(StorageError) as failed:
        patience.again(request)
    assert str(failed.value) == "s3://b/a.png: the server did not answer as it should (503), 3 times; try again later"
    first, second = waited
    assert 0.5 <= first <= 1.0 and 0.75 <= second <= 1.5  # the longest pause
    monkeypatch.setattr(threading.Event, "wait", lambda self, length: True)
    with pytest.raises(CancelledError):
        patience.again(request)


def test_no_more_than_a_few_are_on_their_way(
    pictures: Path, store: ObjectStore, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAX_FETCHED, of which pictures in a folder of the disk tell."""
    monkeypatch.setattr("upres.upscaling.batch.engines.staged.MAX_FETCHED", 2)
    for number in range(12):
        store.put(f"many/{number:02}.png", (pictures / "in/a.png").read_bytes())
    ahead, most = [0], [0]

    def fault(method: str, path: str) -> str:
        if method == "GET" and path.startswith(f"/{BUCKET}/many/"):
            ahead[0] += 1
        if method == "PUT" and path.endswith(".png"):
            ahead[0] -= 1
        most[0] = max(most[0], ahead[0])
        return ""

    store.proxy.fault = fault
    assert command(f"s3://{BUCKET}/many", "-o", OUT, *MODEL, "-q")[0] == 0
    assert len(store.contents("out/")) == 12
    assert most[0] <= 2 + 2 + 4  # fetched, waiting to be put, and in the engine's hands


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("upres.storage.web.MAX_REQUEST_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StorageError, match=r"the connection failed \(TimeoutError\), 2 times; try again later"):
            place_of(address, Patience(2, 0.01)).fetched("a.png", tmp_path / "a", threading.Event())
