"""How a verb explains itself: options in groups, the first ones first, and at the end what people really type."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from upres.cli.plain import read_plainly

# verb → what people type, and what it does.
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "upscale": (
        ("upres photo.jpg", "photo_x4.jpg beside it"),
        ("upres scans/ -o large/ --format tif", "a folder, its tree kept"),
        ("upres photo.jpg --fit 3840x2160 -o wallpaper.png", "as large as fits a screen"),
    ),
    "manifest": (
        ("upres manifest status large/", "what became of how many"),
        ("upres manifest verify large/ --digests", "is every output there, and whole?"),
        ("upres manifest retry large/ --error StorageError -o again.txt", "what a network lost, for --from again.txt"),
    ),
    "models": (
        ("upres models", "a table"),
        ("upres models base-x4", "one of them, layer by layer; or a file"),
        ("upres models --json", "all that their files say"),
    ),
    "formats": (
        ("upres formats", "a table"),
        ("upres formats --json", "the same for programs"),
        ("upres photo.heic -o photo.jpg", "if the table says that HEIF is read"),
    ),
    "train": (
        ("upres train my-recipe.yaml", "into runs/NAME"),
        ("upres train runs/NAME --resume", "go on where it ended, bit for bit"),
        ("upres train base-x4 --data pictures --set train.epochs=10", "a recipe of ours on your pictures"),
    ),
    "recipes": (
        ("upres recipes", "which there are, what each needs, reaches and costs"),
        ("upres recipes copy base-x4 my.yaml", "one to change, with a schema by which editors complete it"),
        ("upres recipes convert train.yml my.yaml", "a run of BasicSR, traiNNer-redux or neosr, as a recipe"),
    ),
    "list": (
        ("upres list", "the kinds of parts"),
        ("upres list losses", "every loss, its options and defaults"),
        ("upres list archs plainres", "what the options of one mean"),
    ),
    "evaluate": (
        ("upres evaluate base bicubic --data pictures", "one table"),
        ("upres evaluate base best --data Set5 -o scores", "and every picture's scores"),
        ('upres evaluate "base?denoise=0.5" --data pictures', "at a place between a model's corners"),
    ),
    "export": (
        ("upres export runs/mine/best.safetensors -o mine.onnx", "an ONNX file with its facts"),
        ("upres photo.jpg --model mine.onnx", "use it"),
        ("upres quantise mine.onnx --data pictures -o mine-int8.onnx", "make it smaller"),
    ),
    "convert": (
        ("upres convert RealESRGAN_x4plus.pth -o RealESRGAN_x4plus.onnx", "runs without PyTorch"),
        ("upres convert net.pth -o net.safetensors", "to go on training from"),
        ("upres convert keras.onnx", "another program's graph, of which all is found out"),
    ),
    "interpolate": (
        ("upres interpolate faithful.safetensors gan.safetensors -o half.safetensors", "half of each"),
        ("upres interpolate faithful.safetensors gan.safetensors --alpha 0.25 -o mild.safetensors", "a quarter of gan"),
        ("upres export half.safetensors -o half.onnx", "make an ONNX file of it"),
    ),
    "quantise": (
        ("upres quantise mine.onnx --data pictures -o mine-int8.onnx", "ranges from your pictures"),
        ("upres bench mine.onnx mine-int8.onnx", "is it faster here?"),
        ("upres evaluate mine.onnx mine-int8.onnx --data pictures", "what does it cost?"),
    ),
    "data": (
        ("upres data list", "names, sizes, terms"),
        ("upres data get Set5 BSD100", "into data/Set5 and data/BSD100"),
        ("upres data draw CIFAR-10", "drawn pictures in its layout, for practice"),
    ),
    "pack": (
        ("upres pack pictures -o patches --scale 4", "hr_images.npz and lr_images.npz"),
        ("upres explore pictures -o report", "look at them first"),
        ("upres train my-recipe.yaml --data patches", "train on them"),
    ),
    "explore": (
        ("upres explore pictures -o report", "a page and a JSON file"),
        ("upres explore pictures -o report --scale 4", "what ×4 can recover"),
        ("upres pack pictures -o patches", "cut them into patches"),
    ),
    "compare": (
        ("upres compare photo.jpg --models bicubic,base,best -o page.html", "one page to look at"),
        ("upres compare pictures --models base,other.pth --blind -o vote.html", "names hidden, votes kept"),
        ("upres compare --votes votes.json", "count them"),
    ),
    "bench": (
        ("upres bench", "every model on this machine"),
        ("upres bench base mine.onnx", "these"),
        ("upres bench base --threads 1", "on one core"),
    ),
    "serve": (
        ("upres serve", "a page at http://127.0.0.1:8737/"),
        ("upres serve --host 0.0.0.0 --token secret", "for other machines"),
        ("upres serve --port 0 --log json", "a free port, logs for programs"),
    ),
    "doctor": (
        ("upres doctor", "what works here, and what is missing"),
        ("upres doctor --json", "the same for programs"),
        ("upres doctor > report.txt", "for a bug report"),
    ),
    "config": (
        ("upres config show", "every default, and who set it"),
        ("upres config path", "where upres.toml is looked for"),
        ("upres photo.jpg --no-config", "leave files and variables aside"),
    ),
    "completion": (
        (
            "upres completion bash > ~/.local/share/bash-completion/completions/upres",
            "for bash with bash-completion; without it, source that file in ~/.bashrc",
        ),
        ("upres completion zsh > ~/.zfunc/_upres", "for zsh, with ~/.zfunc in fpath"),
        ("upres completion fish > ~/.config/fish/completions/upres.fish", "for fish"),
    ),
    "demo": (
        ("upres demo", "into the folder demo-out"),
        ("upres demo -o elsewhere", "into another"),
        ("upres photo.jpg", "your own"),
    ),
}

_FIRST = "Options"


class Verbs(TyperGroup):
    """All verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words that follow."""
        for param in self.get_params(ctx):
            read_plainly(param)
        return super().parse_args(ctx, args)


class Verb(TyperCommand):
    """A command whose options stand in groups, named by `rich_help_panel`, and whose help ends with examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words that follow."""
        for param in self.get_params(ctx):
            read_plainly(param)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each group's options; those of no group come first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        arguments: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if param.param_type_name == "argument":
                arguments.append(record)
            else:
                groups.setdefault(getattr(param, "rich_help_panel", None) or _FIRST, []).append(record)
        first = {_FIRST: groups.pop(_FIRST, [])}
        for name, records in {"Arguments": arguments, **first, **groups}.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what people type."""
        del ctx
        with formatter.section("Examples"):
            for command, purpose in EXAMPLES.get(self.name or "", ()):
                formatter.write_text(command)
                formatter.indent()
                formatter.write_text(purpose)
                formatter.dedent()
