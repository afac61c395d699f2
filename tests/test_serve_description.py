"""What the service answers to anything is what its description says: statuses, types, and problems in one line.

`UPRES_EXAMPLES=20000 python -m pytest tests/test_serve_description.py` asks more than the suite has time for.
"""

import contextlib
import http.client
import json
import os
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.running_service import Answer, RunningService, form, running
from upres.image import Picture, write
from upres.service.openapi import description
from upres.service.parameters import PARAMETERS, Parameter
from upres.service.problems import KINDS

EXAMPLES = int(os.environ.get("UPRES_EXAMPLES", "0"))
TYPES = {"string": str, "integer": int, "number": (int, float), "object": dict, "boolean": bool, "array": list}

many = settings(max_examples=EXAMPLES) if EXAMPLES else settings(max_examples=100, derandomize=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    arguments = ("--model", "bicubic", "--max-made-pixels", "300000", "--max-body", "4kB", "--keep-seconds", "60")
    with running(tmp_path_factory.mktemp("spool"), *arguments) as service:
        yield service


@pytest.fixture(scope="module")
def connection(service: RunningService) -> Iterator[http.client.HTTPConnection]:
    """One that is kept open."""
    with contextlib.closing(service.connection()) as connection:
        yield connection


class Bodies(list[bytes]):
    """What is posted; a failure names one by its number."""

    def __repr__(self) -> str:
        return f"{len(self)} bodies"


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Bodies:
    folder = tmp_path_factory.mktemp("p")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    for suffix in ("png", "jpg", "gif", "tif"):
        write(Picture(pixels), folder / f"p.{suffix}")
    alpha = np.full((6, 8), 99, np.uint8)
    write(Picture(pixels, alpha), folder / "alpha.webp")
    whole = [path.read_bytes() for path in sorted(folder.iterdir())]
    return Bodies([*whole, *(body[: len(body) // 2] for body in whole), b"", b"nonsense", bytes(4_001)])


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, head: dict[str, str]) -> Answer:
    try:
        connection.request(method, path, body if method == "POST" else None, head)
        answer = connection.getresponse()
    except (http.client.HTTPException, OSError):  # refused before its body was read, and closed
        connection.close()
        connection.request(method, path, body if method == "POST" else None, head)
        answer = connection.getresponse()
    return Answer(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())


def held_against(path: str, method: str, answer: Answer) -> None:
    """Be sure that an answer is one that the description knows."""
    operation = description()["paths"][path][method]
    described = operation["responses"].get(str(answer.status))
    assert described is not None, (answer.status, answer.body)
    assert answer.status != 500, answer.body
    kind = answer.headers.get("content-type", "").partition(";")[0]
    content = described.get("content", {})
    if not content:
        assert (kind, answer.body) == ("", b"")
        return
    found = content.get(kind) or (content.get("image/*") if kind.startswith("image/") else None)
    assert found is not None, (kind, sorted(content))
    if kind.endswith("json"):
        conforms(json.loads(answer.body), found["schema"])
    if kind == "application/problem+json":
        told = answer.members
        name = told["type"].removeprefix("urn:upres:problem:")
        assert (KINDS[name][0], KINDS[name][1]) == (told["status"], told["title"])
        assert told["status"] == answer.status
        assert told["detail"] and told["detail"].isprintable() and "/tmp" not in told["detail"], told
    if answer.status == 429:
        assert int(answer.headers["retry-after"]) > 0


def conforms(value: Any, schema: dict[str, Any]) -> None:
    """Be sure that a value is what a schema says, as far as the description's go."""
    if "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "type" in schema:
        assert isinstance(value, TYPES[schema["type"]]), (value, schema)
    assert value in schema.get("enum", [value])
    assert schema.get("minimum", -np.inf) <= value if "minimum" in schema else True
    for name in schema.get("required", ()):
        assert name in value
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            conforms(value[name], inner)


def values(parameter: Parameter) -> st.SearchStrategy[str]:
    """What may stand for a parameter: what its schema allows, what it does not, and anything."""
    odd = st.sampled_from(["nan", "inf", "-inf", "1e999", "-1", "0", "1e9", "9" * 30, "2,5", "0x10", "२", " ", "true"])
    numbers = st.one_of(st.integers(-5, 300).map(str), st.floats(-2, 40).map(str))
    return st.one_of(st.just(parameter.example), odd, numbers, st.text(max_size=12))


PAIRS = st.sampled_from(PARAMETERS).flatmap(lambda one: st.tuples(st.just(one.name), values(one)))
NAMES = st.one_of(PAIRS, st.tuples(st.text(string.ascii_letters + "é=&", max_size=9), st.text(max_size=5)))
PRINTABLE = st.text(string.digits + string.ascii_letters + string.punctuation + " ", max_size=30).map(str.strip)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Prefer": st.one_of(st.sampled_from(["respond-async", "respond-async, wait=1", "wait=9", "wait=x"]), PRINTABLE),
        "Accept": st.one_of(st.sampled_from(["text/html,*/*", "image/png"]), PRINTABLE),
        "Origin": st.one_of(st.sampled_from(["null", "https://evil.example"]), PRINTABLE),
        "Authorization": PRINTABLE,
        "X-Forwarded-For": PRINTABLE,
    },
)


PARTS = st.lists(st.one_of(PAIRS, PAIRS, NAMES), max_size=3)


@pytest.mark.slow
@many
@given(PARTS, HEADERS, st.integers(0, 99), st.one_of(st.none(), PARTS), PRINTABLE)
def test_whatever_is_posted(
    connection: http.client.HTTPConnection,
    bodies: Bodies,
    query: list[tuple[str, str]],
    head: dict[str, str],
    number: int,
    fields: list[tuple[str, str]] | None,
    file: str,
) -> None:
    body = bodies[number % len(bodies)]
    if fields is not None:
        parts = [(quote(name), None, text.encode()) for name, text in fields]
        body, kind = form(*parts, ("picture", file.replace('"', ""), body))
        head = {**head, "Content-Type": kind}
    answer = asked(connection, "POST", f"/v1/upscale?{urlencode(query)}", body, head)
    held_against("/v1/upscale", "post", answer)


@pytest.mark.parametrize("first", [("scale", "2"), ("scale", "nan"), ("detail", "0.5"), ("strip", "true")])
def test_a_parameter_that_is_repeated(connection: http.client.HTTPConnection, first: tuple[str, str]) -> None:
    """In the query, in the form, and in both."""
    name, text = first
    for query, fields in (([first, first], []), ([first], [first]), ([], [first, first])):
        body, kind = form(*((name, None, text.encode()) for name, text in fields), ("picture", "p.png", b"x"))
        answer = asked(connection, "POST", f"/v1/upscale?{urlencode(query)}", body, {"Content-Type": kind})
        assert (answer.status, answer.kind) == (400, "bad-request")
        said = answer.members["detail"]
        assert said.startswith(f"{name}: is given twice" if text != "nan" else f"{name} nan: should be "), said


OTHERS = [
    (path, method)
    for path, item in description()["paths"].items()
    for method in item
    if method in ("get", "delete") and path != "/v1/upscale"
]


@pytest.mark.parametrize(("path", "method"), OTHERS)
def test_whatever_is_asked(connection: http.client.HTTPConnection, bodies: Bodies, path: str, method: str) -> None:
    made = asked(connection, "POST", "/v1/upscale?scale=2", bodies[1], {"Prefer": "respond-async"})
    job = made.headers["location"].rpartition("/")[2]
    assert made.status == 202

    jobs = st.one_of(st.just(job), st.text(string.ascii_letters + "-_é%.~", min_size=1, max_size=30))

    @settings(many, max_examples=EXAMPLES // 10 or (12 if "{" in path or path == "/v1/events" else 3))
    @given(jobs, st.one_of(st.none(), st.lists(NAMES, max_size=2)), HEADERS)
    def ask(name: str, query: list[tuple[str, str]] | None, head: dict[str, str]) -> None:
        text = urlencode([("job", name)] if query is None else query)
        where = path.replace("{job}", quote(name, safe="") if name not in (".", "..") else "~")
        held_against(path, method, asked(connection, method.upper(), f"{where}?{text}", b"", head))

    ask()


def test_the_folder_is_empty_when_all_is_over(service: RunningService, tmp_path: Path) -> None:
    service.until(lambda: service.number("running") == service.number("queue_length") == 0)
    assert service.number("worker_restarts_total") == 0 and not service.noise
