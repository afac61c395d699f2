"""`upres models`: what comes inside the package, and what is inside a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from upres.archs import Network
    from upres.models.facts import Facts


def models(
    asked: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="Tell of this one instead, layer by layer: a name such as base-x4, or a .onnx or weights file.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """List the models that come with upres, or the layers of one of them or of a file."""
    if asked is not None:
        _tell(_file_of(asked), as_json)
        return
    from upres.cli.terminal import say
    from upres.config import dump
    from upres.evaluation.text_tables import text_table
    from upres.models.corners import corners_of
    from upres.models.shipped import BICUBIC, PURPOSES, shipped

    found = [(model, model.facts, model.path.stat().st_size) for model in shipped()]
    if as_json:
        table = [
            {**dump(facts), "name": model.name, "purpose": PURPOSES[model.name], "path": str(model.path), "bytes": size}
            for model, facts, size in found
        ]
        print(json.dumps(table, indent=2, ensure_ascii=False))
        return
    rows = []
    for model, facts, _ in found:
        size = sum(file.stat().st_size for file in corners_of(model.path).files)
        scores = ", ".join(f"{protocol} {score:g}" for protocol, score in facts.scores.items())
        rows.append(
            (
                model.name,
                PURPOSES[model.name],
                f"×{model.scale}",
                f"{facts.parameters:,}",
                f"{size / 1e6:.2f} MB",
                facts.licence or "-",
                scores or "-",
            )
        )
    rows.append((BICUBIC, PURPOSES[BICUBIC], "any", "0", "-", "-", "-"))
    say(
        *text_table(("name", "for", "scale", "parameters", "size", "licence", "scores"), rows, numbers=False).split(
            "\n"
        )
    )


def _file_of(asked: str) -> Path:
    """Return the file that is meant: a path, or a shipped model's, whose largest scale is taken unless named."""
    from upres.errors import ModelError
    from upres.models.shipped import BICUBIC, find, shipped

    path = Path(asked)
    if path.is_file() or path.suffix:
        return path
    if asked == BICUBIC:
        raise ModelError("bicubic is no network: it has no layers, and no file")
    own = {f"{one.name}-x{one.scale}": one.path for one in shipped()}
    return own[asked] if asked in own else find(asked).path


def _tell(file: Path, as_json: bool) -> None:
    """Print what a file says of itself, and its network's layers."""
    from upres.cli.terminal import say
    from upres.config import dump
    from upres.evaluation.text_tables import text_table

    facts, network, why = _opened(file)
    layers: list[dict[str, Any]] = []
    if network is not None:
        from upres.archs import outline

        found = outline.outline(network)
        layers = [
            {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape), "parameters": layer.parameters}
            for layer in found
        ]
    if as_json:
        print(json.dumps({**dump(facts), "path": str(file), "layers": layers}, indent=2, ensure_ascii=False))
        return
    told = {key: value for key, value in dump(facts).items() if value not in ("", None, {}, [])}
    width = max(map(len, told))
    say(*(f"{key:<{width}}  {_words(value)}" for key, value in told.items()), "")
    if network is None:
        say(why)
        return
    title = f"output for {outline.SIDE + -outline.SIDE % network.multiple} pixels a side"
    say(*text_table(("layer", "kind", title, "parameters"), outline.rows(found)).split("\n"))


def _opened(file: Path) -> tuple[Facts, Network | None, str]:
    """Return a file's facts, its network, and why there is none."""
    from upres.errors import ModelError, extra
    from upres.models.files import is_onnx
    from upres.models.onnx_facts import read_facts

    if not is_onnx(file):
        with extra("train", file.name):
            from upres.models.foreign.load import read_network
        network, facts = read_network(file)
        return facts, network, ""
    facts = read_facts(file)
    try:
        from upres.models.checkpoint import load_onnx

        return facts, load_onnx(file)[0], ""
    except ImportError:
        return facts, None, 'pip install "upres[train]" and its layers are told, too'
    except ModelError as error:
        return facts, None, f"its layers cannot be told: {error}"


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
