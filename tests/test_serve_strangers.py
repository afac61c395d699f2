"""Who may ask, and under which name: rebinding, foreign pages, tokens, and connections that say nothing."""

import base64
import time
from collections.abc import Iterator

import pytest

from tests.running_service import RunningService, running
from upres.errors import ConfigError
from upres.service.settings import ServeSettings

ORIGIN = "https://gallery.example"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(tmp_path_factory.mktemp("spool"), "--model", "bicubic", "--header-seconds", "1") as service:
        yield service


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    arguments = ("--token", "s3cret", "--allow-host", "up.example", "--allow-origin", ORIGIN, "--model", "bicubic")
    with running(tmp_path_factory.mktemp("spool"), *arguments) as service:
        yield service


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "[::2]"])
def test_a_name_that_is_not_the_loopbacks_is_refused(plain: RunningService, host: str) -> None:
    answer = plain.get("/v1/models", host=host)
    assert (answer.status, answer.kind) == (403, "foreign-host")
    assert plain.post(b"x", host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "127.8.9.1:80", "[::1]:80", "localhost."])
def test_names_of_the_loopback(plain: RunningService, host: str) -> None:
    assert plain.get("/v1/models", host=host).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost:1"]
)
def test_a_foreign_page_is_refused(plain: RunningService, origin: str) -> None:
    for method, path in (("POST", "/v1/upscale"), ("GET", "/v1/models"), ("DELETE", "/v1/jobs/x")):
        answer = plain.ask(method, path, b"", origin=origin)
        assert (answer.status, answer.kind) == (403, "foreign-origin")
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert plain.ask("OPTIONS", "/v1/upscale", origin=origin).status == 403


def test_its_own_page_is_answered(plain: RunningService) -> None:
    here = f"127.0.0.1:{plain.port}"
    assert plain.get("/v1/models", origin=f"http://{here}", host=here).status == 200


def test_a_token(told: RunningService) -> None:
    for path in ("/", "/v1/models", "/metrics", "/openapi.json"):
        answer = told.get(path)
        assert (answer.status, answer.kind) == (401, "unauthorised")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert told.get("/v1/models", authorization="Bearer s3cret").status == 200
    assert told.get("/v1/models", authorization="Bearer s3cre").status == 401
    for user, right in ((b":s3cret", 200), (b"anyone:s3cret", 200), (b"s3cret:", 401)):
        assert told.get("/", authorization=f"Basic {base64.b64encode(user).decode()}").status == right
    assert told.get("/", authorization="Basic =!").status == 401
    assert told.get("/healthz").status == told.get("/readyz").status == 200


def test_a_page_that_is_allowed(told: RunningService) -> None:
    asked = told.ask("OPTIONS", "/v1/upscale", origin=ORIGIN, access_control_request_method="POST")
    assert asked.status == 204 and asked.headers["access-control-allow-origin"] == ORIGIN
    answer = told.get("/v1/models", origin=ORIGIN, authorization="Bearer s3cret", host="up.example")
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["vary"] == "Origin" and "access-control-allow-credentials" not in answer.headers
    assert told.get("/v1/models", origin=ORIGIN).status == 401


def test_a_connection_that_says_nothing_is_closed(plain: RunningService) -> None:
    with plain.socket() as silent, plain.socket() as half, plain.socket() as after:
        half.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        after.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        assert after.recv(20).startswith(b"HTTP/1.1 200")
        for connection in (silent, half, after):
            connection.settimeout(30)
            while connection.recv(10_000):
                pass
        assert time.monotonic() - began > 0.9


def test_what_is_no_http(plain: RunningService) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/upscale HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with plain.socket() as connection:
            connection.sendall(sent)
            assert connection.recv(1000).startswith((b"HTTP/1.1 400", b"HTTP/1.1 403", b"")) is True
    assert plain.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"port": 70_000}, "port = 70000: should be from 0 to 65,535"),
        ({"max_queue": 0}, "max_queue = 0: should be at least 1"),
        ({"token": "ü"}, "token: should be printable ASCII, and not empty"),
        ({"max_memory": 10**8}, "max_memory = 100 MB: the service needs 700 MB at least; allow as much"),
        ({"origins": ("*",)}, "origin *: should be like https://example.org"),
        ({"model": "x/y.onnx"}, "model x/y.onnx: the service takes names of upres models"),
    ],
)
def test_settings_that_cannot_be(wrong: dict, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ServeSettings(**wrong)
    assert str(caught.value) == said


def test_where_it_listens() -> None:
    assert all(ServeSettings(host=host).loopback for host in ("127.0.0.1", "localhost", "::1", "127.3.4.5"))
    assert not any(ServeSettings(host=host).loopback for host in ("0.0.0.0", "::", "10.0.0.1", "up.example"))
