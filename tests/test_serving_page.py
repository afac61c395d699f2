"""docs/serving.md: its examples run, and the files beside it say what the service understands."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer.main
import yaml

from tests.running_service import RunningService, running
from upres.cli.main import command_line
from upres.config.limits import MAX_BODY_BYTES, MAX_GRACE_SECONDS, MAX_SILENT_SECONDS, MAX_WORK_SECONDS
from upres.image import Picture, read_header, write
from upres.service.settings import PORT

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
FILES = ROOT / "docs" / "serving"
EXAMPLES = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(tmp_path_factory.mktemp("spool"), "--model", "fast", "--backend", "onnx") as service:
        yield service


def example(kind: str, holding: str) -> str:
    found = [text for name, text in EXAMPLES if name == kind and holding in text]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("kind", "holding", "program", "made"),
    [
        ("sh", "-F picture=@photo.jpg", ["sh", "-e"], {"large.jpg": 2, "large.png": 4}),
        ("sh", "$job/result", ["sh", "-e"], {"large.jpg": 4}),
        ("python", "urllib", [sys.executable, "-"], {"large.jpg": 2}),
        ("javascript", "fetch", ["node", "-"], {"large.jpg": 2}),
    ],
)
def test_its_examples_run(
    service: RunningService, tmp_path: Path, kind: str, holding: str, program: list[str], made: dict[str, int]
) -> None:
    if shutil.which(program[0]) is None or (kind == "sh" and shutil.which("curl") is None):
        pytest.skip(f"{program[0]} or curl is not installed")
    write(Picture(np.zeros((20, 30, 3), np.uint8)), tmp_path / "photo.jpg")
    code = example(kind, holding).replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{service.port}")
    done = subprocess.run(program, input=code, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"photo.jpg", *made}
    for name, scale in made.items():
        assert read_header(tmp_path / name).width == 30 * scale
    if kind in ("python", "javascript"):
        assert done.stdout == "fast 60x40\n"


def options(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def known() -> set[str]:
    verb = typer.main.get_command(command_line(["serve"]))
    found = verb.commands["serve"] if hasattr(verb, "commands") else verb
    return {name for option in found.params for name in option.opts}


def test_the_options_that_documents_name_are_there() -> None:
    unit = (FILES / "upres.service").read_text(encoding="utf-8")
    container = (FILES / "Containerfile").read_text(encoding="utf-8")
    start = re.findall(r"^ExecStart=(.*)", unit, re.MULTILINE) + re.findall(
        r"^ENTRYPOINT (.*)", container, re.MULTILINE
    )
    assert len(start) == 2
    named = set(
        re.findall(r"--[a-z][a-z-]+", " ".join([*start, PAGE, (FILES / "nginx.conf").read_text(encoding="utf-8")]))
    )
    assert named - {"--data-binary"} <= known()


def test_the_containers_commands_work(service: RunningService, tmp_path: Path) -> None:
    text = (FILES / "Containerfile").read_text(encoding="utf-8")
    check = re.search(r'CMD \["python", "-c", "(.*)"\]', text)
    assert check is not None
    code = check[1].replace(f":{PORT}", f":{service.port}")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert subprocess.run(
        [sys.executable, "-c", check[1].replace(str(PORT), "1")], capture_output=True, check=False
    ).returncode
    assert re.search(r"^USER 65532:65532$", text, re.MULTILINE) and "[serve]" in text


def test_it_writes_nowhere_but_in_its_folder_and_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the container, whose root file system is read-only."""
    for name in ("home", "spool", "cache", "tmp"):
        (tmp_path / name).mkdir()
    for variable, name in (("HOME", "home"), ("UPRES_CACHE", "cache"), ("TMPDIR", "tmp")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    write(Picture(np.zeros((20, 30, 3), np.uint8)), tmp_path / "p.jpg", quality=40)
    with running(tmp_path / "spool", "--model", "base", "--backend", "onnx") as service:
        assert service.post((tmp_path / "p.jpg").read_bytes()).headers["upres-denoise"] != "0"  # a mixture was made
    assert [path.name for name in ("home", "tmp") for path in (tmp_path / name).iterdir()] == []


def test_limits_of_proxies_and_kubernetes_are_the_services() -> None:
    nginx = (FILES / "nginx.conf").read_text(encoding="utf-8")
    assert f"client_max_body_size {MAX_BODY_BYTES // 10**6}m" in nginx
    assert f"client_body_timeout {MAX_SILENT_SECONDS}s" in nginx
    waits = [int(found) for found in re.findall(r"proxy_read_timeout (\d+)s", nginx)]
    assert waits and min(waits) > MAX_WORK_SECONDS
    assert f"max_size {MAX_BODY_BYTES // 10**6}MB" in (FILES / "Caddyfile").read_text(encoding="utf-8")
    deployment, entry = yaml.safe_load_all((FILES / "kubernetes.yaml").read_text(encoding="utf-8"))
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["terminationGracePeriodSeconds"] > MAX_GRACE_SECONDS + 5
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"]
    assert container["ports"][0]["containerPort"] == PORT and entry["spec"]["ports"][0]["targetPort"] == "http"
    several = (FILES / "ray_serve.py").read_text(encoding="utf-8")
    assert f"_MOST_BYTES = {MAX_BODY_BYTES:_}" in several
    unit = (FILES / "upres.service").read_text(encoding="utf-8")
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > MAX_GRACE_SECONDS


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (FILES / "upres.service").read_text(encoding="utf-8").replace("/opt/upres/bin/upres", sys.executable)
    (tmp_path / "upres.service").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "upres.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "upres.service" not in done.stderr, done.stderr
