"""What mypy and pyright say of somebody's script: nothing while it is right, an error for each of five slips.

    python -m tools.checkers

Needs mypy and pyright beside upres: `make checkers` installs them. Both run in their strict form.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import upres

# Where an editable install keeps it: checkers do not follow what only Python finds.
_PACKAGES = str(Path(upres.__file__).parents[1])
# Forty lines of a person who knows Python and not upres.
SCRIPT = '''\
"""Enlarge what lies in a folder, and say how far it got."""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import upres


def progress(done: int, total: int) -> None:
    print(f"{done} of {total}", end="\\r")


def enlarged(path: Path, upscaler: upres.Upscaler) -> upres.Picture:
    picture = upres.read(path)
    if picture.width > 4000:
        raise ValueError(f"{path} is large already")
    return upscaler(picture, progress=progress)


def brightness(picture: upres.Picture) -> float:
    pixels: NDArray[np.uint8] = np.asarray(picture)
    return float(pixels.mean())


def main(folder: Path) -> int:
    upscaler = upres.load("base", scale=2, threads=2)
    failed = 0
    for path in sorted(folder.glob("*.jpg")):
        try:
            picture = enlarged(path, upscaler)
            picture.save(path.with_suffix(".webp"), quality=85)
            print(path.name, picture.height, picture.width, brightness(picture))
        except (upres.UpresError, ValueError) as error:
            print(error)
            failed += 1
    return failed


sys.exit(main(Path(sys.argv[1])))
'''
# What is right → what somebody types instead.
SLIPS = {
    "a name that is not there": ("upres.read(path)", "upres.raed(path)"),
    "an option that is not there": ("threads=2", "thread=2"),
    "a type that it does not take": ("scale=2", 'scale="2x"'),
    "an attribute that is not there": ("picture.width >", "picture.widht >"),
    "a result taken for something else": ("return float(pixels.mean())", "return picture.save('mean.png')"),
}


def faults(checker: str, scripts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what a checker says of each script, by the scripts' names."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in scripts.items():
            (Path(folder) / f"{name}.py").write_text(text, encoding="utf-8")
        files = sorted(f"{name}.py" for name in scripts)
        command = {
            "mypy": [sys.executable, "-m", "mypy", "--strict", "--output=json", "--cache-dir=cache", *files],
            "pyright": [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *files],
        }[checker]
        if checker == "pyright":
            settings = {"typeCheckingMode": "strict", "extraPaths": [_PACKAGES]}
            (Path(folder) / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
        environment = {**os.environ, "MYPYPATH": _PACKAGES}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode > 1 or done.stderr.strip().startswith("usage"):
            raise SystemExit(f"{checker}: {done.stdout}{done.stderr}")
        if checker == "mypy":
            told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            said = [(one["file"], one["line"], one["message"]) for one in told if one["severity"] == "error"]
        else:
            told = json.loads(done.stdout)["generalDiagnostics"]
            said = [
                (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
                for one in told
                if one["severity"] == "error"
            ]
    return {
        name: [f"line {line}: {message.splitlines()[0]}" for file, line, message in said if file == f"{name}.py"]
        for name in scripts
    }


def scripts() -> dict[str, str]:
    """Return the right script, and one for each slip."""
    found = {"right": SCRIPT}
    for number, (right, wrong) in enumerate(SLIPS.values(), 1):
        assert SCRIPT.count(right) == 1, right
        found[f"wrong{number}"] = SCRIPT.replace(right, wrong)
    return found


def main() -> None:
    """Check; the exit code is 1 where a checker is wrong."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    wrong = 0
    for checker in ("mypy", "pyright"):
        found = faults(checker, scripts())
        for name, what in zip(found, ("right code", *SLIPS), strict=True):
            fine = bool(found[name]) == (name != "right")
            wrong += not fine
            print(f"{'ok' if fine else 'WRONG':6}{checker:8} {what}: {'; '.join(found[name]) or 'nothing'}")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
