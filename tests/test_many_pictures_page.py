"""docs/scale.md: its commands run as they stand, and its cluster files say what upres and the clusters take."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.commands import Command, names
from tests.small_pictures import picture
from upres.image import write
from upres.upscaling.batch.shards import Shard, parse_shard

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILES = DOCS / "scale"
PAGE = (DOCS / "scale.md").read_text(encoding="utf-8")


def options(words: list[str], command: Command) -> None:
    """Be sure that the command takes such words: it gets as far as the missing input."""
    code, _, err = command(*words)
    assert code == 2 and "no such file" in err, err


@pytest.mark.slow
def test_its_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "may/b.jpg", "may/c.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        write(picture(height=10, width=12), tmp_path / "photos" / name)
    (tmp_path / "names.txt").write_text("a.jpg\n")
    (tmp_path / "addresses.txt").write_text("photos/may/b.jpg\n")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    ran = 0
    for line in lines:
        words = shlex.split(line, comments=True)
        if not words or words[0] != "upres" or any("://" in word for word in words) or "ray" in words:
            continue
        code, _, err = command(*words[1:])
        assert code == 0, f"{line}\n{err}"
        ran += 1
    assert ran >= 8
    assert [name for name in names(tmp_path / "large") if not name.endswith("jsonl")] == [
        "a_x4.jpg",
        "may/b_x4.jpg",
        "may/c_x4.png",
        "photos/may/b_x4.jpg",
    ]


def test_its_python_is_whole() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(block, "scale.md", "exec")


def test_the_slurm_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bash = shutil.which("bash") or pytest.skip("bash is not installed")
    script = FILES / "slurm.sh"
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", script.read_text(encoding="utf-8"), re.MULTILINE))
    assert asked["array"] == "1-16" and "#SBATCH --requeue" in script.read_text(encoding="utf-8")
    # What it becomes is told by a command that prints its words.
    (tmp_path / "upres").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "upres").chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "16"}
    done = subprocess.run(
        [bash, script, "in", "out"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_CPUS_PER_TASK": "4", **slurm},
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    assert words[:5] == ["upscale", "in", "-o", "out", "--shard"]
    assert parse_shard(words[5], slurm) == Shard(3, 16)


def test_the_kubernetes_job(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    (job,) = yaml.safe_load_all((FILES / "kubernetes-job.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"], job["spec"]["completionMode"]) == ("batch/v1", "Job", "Indexed")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    words = container["args"]
    count = job["spec"]["completions"]
    assert parse_shard(words[words.index("--shard") + 1], {"JOB_COMPLETION_INDEX": str(count - 1)}) == Shard(
        count, count
    )
    # Without a restart policy of never, failed indexes are not counted.
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never" and job["spec"]["backoffLimitPerIndex"] > 0
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]} == {"tmp"}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mine = next(number for number in range(count) if Shard(number + 1, count).has("missing.png"))
    monkeypatch.setenv("JOB_COMPLETION_INDEX", str(mine))
    options(["upscale", "missing.png", *words[words.index("--shard") :]], command)


def test_the_ray_cluster(command: Command) -> None:
    text = (FILES / "ray-cluster.yaml").read_text(encoding="utf-8")
    cluster = yaml.safe_load(text)
    assert {"cluster_name", "provider", "available_node_types", "head_node_type", "max_workers"} <= set(cluster)
    types = cluster["available_node_types"]
    assert cluster["head_node_type"] in types and types["head"]["resources"] == {"CPU": 0}
    assert sum(each["max_workers"] for each in types.values()) <= cluster["max_workers"]
    assert all("InstanceType" in each["node_config"] for each in types.values())
    words = shlex.split(re.findall(r'"(upres [^"]*)"', text)[0])
    assert words[4:] == ["--engine", "ray", "--address", "auto"]
    code, _, err = command("upscale", "missing.png", "--address", "auto")
    assert code == 2 and "--address is that of a Ray cluster; give --engine ray, too" in err
    jsonschema = pytest.importorskip("jsonschema")
    ray = importlib.util.find_spec("ray") or pytest.skip("Ray, which has the schema, is not installed")
    schema = Path(str(ray.origin)).parent / "autoscaler/ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text(encoding="utf-8")))
