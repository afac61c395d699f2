"""Buckets of Azure and Google, as far as servers of this machine play them.

Azure's is Azurite, Microsoft's emulator: `npm install azurite`, and `UPRES_AZURITE` names its azurite-blob. Google's
XML interface is S3's in what is asked here, so the server that plays S3 answers it; it does not look at Google's
conditions, nor at signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.commands import Command, names
from tests.object_store import BUCKET, object_store
from tests.small_pictures import picture
from upres.errors import ConfigError
from upres.image import write
from upres.storage.places import place_of

pytest.importorskip("obstore", reason="obstore, the extra objects, is not installed")

# Azurite's account, which its documentation publishes.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
MODEL = ("--model", "bicubic", "--scale", "2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "deep/b.jpg", "deep/c d.png", "é.png", "f.webp")):
        write(picture(height=12 + number, width=16), tmp_path / "in" / name)
    return tmp_path


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = os.environ.get("UPRES_AZURITE") or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("Azurite is not installed, or UPRES_AZURITE does not name its azurite-blob")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]
    where = ["--blobPort", str(port), "--location", str(tmp_path_factory.mktemp("azurite"))]
    server = subprocess.Popen([program, *words, *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert make_container(port, BUCKET) == 201
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def make_container(port: int, name: str) -> int:
    """Ask for one, signed with the account's key: obstore makes none."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    signed = "PUT" + 12 * "\n" + "".join(f"{key}:{value}\n" for key, value in headers.items())
    signed += f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers={**headers, "Content-Length": "0"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture
def azure(azurite: int, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (
        ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
        ("AZURE_STORAGE_ACCOUNT_KEY", KEY),
        ("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{azurite}/{ACCOUNT}"),
        ("AZURE_ALLOW_HTTP", "true"),
    ):
        monkeypatch.setenv(name, value)
    return f"az://{BUCKET}"


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with object_store() as store:
        account = {"gcs_base_url": store.proxy.address, "disable_oauth": True}
        account |= {"client_email": "nobody@example.com", "private_key": "none", "private_key_id": "none"}
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
        monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
        yield f"gs://{BUCKET}"


def goes_there_and_back(folder: Path, command: Command, address: str) -> None:
    assert command("in", "-o", "expected", *MODEL, "-q")[0] == 0
    assert command("in", "-o", f"{address}/in2", *MODEL, "-q")[0] == 0
    code, _, err = command("in", "-o", f"{address}/in2", *MODEL)
    assert code == 0 and "0 of 5 pictures enlarged, 5 there already" in err
    assert command(f"{address}/in2", "-o", f"{address}/in4", *MODEL, "-q")[0] == 0
    assert command("expected", "-o", "twice", *MODEL, "-q")[0] == 0
    place = place_of(f"{address}/in4")
    found = {}
    for number, name in enumerate(entry.name for entry in place.names()):
        if not name.endswith(".jsonl"):
            found[name] = place.fetched(name, folder / f"copy{number}", NEVER).read_bytes()
    assert found == {
        name: (folder / "twice" / name).read_bytes() for name in names(folder / "twice") if not name.endswith(".jsonl")
    }
    code, _, err = command("manifest", "verify", f"{address}/in4", "--digests")
    assert code == 0 and "5 of 5 outputs are as they were written" in err
    assert command("manifest", "status", f"{address}/in4")[0] == 0
    # The list goes on behind a name that was there.
    listed = [entry.name for entry in place.names()]
    assert [entry.name for entry in place.names(after=listed[2])] == listed[3:]
    assert place.there([*listed[:4], "none", "z"]) == set(listed[:4])
    # Nineteen megabytes go in parts.
    (folder / "large").write_bytes(os.urandom(19 << 20))
    assert place.keep("large", folder / "large", replace=False) is True
    assert place.keep("large", folder / "large", replace=False) is False
    assert place.fetched("large", folder / "back", NEVER).read_bytes() == (folder / "large").read_bytes()


NEVER = threading.Event()


def test_azure(folder: Path, command: Command, azure: str) -> None:
    goes_there_and_back(folder, command, azure)


def test_azure_puts_only_where_nothing_is(folder: Path, azure: str) -> None:
    place = place_of(f"{azure}/once")
    (folder / "one").write_text("one")
    (folder / "two").write_text("two")
    assert place.keep("a", folder / "one", replace=False) is True
    assert place.keep("a", folder / "one", replace=False) is False
    with pytest.raises(Exception, match="was put by somebody else meanwhile, with other bytes"):
        place.keep("a", folder / "two", replace=False)
    assert place.keep("a", folder / "two", replace=True) is True


def test_azure_refuses(folder: Path, command: Command, azure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = command("in", "-o", "az://nowhere/out", *MODEL, "-q")
    assert code == 1 and err == "upres: az://nowhere/out: no such bucket; check the address\n"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"another").decode())
    code, _, err = command("in", "-o", f"{azure}/out", *MODEL, "-q")
    assert code == 1 and "az://pictures/out/a_x2.png: the store refuses it to these credentials" in err
    assert KEY not in err and err.count("\n") == 1


def test_google(folder: Path, command: Command, google: str) -> None:
    goes_there_and_back(folder, command, google)


def test_google_refuses(folder: Path, command: Command, google: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = command("in", "-o", "gs://nowhere/out", *MODEL, "-q")
    assert code == 1 and err == "upres: gs://nowhere/out: no such bucket; check the address\n"
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", '{"private_key": "never-printed"}')
    code, _, err = command("in", "-o", f"{google}/out", *MODEL, "-q")
    assert code == 1 and "gs://pictures/out: " in err and "never-printed" not in err and err.count("\n") == 1


@pytest.mark.parametrize("scheme", ["az", "gs"])
def test_addresses_that_cannot_be(scheme: str) -> None:
    with pytest.raises(ConfigError, match="an address of a bucket holds no user, password or query"):
        place_of(f"{scheme}://me:secret@bucket/in")
    with pytest.raises(ConfigError, match="an address of a bucket holds no user, password or query"):
        place_of(f"{scheme}://bucket/in?sig=secret")


def test_no_account_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    code, _, err = command("az://pictures/in", "-o", "out")
    assert code == 1 and "az://pictures/in: " in err and "AZURE_STORAGE_ACCOUNT_NAME" in err
