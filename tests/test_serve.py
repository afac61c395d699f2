"""The service answers with the command's bytes, and with one line where it cannot."""

import doctest
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import bad_pictures
from tests.commands import UPRES
from tests.running_service import RunningService, form, running
from upres.image import Picture, read, write
from upres.image.background import parse_colour
from upres.service import problems, queue, sharing, uploads
from upres.service.openapi import description
from upres.service.page import FILES
from upres.service.parameters import PARAMETERS, Asked, read_asked
from upres.service.problems import KINDS, ProblemError
from upres.service.table import ROUTES
from upres.upscaling.loading import Upscalers
from upres.upscaling.pipeline import Settings, enlarge
from upres.upscaling.sizes import Size

BICUBIC = "scale=2&model=bicubic"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    arguments = (
        "--model",
        "bicubic",
        "--max-pixels",
        "3000000",
        "--max-made-pixels",
        "12000000",
        "--max-frames",
        "1500",
    )
    with running(tmp_path_factory.mktemp("spool"), *arguments, "--max-body", "2MB", "--silent-seconds", "1") as service:
        yield service


@pytest.fixture
def png(tmp_path: Path) -> bytes:
    write(Picture(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)), tmp_path / "p.png")
    return (tmp_path / "p.png").read_bytes()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of picture that is odd and right."""
    folder = tmp_path_factory.mktemp("good")
    bad_pictures.good(folder)
    return folder


def test_its_bytes_are_the_commands_for_every_kind_of_picture(service: RunningService, pictures: Path) -> None:
    command = [*UPRES, str(pictures), "-o", str(pictures.parent / "large"), "--model", "bicubic", "--scale", "2"]
    subprocess.run(command, check=True, capture_output=True)
    made = {path.name: path for path in (pictures.parent / "large").glob("*_x2.*")}
    assert len(made) > 40
    for path in sorted(pictures.iterdir()):
        if path.is_file() and (target := made.get(f"{path.stem}_x2{path.suffix}")) is not None:
            # A name in a folder says its format; what is posted says it itself.
            answer = service.post(path.read_bytes(), f"{BICUBIC}&format={path.suffix[1:]}")
            assert answer.status == 200, (path, answer)
            assert answer.body == target.read_bytes(), path
    assert service.files() == []


def test_a_photograph_of_an_iphone_is_taken_where_the_extra_is_there(service: RunningService, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed: upres[heic]")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    path, target = tmp_path / "p.heic", tmp_path / "large.png"
    pillow_heif.from_bytes(mode="RGB", size=(30, 20), data=pixels.tobytes()).save(path, quality=90)
    heic = path.read_bytes()
    settings = Settings()
    upscaler = Upscalers("bicubic", Size(scale=2)).for_picture(20, 30)
    enlarge(settings.opened(path), settings.sink(target), upscaler.enlargement)
    answer = service.post(heic, f"{BICUBIC}&format=png")
    assert answer.status == 200 and answer.body == target.read_bytes()
    body, kind = form(("picture", "p.heic", heic))
    assert service.post(body, f"{BICUBIC}&format=png", content_type=kind).body == target.read_bytes()
    assert service.post(heic[:-40], f"{BICUBIC}&format=png").kind == "unusable"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "avif", "gif", "bmp", "ppm"])
def test_its_bytes_are_the_paths_for_every_format(
    service: RunningService, png: bytes, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "lr.png").write_bytes(png)
    settings, size = Settings(quality=81, background=parse_colour("#102030")), Size(width=47)
    opened = settings.opened(tmp_path / "lr.png")
    upscaler = Upscalers("bicubic", size).for_picture(*opened.shape.size)
    enlarge(opened, settings.sink(tmp_path / f"sr.{suffix}"), upscaler.enlargement)
    made = (tmp_path / f"sr.{suffix}").read_bytes()
    query = f"model=bicubic&width=47&format={suffix}&quality=81&background=%23102030"
    answer = service.post(png, query)
    assert answer.status == 200 and answer.body == made
    body, kind = form(("model", None, b"bicubic"), ("width", None, b"47"), ("picture", "p.png", png))
    posted = service.post(body, query.replace("model=bicubic&width=47&", ""), content_type=kind)
    assert posted.body == made
    assert posted.headers["content-disposition"].startswith(f'attachment; filename="p_x1.57.{suffix}"')


@pytest.mark.slow
def test_a_shipped_model_gives_the_commands_bytes(service: RunningService, png: bytes) -> None:
    piped = subprocess.run(
        [*UPRES, "-", "--model", "fast", "--denoise", "0"], input=png, check=True, capture_output=True
    )
    answer = service.post(png, "model=fast&denoise=0")
    assert answer.status == 200 and answer.body == piped.stdout
    assert (answer.headers["upres-model"], answer.headers["upres-scale"]) == ("fast", "4")


def test_the_facts_stand_in_the_head(service: RunningService, png: bytes) -> None:
    answer = service.post(png, BICUBIC)
    head = answer.headers
    assert head["content-type"] == "image/png" and int(head["content-length"]) == len(answer.body)
    assert (head["upres-input"], head["upres-output"], head["upres-denoise"]) == ("30x20", "60x40", "0")
    assert float(head["upres-seconds"]) > 0 and "queue;dur=" in head["server-timing"]
    assert head["x-content-type-options"] == "nosniff" and head["content-disposition"].startswith("attachment")
    assert (
        "frame-ancestors 'none'" in head["content-security-policy"] and "unsafe" not in head["content-security-policy"]
    )
    assert not [name for name in head if name.startswith("access-control")]


def test_metadata_is_left_behind_where_it_is_asked_for(service: RunningService, tmp_path: Path) -> None:
    exif = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
    write(Picture(np.zeros((8, 9, 3), np.uint8), metadata={"exif": exif}, resolution=(10.0, 10.0)), tmp_path / "p.jpg")
    content = (tmp_path / "p.jpg").read_bytes()
    for query, kept in ((BICUBIC, True), (f"{BICUBIC}&strip=true", False)):
        (tmp_path / "sr.jpg").write_bytes(service.post(content, query).body)
        made = read(tmp_path / "sr.jpg")
        assert (b"abc" in made.metadata.get("exif", b"")) is kept
        assert made.resolution == pytest.approx((20, 20), rel=0.01)


REFUSED = [
    ("scale=0.5", 400, "bad-request", "scale 0.5: should be from 1 to 32"),
    ("scale=nan", 400, "bad-request", "scale nan: should be from 1 to 32"),
    ("scale=inf", 400, "bad-request", "scale inf: should be from 1 to 32"),
    ("scale=-1e999", 400, "bad-request", "scale -1e999: should be from 1 to 32"),
    ("detail=nan", 400, "bad-request", "detail nan: should be from 0 to 1"),
    ("denoise=inf", 400, "bad-request", "denoise inf: should be a number from 0 to 1, or auto"),
    ("width=-5", 400, "bad-request", "width -5: should be from 1 to 100"),
    (f"height={'9' * 40}", 400, "bad-request", "height 999"),
    ("quality=1e2", 400, "bad-request", "quality 1e2: is not a whole number"),
    ("scale=2%0a3", 400, "bad-request", "scale 2\\n3: is not a number"),
    ("scale=two", 400, "bad-request", "scale two: is not a number"),
    ("scale=2&scale=3", 400, "bad-request", "scale: is given twice; give it once"),
    (
        "width=9&height=9",
        400,
        "bad-request",
        "width and height are both given, and one of them decides the size; give fit",
    ),
    ("fit=9", 400, "bad-request", "'9': not a box; write its width and height as 3840x2160"),
    ("scael=2", 400, "bad-request", "scael: no such parameter; did you mean scale?"),
    ("model=bace", 422, "unusable", "unknown model 'bace': did you mean base?"),
    ("model=/etc/passwd", 422, "unusable", "unknown model '/etc/passwd': Known"),
    ("model=../x.onnx", 422, "unusable", "unknown model '../x.onnx': "),
    ("denoise=2", 400, "bad-request", "denoise 2: should be a number from 0 to 1, or auto"),
    ("model=best&denoise=1", 422, "unusable", "denoise = 1: best has no weights for compressed pictures"),
    ("format=psd", 422, "unusable", "format psd: "),
    ("format=jpg&lossless=on", 422, "unusable", "the result: JPEG is never lossless; write"),
    ("quality=0", 400, "bad-request", "quality 0: should be from 1 to 100"),
    ("lossless=perhaps", 400, "bad-request", "lossless perhaps: should be true or false"),
    ("background=redd", 422, "unusable", "background redd: should be #rrggbb or a name"),
    ("scale=32&width=", 200, "", ""),
]


@pytest.mark.parametrize(("query", "status", "kind", "said"), REFUSED)
def test_what_cannot_be_asked_for(
    service: RunningService, png: bytes, query: str, status: int, kind: str, said: str
) -> None:
    answer = service.post(png, query)
    assert answer.status == status, answer.body
    if status != 200:
        assert answer.kind == kind
        assert answer.members["detail"].startswith(said) and "\n" not in answer.members["detail"]


def test_hostile_files_are_4xx_and_name_no_path(service: RunningService, tmp_path: Path) -> None:
    names = bad_pictures.bad(tmp_path)
    seen = set()
    for name in sorted(names):
        path = tmp_path / name
        by_its_name = name.startswith(("nnn", "locked"))  # what is posted has none
        if by_its_name or not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        answer = service.post(path.read_bytes(), BICUBIC)
        assert 400 <= answer.status < 500, (name, answer)
        seen.add(answer.kind)
        said = answer.members["detail"]
        assert str(service.folder) not in said and "upres-serve" not in said and "Traceback" not in said, said
    assert {"not-a-picture", "unusable", "picture-too-large"} <= seen
    assert service.get("/readyz").status == 200 and service.files() == []
    assert service.number("worker_restarts_total") == 0


def test_more_than_is_allowed(service: RunningService, tmp_path: Path) -> None:
    write(Picture(np.zeros((1600, 1200, 3), np.uint8)), tmp_path / "p.png")
    content = (tmp_path / "p.png").read_bytes()
    answer = service.post(content, "scale=4&model=bicubic")
    assert (answer.status, answer.kind) == (413, "result-too-large")
    assert answer.members["detail"].startswith(
        "the result: 4800×6400 would be 30,720,000 pixels, more than the 12,000,"
    )
    assert (answer.members["limit"], answer.members["seen"]) == (12_000_000, 30_720_000)
    answer = service.post(bytes(2_000_001))
    assert (answer.status, answer.kind) == (413, "body-too-large")
    with service.socket() as plain:  # one that does not say how long it is
        plain.sendall(b"POST /v1/upscale HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            plain.sendall(b"100000\r\n" + bytes(0x100000) + b"\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 413")
    with service.socket() as plain:
        plain.sendall(b"POST /v1/upscale HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 411")


def test_a_slow_body(service: RunningService, png: bytes) -> None:
    with service.socket() as plain:
        plain.sendall(b"POST /v1/upscale HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n" + png[:9])
        assert plain.recv(100).startswith(b"HTTP/1.1 408")
    assert service.files() == []


FORMS = [
    ([("picture", "p.png", b"")], "the request holds no picture"),
    ([("scale", None, b"2")], "the request holds no picture"),
    ([("picture", "p.png", b"x"), ("picture", "q.png", b"x")], "the form holds several files"),
    ([("picture", "p.png", b"x"), ("nix", None, b"2")], "nix: no such parameter"),
    ([("scale", None, b"2" * 1_001)], "a field of the form has more than 1000 bytes"),
    ([(f"f{number}", None, b"2") for number in range(21)], "the form has more than 20 fields"),
]


@pytest.mark.parametrize(("parts", "said"), FORMS)
def test_forms_that_are_none(service: RunningService, parts: list[tuple[str, str | None, bytes]], said: str) -> None:
    body, kind = form(*parts)
    answer = service.post(body, content_type=kind)
    assert (answer.status, answer.kind) == (400, "bad-request")
    assert answer.members["detail"].startswith(said)
    assert service.files() == []


def test_a_form_that_is_cut_short_or_without_boundary(service: RunningService, png: bytes) -> None:
    body, kind = form(("picture", "p.png", png))
    for content, said in ((body[:-9], kind), (body, "multipart/form-data"), (body, kind.replace("b0", "b1"))):
        assert service.post(content, content_type=said).kind == "bad-request"


def test_a_browsers_form_is_answered_with_a_page(service: RunningService) -> None:
    body, kind = form(("picture", "<b>.png", b"<script>"), ("scale", None, b""))
    answer = service.post(body, content_type=kind, accept="text/html,*/*;q=0.8")
    assert answer.status == 415 and answer.headers["content-type"].startswith("text/html")
    assert b"This is no picture" in answer.body and b"<script>" not in answer.body


def test_the_name_of_the_file_comes_back_without_what_no_name_should_hold() -> None:
    for given, plain in (("../../etc/x.jpg", "x"), ('a\r\nb".png', "ab"), ("C:\\t\\Ü ber.TIF", "Ü ber"), ("", "")):
        assert uploads.plain_name(given) == plain
    assert len(uploads.plain_name("x" * 1000)) == 80


def test_models_formats_and_other_addresses(service: RunningService) -> None:
    models = service.get("/v1/models").members
    assert models["default"] == "bicubic" and {"name", "scale", "denoise"} <= set(models["models"][0])
    assert {form["format"] for form in service.get("/v1/formats").members["formats"] if form["write"]} >= {
        "PNG",
        "JPEG",
    }
    assert service.get("/healthz").body == b"ok\n"
    assert (service.get("/nix").kind, service.get("/v1/upscale").kind) == ("not-found", "method-not-allowed")
    assert service.get("/v1/upscale").headers["allow"] == "POST"
    assert service.get("/v1/jobs/nix").kind == "not-found"
    assert service.get("/../../etc/passwd").status == service.get("/style.css/..%2f..%2fx").status == 404


def test_the_description_names_all_routes_and_parameters(service: RunningService) -> None:
    told = service.get("/openapi.json").members
    assert told == json.loads(json.dumps(description()))
    here = {(row.path, row.method.lower()) for row in ROUTES if row.path not in FILES}
    there = {
        (path, method) for path, item in told["paths"].items() for method in item if method in ("get", "post", "delete")
    }
    assert here == there
    assert {parameter.name for parameter in PARAMETERS} == set(Asked.__dataclass_fields__)
    assert {parameter.name: parameter.example for parameter in PARAMETERS if parameter.kind == "integer"} == {
        name: str(item["example"])
        for item in told["paths"]["/v1/upscale"]["post"]["parameters"]
        if (name := item["name"]) and item["schema"]["type"] == "integer"
    }


def test_the_page_works_without_a_script(service: RunningService) -> None:
    page = service.get("/")
    text = page.body.decode()
    assert page.headers["content-type"].startswith("text/html") and "<!--" not in text
    assert '<option value="bicubic" selected>' in text and '<option value="png">' in text
    assert "//" not in text.replace("http://www.w3.org", "")
    for path in FILES:
        assert service.get(path).status == 200


def test_requests_are_logged_and_counted_without_what_they_hold(service: RunningService, png: bytes) -> None:
    before = service.number('requests_total{method="POST",route="/v1/upscale",status="200"}')
    body, kind = form(("picture", "secret.png", png), ("model", None, b"bicubic"), ("scale", None, b"2"))
    assert service.post(body, content_type=kind).status == 200
    assert service.number('requests_total{method="POST",route="/v1/upscale",status="200"}') == before + 1
    service.until(lambda: service.log[-2]["route"] == "/v1/upscale")
    line = service.log[-2]
    assert (line["status"], line["model"], line["input"], line["output"]) == (200, "bicubic", "30x20", "60x40")
    assert "secret" not in json.dumps(service.log)
    service.get("/stranger/<chose>/this")
    assert "chose" not in service.get("/metrics").body.decode() + json.dumps(service.log)


def test_statuses_of_problems_are_those_of_http() -> None:
    assert {status for status, _ in KINDS.values()} == {
        *(400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 429, 499, 500, 503, 504)
    }
    with pytest.raises(ProblemError):
        read_asked([("scale", "1e999")])
    assert read_asked([("scale", "2"), ("strip", "on"), ("width", " ")]) == Asked(scale=2.0, strip=True)


def test_docstrings_examples() -> None:
    for module in (problems, queue, sharing, uploads):
        assert doctest.testmod(module).failed == 0


def test_the_server_process_touches_no_picture_library() -> None:
    code = "import upres.service.server, sys; print({'numpy', 'pyvips', 'onnxruntime', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_strip_is_a_setting_of_the_path(tmp_path: Path) -> None:
    assert Settings(strip=True).sink(tmp_path / "x.png") is not None
