"""Make a trained checkpoint a shipped model: measure it, write its ONNX file with scores in its facts, and a card.

python -m tools.ship runs/base-x4/best.safetensors base --data DATA --int8 PICTURES --made "How long."

DATA holds Set5 and BSD100. `--int8` quantises it as well, calibrated on those pictures, and ships that where it costs
at most 0.05 dB on every set. `--corners light=FILE heavy=FILE detail=FILE light-detail=FILE heavy-detail=FILE` ships
those beside it (`upres.models.corners`); with `--features FILE` the card says what detail costs and buys.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.adaptive import ROWS, table
from benchmarks.common import argument_parser, run
from benchmarks.detail import Measuring, cells
from benchmarks.quality import measured
from tools.digests import write_digests
from tools.halves import halve
from upres.evaluation.text_tables import markdown_table
from upres.export.onnx import export_onnx
from upres.export.quantise import quantise
from upres.models.checkpoint import load
from upres.models.corners import corner_file, corner_names, corners_of
from upres.models.facts import Facts
from upres.models.shipped import DEFAULT, int8_version
from upres.recipes import Recipe, read_recipe, shipped_recipes

MODELS = Path(__file__).resolve().parents[1] / "src" / "upres" / "models"
DEAREST = 0.02  # dB that int8 may cost
IN_CARD = ("JPEG 95", "JPEG 90", "JPEG 85", "JPEG 75", "JPEG 60")

PURPOSE = """\
Photographs, previews and frames that were made small. It restores what the reduction blurred; it does not invent faces
or text."""
LIMITS = {
    False: """\
- **JPEG blocks, noise and blur are enlarged along with the picture.** It has never seen them; `base` has weights for
  them.
- Trained on photographs only; line art and screenshots come out better than bicubic, not as clean as by `base`.""",
    True: """\
- Motion blur, heavy noise, scratches and JPEG below quality 30 are outside of what it was trained on. Noise in a
  lossless file is not looked for: `--denoise 0.5` takes it away.
- Screens, text and diagrams are among what the weights for lossless files were trained on, comics and maps are not.""",
}
CORNERS = """\
## Compressed pictures

Beside the weights for clean pictures lie those of {corners}. They are mixed for each picture by what its file says, or
an earlier JPEG left in its pixels; `--denoise` sets the place between them. Luma PSNR in dB of low resolution saved so,
on {sets} (`python -m benchmarks.adaptive`):

{table}
"""
DETAIL = """\
## Detail

Beside each corner lies one that was trained to look like the original ({recipe}). `--detail 0…1`
mixes it in: 0 is the faithful model, and 1 what a picture gets unless told otherwise. Every fifth picture of BSD100:
luma PSNR in dB, the distance of unit-length VGG19 features up to conv3_4, and niqe-upres (of both less is better, and
the originals have a niqe-upres of {originals})
(`python -m benchmarks.detail`):

{table}
"""
CREDITS = """\
- **Photographs of public repositories**: 198, for the weights for compressed pictures, and for all at ×4;
  [their authors](CREDITS.md). CC0, public domain, CC BY, CC BY-SA.
- **Screens, text and diagrams**: 70, drawn by `python -m tools.screens --seed 1`, for the weights for lossless files.
"""
CARD = Path(__file__).with_name("card.md")


def scores_of(model: Path, scale: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Measure a model file as it ships, by the runtime that will run it; in dB by set."""
    return {name: measured(str(model), scale, arguments.data, name).mean(str(model), "psnr") for name in arguments.sets}


def exact_table(title: str, scale: int, scores: dict[str, float], arguments: argparse.Namespace) -> list[list[str]]:
    bicubic = [
        f"{measured('bicubic', scale, arguments.data, name).mean('bicubic', 'psnr'):.2f}" for name in arguments.sets
    ]
    return [["", *scores], ["bicubic", *bicubic], [f"**{title}**", *(f"**{score:.2f}**" for score in scores.values())]]


def card(facts: Facts, recipe: Recipe, table: str, int8: str, made: str, corners: str) -> str:
    candidates = recipe.data.candidates
    return CARD.read_text(encoding="utf-8").format(
        title=f"{facts.name}-x{facts.scale}",
        scale=facts.scale,
        parameters=facts.parameters,
        table=table,
        int8=f"\n{int8}\n" if int8 else "",
        purpose=PURPOSE + (" Upres takes it unless `--model` says otherwise." if facts.name == DEFAULT else ""),
        limits=LIMITS[bool(corners)],
        corners=f"\n{corners}" if corners else "",
        credits=CREDITS if corners else "",
        recipe=recipe.name,
        arch=f"`{recipe.arch.name}`, " + ", ".join(f"{key} {value}" for key, value in options(facts.arch).items()),
        loss=", ".join(part.name for _, part in recipe.losses),
        optimizer=recipe.train.optimizer.name,
        rate=recipe.train.optimizer.rate,
        schedule=recipe.schedule.name,
        epochs=recipe.train.epochs,
        steps=recipe.train.steps_per_epoch,
        batch=recipe.train.batch,
        patch=recipe.data.patch,
        crops=f", each the most detailed of {candidates} crops" if candidates > 1 else "",
        precision={"bf16": "bfloat16 convolutions"}.get(recipe.train.precision, recipe.train.precision),
        ema=recipe.train.ema,
        made=made,
        licence=facts.licence,
    )


def corners_of_card(output: Path, scale: int, arguments: argparse.Namespace) -> str:
    """Say what the corners beside a model are for; nothing for a model without."""
    found = corners_of(output)
    corners = [name for file, name in corner_names(found).items() if file in found.faithful[1:]]
    if not corners:
        return ""
    wanted = [row for row in ROWS if str(row) in IN_CARD]
    head, rows = table(output, scale, arguments.data, arguments.sets, before=["bicubic"], rows=wanted)
    chosen = [head.index(name) for name in ("lr", "bicubic", "0", "auto")]
    cells = [[row[place] for place in chosen] for row in rows]
    shown = markdown_table(["low resolution", "bicubic", "clean weights", f"**{output.stem}**"], cells)
    return CORNERS.format(corners=" and ".join(corners), sets=" + ".join(arguments.sets), table=shown)


def detail_of_card(output: Path, scale: int, arguments: argparse.Namespace) -> str:
    """Say what the detailed corners cost and buy; nothing for a model without, or without features to see it with."""
    if not corners_of(output).detailed or arguments.features is None:
        return ""
    measuring = Measuring(arguments.data, arguments.features, scale)
    places = (0, 0.5, 1)
    rows = []
    for quality in (None, 85):
        _, entrants, found = measuring.found(str(output), places, quality)
        for place, one, row in zip(places, entrants, found, strict=True):
            rows.append(["clean" if quality is None else f"JPEG {quality}", f"{place:g}", *cells(one, row)[1:4]])
    table = markdown_table(["low resolution", "detail", "PSNR", "VGG", "NIQE"], rows)
    originals = measuring.title.rpartition(" ")[2]
    name = f"{output.stem}-detail"
    recipe = f"the recipe `{name}`" if name in shipped_recipes() else f"`docs/runs/trial-{name}.yaml`"
    return DETAIL.format(recipe=recipe, originals=originals, table=table)


def options(arch: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arch.items() if key != "name"}


def ship_int8(output: Path, scores: dict[str, float], scale: int, arguments: argparse.Namespace) -> str:
    """Quantise a shipped model; keep that where it loses little. Return what became of it, in words."""
    target = int8_version(output)
    with tempfile.TemporaryDirectory() as folder:
        trial = quantise(output, arguments.int8, Path(folder) / target.name).path
        lost = {name: round(scores[name] - score, 3) for name, score in scores_of(trial, scale, arguments).items()}
        kept = max(lost.values()) <= DEAREST
        words = ", ".join(f"{cost:.3f} dB on {name}" for name, cost in lost.items())
        print(f"{target.name}: costs {words}{'' if kept else '; not shipped'}")
        if not kept:
            target.unlink(missing_ok=True)
            return f"Its int8 version costs {words}, more than the {DEAREST} dB at which one ships."
        target.write_bytes(trial.read_bytes())
    return f"Its int8 version (`--precision int8`, or `auto` where that is faster) costs {words}."


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="the model's name, without its scale")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=("Set5", "BSD100"))
    parser.add_argument("--int8", type=Path, metavar="PICTURES", help="quantise it too, calibrated on these")
    parser.add_argument("--made", default="", help="a sentence for the card: on what, how long")
    parser.add_argument("--features", type=Path, help="VGG19's filters, for the card's table of detail")
    parser.add_argument("--corners", nargs="*", default=(), metavar="NAME=CHECKPOINT", help="fine-tuned from it")
    arguments = parser.parse_args()
    scale = load(arguments.checkpoint)[1].scale
    recipe = read_recipe(arguments.checkpoint.parent / "recipe.yaml")
    with tempfile.TemporaryDirectory() as folder:
        trial = export_onnx(arguments.checkpoint, Path(folder) / "trial.onnx").path
        scores = scores_of(trial, scale, arguments)
        title = f"{arguments.name}-x{scale}"
        rows = exact_table(title, scale, scores, arguments)
    output = MODELS / f"{title}.onnx"
    # Rounded once: of 31.4247 the table has 31.42, and would have 31.43 of 31.425.
    facts_scores = {f"{name} psnr_y border {scale}": round(score, 3) for name, score in scores.items()}
    written = export_onnx(arguments.checkpoint, output, name=arguments.name, scores=facts_scores)
    print(f"{output.name}: {written.facts.parameters:,} parameters, {facts_scores}, parity {written.worst:.1e}")
    for corner, _, checkpoint in (given.partition("=") for given in arguments.corners):
        made = export_onnx(Path(checkpoint), corner_file(output, corner), name=f"{title}-{corner}")
        print(f"{made.path.name}: parity {made.worst:.1e}; in half precision {halve(made.path):.1f} dB from it")
    int8 = ship_int8(output, scores, scale, arguments) if arguments.int8 else ""
    write_digests()
    beside = "\n".join(
        filter(None, (corners_of_card(output, scale, arguments), detail_of_card(output, scale, arguments)))
    )
    output.with_suffix(".md").write_text(
        card(
            written.facts,
            recipe,
            markdown_table(rows[0], rows[1:]),
            int8,
            arguments.made,
            beside,
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    run(main)
