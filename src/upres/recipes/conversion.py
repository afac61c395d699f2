"""Runs of other trainers taken over: BasicSR's and traiNNer-redux's YAML and neosr's TOML, as a recipe.

What has an equivalent becomes part of the recipe. Everything else is named, key and value: nothing is guessed.
"""

from __future__ import annotations

import copy
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from upres.config.limits import MAX_SCALE
from upres.degrade.presets import REAL_ESRGAN
from upres.errors import ConfigError
from upres.recipes.conversion_networks import arch_of, plain
from upres.recipes.option_files import Options, read_options
from upres.recipes.recipe import parse_recipe

_ORDER = [
    "name",
    "scale",
    "seed",
    "init",
    "init_missing",
    "arch",
    "degradation",
    "data",
    "validation_sets",
    "losses",
    "train",
    "schedule",
]
# How a machine is used, and what is drawn and said: it changes no weight.
_IMMATERIAL = [
    "num_gpu",
    "dist",
    "dist_params",
    "model_type",
    "use_channels_last",
    "fast_matmul",
    "use_compile",
    "compile_mode",
    "compile",
    "compile_network",
    "deterministic",
    "detect_anomaly",
    "high_order_degradation",
    "high_order_degradations_debug",
    "high_order_degradations_debug_limit",
    "path.param_key_g",
    "path.param_key_d",
    "path.strict_load_d",
    "logger.print_freq",
    "logger.save_checkpoint_format",
    "logger.save_tb_img",
    "logger.wandb.resume_id",
    "train.moa_debug",
    "train.moa_debug_limit",
    "val.save_img",
    "val.tile",
    "val.tile_size",
    "val.tile_overlap",
    "val.suffix",
    "val.pbar",
    "queue_size",
]
_OF_DATA = [
    "io_backend.type",
    "num_worker_per_gpu",
    "num_worker",
    "prefetch_mode",
    "pin_memory",
    "use_shuffle",
    "dataset_enlarge_ratio",
    "color",
]
_DISCRIMINATORS = {"vggstylediscriminator": "vgg", "unetdiscriminatorsn": "unet-sn", "unet": "unet-sn"}
_GAN_KINDS = {"vanilla": "vanilla", "bce": "vanilla", "lsgan": "least-squares", "hinge": "hinge"}
_LOSSES: dict[str, dict[str, Any]] = {
    "l1": {"name": "l1"},
    "mse": {"name": "mse"},
    "l2": {"name": "mse"},
    "ssim": {"name": "ssim"},
    "mssim": {"name": "ms-ssim"},
    "dists": {"name": "dists", "backbone": "vgg16"},
    "lpips": {"name": "lpips", "backbone": "vgg16"},
    "weightedtv": {"name": "tv"},
}
_METRICS: dict[str, Any] = {
    "calculatessim": "ssim",
    "calculatelpips": {"name": "lpips", "backbone": "alexnet"},
    "calculatedists": {"name": "dists", "backbone": "vgg16"},
}
_KERNELS = {
    "iso": "isotropic",
    "aniso": "anisotropic",
    "generalized_iso": "generalised-isotropic",
    "generalized_aniso": "generalised-anisotropic",
    "plateau_iso": "plateau-isotropic",
    "plateau_aniso": "plateau-anisotropic",
}


@dataclass(frozen=True)
class Converted:
    """A run of another trainer as a recipe.

    Attributes:
        recipe: its plain data.
        missing: a line for each thing that has no equivalent, or that is not the same.
    """

    recipe: dict[str, Any]
    missing: tuple[str, ...]

    def text(self) -> str:
        """Return it as a recipe file: what is missing in comments, then YAML."""
        lines = ("Without an equivalent here:", *self.missing) if self.missing else ()
        return "".join(f"# {line}\n" for line in lines) + yaml.safe_dump(
            self.recipe, sort_keys=False, allow_unicode=True
        )


def convert_options(path: Path) -> Converted:
    """Read an option file of BasicSR, traiNNer-redux or neosr as a recipe.

    Raises:
        ConfigError: it cannot be read, or is none: it says no scale or no network.
    """
    options = Options(read_options(path))
    scale = options.count("scale", least=1)
    network = options.text("network_g.type")
    if scale is None or scale > MAX_SCALE or network is None:
        raise ConfigError("is no option file of these trainers: it should say scale and network_g.type", where=path)
    return _Conversion(options, scale, network, path).converted()


class _Conversion:
    """One conversion: what is taken from `options` goes into `recipe`, what is not the same into `missing`."""

    def __init__(self, options: Options, scale: int, network: str, path: Path) -> None:
        self._options, self._scale = options, scale
        self._missing: list[str] = []
        self._relative = options.text("model_type") == "ESRGANModel"
        name = re.sub(r"[^\w .+-]+", "-", options.text("name") or path.stem).strip(" .-")[:100] or "taken-over"
        self._recipe: dict[str, Any] = {"name": name, "scale": scale}
        self._average = self._decay()
        self._seed()
        self._recipe["arch"], self._again = arch_of(options, network, scale, self._missing)

    def converted(self) -> Converted:
        recipe = self._recipe
        train: dict[str, Any] = {}
        self._length(train)
        data = self._data(train)
        self._losses()
        degradation = self._degradation()
        if degradation is not None:
            recipe["degradation"] = degradation
        recipe["data"] = data
        self._optimiser(train, "optim_g", "train.optimizer")
        self._train(train)
        recipe["train"] = train
        self._schedule()
        self._measured()
        self._options.drop(*_IMMATERIAL)
        self._missing += self._options.left()
        try:
            parse_recipe(recipe, where="the recipe")
        except ConfigError as error:
            self._missing.insert(0, f"upres train refuses it as it stands: {error}")
        order = [*_ORDER, *(key for key in recipe if key not in _ORDER)]
        return Converted({key: recipe[key] for key in order if key in recipe}, tuple(map(_line, self._missing)))

    def _seed(self) -> None:
        seed = self._options.count("manual_seed")
        if seed is not None:
            self._recipe["seed"] = seed
        start = self._options.text("path.pretrain_network_g")
        strict = self._options.flag("path.strict_load_g")
        if start is not None:
            self._recipe["init"] = start
            if strict is False:
                self._recipe["init_missing"] = "allow"

    def _length(self, train: dict[str, Any]) -> None:
        options = self._options
        steps = options.count("train.total_iter", least=1) or options.count("logger.total_iter", least=1)
        if steps is not None:
            train["steps"] = steps

    def _data(self, train: dict[str, Any]) -> dict[str, Any]:
        options = self._options
        data: dict[str, Any] = {}
        processes = options.count("num_gpu", least=1) or 1
        batch = options.count("datasets.train.batch_size_per_gpu", least=1) or options.count(
            "datasets.train.batch_size", least=1
        )
        if batch is not None:
            train["batch"] = batch * processes
        accumulate = options.count("datasets.train.accum_iter", least=1) or options.count(
            "datasets.train.accumulate", least=1
        )
        if accumulate is not None and accumulate > 1:
            train["accumulate"] = accumulate
        large = options.count("datasets.train.gt_size", least=1) or options.count("gt_size", least=1)
        small = options.count("datasets.train.lq_size", least=1) or options.count("datasets.train.patch_size", least=1)
        options.drop("gt_size")
        if small is not None or large is not None:
            data["patch"] = small or max(1, (large or 1) // self._scale)
        turns = [options.flag(f"datasets.train.{key}") for key in ("use_hflip", "use_flip", "use_rot")]
        given = [turn for turn in turns if turn is not None]
        if given:
            data["augment"] = any(given)
            if len(set(given)) > 1:
                self._missing.append("datasets.train: flips without turns or turns without flips; augment does both")
        sources = self._sources("datasets.train")
        options.text("datasets.train.name")
        sets: dict[str, list[dict[str, Any]]] = {}
        for key in options.keys("datasets"):
            name = re.sub(r"[^a-zA-Z0-9_-]", "", options.text(f"datasets.{key}.name") or key)[:50]
            found = [] if key == "train" else self._sources(f"datasets.{key}")
            if found:
                sets[name if name not in sets else f"{name}{len(sets) + 1}"] = found
        data["train"] = sources
        if sets:
            first, *others = sets
            data["validation"] = sets[first]
            self._recipe |= {"validation_sets": {name: sets[name] for name in others}} if others else {}
        elif sources:
            self._missing.append("datasets.val: no pictures to measure on, so four of the training's are held out")
            data["validation"] = [{**sources[0], "shuffle": 1, "take": 4}]
            data["train"] = [{**sources[0], "shuffle": 1, "skip": 4}, *sources[1:]]
        return data

    def _sources(self, key: str) -> list[dict[str, Any]]:
        options = self._options
        larges, smalls = options.texts(f"{key}.dataroot_gt"), options.texts(f"{key}.dataroot_lq")
        template = options.text(f"{key}.filename_tmpl") or "{}"
        options.text(f"{key}.type")
        options.drop(*(f"{key}.{name}" for name in _OF_DATA))
        if larges and smalls and len(larges) != len(smalls):
            self._missing.append(f"{key}.dataroot_lq: {len(smalls)} folders for {len(larges)} of dataroot_gt")
            smalls = []
        sources = []
        for number, large in enumerate(larges):
            source: dict[str, Any] = {"name": "folder", "path": large}
            if smalls:
                source["lr"] = smalls[number]
                if template != "{}":
                    source["partner"] = template.replace("{}", "{stem}")
            if any(folder.rstrip("/\\").endswith(".lmdb") for folder in (large, *smalls)):
                self._missing.append(f"{key}: LMDB is not read; give the folder of its pictures")
            sources.append(source)
        return sources

    def _losses(self) -> None:
        options, losses = self._options, []
        keys = [f"train.{key}" for key in options.keys("train") if key.endswith("_opt")]
        for key in [*keys, *(f"train.losses.{number}" for number in options.keys("train.losses"))]:
            given = options.text(f"{key}.type")
            weight = options.number(f"{key}.loss_weight")
            if given is None:
                continue
            if weight == 0:
                options.drop(*(f"{key}.{name}" for name in options.keys(key)))
                continue
            losses += self._loss(key, given, weight)
            if options.text(f"{key}.reduction") not in (None, "mean"):
                self._missing.append(f"{key}.reduction: losses are means")
        self._keep(losses)

    def _loss(self, key: str, given: str, weight: float | None) -> list[dict[str, Any]]:
        """Return what a loss of theirs is here; the adversarial one becomes a section of its own."""
        kind = re.sub(r"loss$", "", plain(given))
        if kind == "gan":
            self._adversarial(key, weight)
            return []
        if kind in ("perceptual", "vggperceptual"):
            return self._perceptual(key, weight)
        if kind == "ldl" or key in ("train.ldl_opt", "train.artifacts_opt"):
            return self._ldl(key, given, weight)
        if kind == "charbonnier":
            # Theirs stands below the root as it is, and is 1e-12 unless said.
            epsilon = math.sqrt(max(self._options.number(f"{key}.eps") or 0, 1e-12))
            return [{"name": kind, **_weight(weight), "epsilon": epsilon}]
        if kind in _LOSSES:
            return [{**_LOSSES[kind], **_weight(weight)}]
        said = 1.0 if weight is None else weight
        self._missing.append(f"{key}.type = {given}: no such loss (weight {said:g}); it is left out")
        return []

    def _ldl(self, key: str, given: str, weight: float | None) -> list[dict[str, Any]]:
        """Return LDL: with some trainers a loss of that name, with others one on pixels under a key of that name."""
        options, of_pixels = self._options, plain(given) != "ldlloss"
        criterion = re.sub(r"loss$", "", plain(given)) if of_pixels else options.text(f"{key}.criterion") or "l1"
        compare = {"l1": "l1", "l2": "mse", "mse": "mse"}.get(criterion)
        if compare is None:
            self._missing.append(f"{key}: compares by {criterion}; here it is l1")
        side = options.count(f"{key}.ksize", least=3)
        # neosr compares with no averaged weights, and writes it so.
        averaged = given != "ldl_loss"
        if averaged and not self._average:
            self._missing.append(f"{key}: there are no averaged weights (ema) to compare with")
            averaged = False
        found = {"name": "ldl", **_weight(weight), "compare": compare or "l1", "averaged": averaged}
        return [found | ({"window": side} if side else {})]

    def _decay(self) -> float | None:
        """Return the decay of the averaged weights."""
        average = self._options.number("train.ema_decay")
        return self._options.number("train.ema") if average is None else average

    def _keep(self, losses: list[dict[str, Any]]) -> None:
        """Put losses into the recipe, each name once."""
        kept: dict[str, dict[str, Any]] = {}
        for loss in losses:
            if loss["name"] in kept:
                self._missing.append(f"train: a second loss {loss['name']}; it is left out")
            else:
                kept[loss["name"]] = loss
        if kept:
            self._recipe["losses"] = list(kept.values())
        else:
            self._missing.append("train: none of the losses has an equivalent; the recipe's is l1")

    def _perceptual(self, key: str, weight: float | None) -> list[dict[str, Any]]:
        options = self._options
        layers = {name: options.number(f"{key}.layer_weights.{name}") for name in options.keys(f"{key}.layer_weights")}
        kept = {name: value for name, value in layers.items() if value is not None}
        activated = bool(kept) and all(name.startswith("relu") for name in kept)
        renamed = {re.sub(r"^relu", "conv", name): value for name, value in kept.items()}
        shares = {name: options.number(f"{key}.{name}_weight") for name in ("perceptual", "style")}
        criterion = options.text(f"{key}.criterion")
        compare = {"l1": "l1", "l2": "mse", "mse": "mse"}.get(criterion or "l1")
        if compare is None:
            self._missing.append(f"{key}.criterion = {criterion}: features are compared by l1 here")
        if (network := options.text(f"{key}.vgg_type")) not in (None, "vgg19"):
            self._missing.append(f"{key}.vgg_type = {network}: it is vgg19 here")
        for name, here in (("range_norm", False), ("use_input_norm", True)):
            if options.flag(f"{key}.{name}") is (not here):
                self._missing.append(f"{key}.{name} = {not here}: it is {here} here")
        common: dict[str, Any] = {"activated": activated, "compare": compare or "l1"}
        if renamed:
            common["layers"] = renamed
        found = []
        for name, share in (("perceptual", shares["perceptual"]), ("style", shares["style"] or 0)):
            whole = (1.0 if weight is None else weight) * (1.0 if share is None else share)
            if whole > 0:
                found.append({"name": name, "weight": whole, **common})
        return found

    def _adversarial(self, key: str, weight: float | None) -> None:
        options = self._options
        given = options.text(f"{key}.gan_type") or "vanilla"
        kind = "relativistic" if given == "vanilla" and self._relative else _GAN_KINDS.get(given)
        for name in ("real_label_val", "fake_label_val"):
            value = options.number(f"{key}.{name}")
            if value not in (None, 1.0 if name.startswith("real") else 0.0):
                self._missing.append(f"{key}.{name} = {value:g}: labels are 1 and 0 here")
        if kind is None:
            self._missing.append(f"{key}.gan_type = {given}: no such adversarial loss; there is none in the recipe")
            return
        section: dict[str, Any] = {"kind": kind, "weight": 1.0 if weight is None else weight}
        start = options.count("train.net_d_init_iters")
        if start:
            self._missing.append("train.net_d_init_iters: the discriminator is not trained alone before")
        if options.count("train.net_d_iters") not in (None, 1):
            self._missing.append("train.net_d_iters: generator and discriminator take turns, step by step")
        discriminator = options.text("network_d.type")
        ours = _DISCRIMINATORS.get(plain(discriminator or ""))
        options.drop("network_d.num_in_ch", "network_d.skip_connection")
        if ours is not None:
            width = options.count("network_d.num_feat", least=1)
            section["discriminator"] = {"name": ours, **({} if width is None else {"width": width})}
        elif discriminator is not None:
            self._missing.append(f"network_d.type = {discriminator}: no such discriminator; the recipe's is vgg")
        self._optimiser(section, "optim_d", "adversarial.optimizer")
        self._recipe["adversarial"] = section

    def _optimiser(self, section: dict[str, Any], key: str, ours: str) -> None:
        options = self._options
        given = options.text(f"train.{key}.type")
        name = {"adam": "adam", "adamw": "adam", "soap": "soap"}.get(plain(given or "adam"))
        if name is None:
            self._missing.append(
                f"train.{key}.type = {given}: no such optimiser; {ours} is adam at its default rate, not theirs"
            )
            return
        optimiser: dict[str, Any] = {"name": name}
        rate, decay = options.number(f"train.{key}.lr"), options.number(f"train.{key}.weight_decay")
        betas = options.numbers(f"train.{key}.betas", 2)
        optimiser |= {} if rate is None else {"rate": rate}
        optimiser |= {} if betas is None else {"betas": betas}
        optimiser |= {} if not decay else {"weight_decay": decay}
        if decay and plain(given or "adam") == "adam":
            self._missing.append(f"train.{key}.weight_decay: Adam's own is part of the gradient; here it is AdamW's")
        section["optimizer"] = optimiser

    def _train(self, train: dict[str, Any]) -> None:
        options = self._options
        train |= {"ema": self._average} if self._average else {}
        train |= {"gradient_checkpointing": True} if self._again else {}
        mixed = options.flag("use_amp")
        wide = [options.flag("amp_bf16"), options.flag("bfloat16")]
        if mixed and not any(wide) and "adversarial" in self._recipe:
            self._missing.append("use_amp: adversarial training takes no fp16; the recipe's is bf16")
            wide = [True]
        train |= {"precision": "bf16" if any(wide) else "fp16"} if mixed else {}
        sharp = [options.flag(f"{name}_gt_usm") for name in ("l1", "percep")]
        if any(sharp):
            train["sharpen"] = {"weight": 0.5}
            if not all(sharp):
                self._missing.append("l1_gt_usm, percep_gt_usm: all losses see sharpened pictures here, or none does")
        if options.flag("gan_gt_usm"):
            self._missing.append("gan_gt_usm: the discriminator sees the pictures as they are")
        every = options.count("val.val_freq", least=1)
        options.flag("val.val_enabled")
        options.flag("val.metrics_enabled")
        train |= {"validate_every": {"steps": every}} if every else {}
        kept = options.count("logger.save_checkpoint_freq", least=1)
        train |= {"keep_every": {"steps": kept}} if kept else {}
        board, project = options.flag("logger.use_tb_logger"), options.text("logger.wandb.project")
        train["loggers"] = [*(["tensorboard"] if board is not False else []), *(["wandb"] if project else [])]
        for key in ("train.grad_clip", "train.use_moa"):
            if options.flag(key):
                self._missing.append(f"{key} = true")
        if not options.keys("datasets.train.augmentation"):
            options.drop("train.moa_augs", "train.moa_probs")

    def _schedule(self) -> None:
        options, key = self._options, "train.scheduler"
        given = options.text(f"{key}.type")
        warmup = options.number("train.warmup_iter")
        schedule: dict[str, Any] = {"name": "constant"}
        if given is not None and plain(given) in ("multisteplr", "multisteprestartlr"):
            milestones = options.numbers(f"{key}.milestones")
            if milestones is not None:
                schedule = {"name": "multi-step", "milestones": [int(each) for each in milestones]}
                gamma = options.number(f"{key}.gamma")
                schedule["factor"] = 0.1 if gamma is None else gamma
        elif given is not None and plain(given).startswith("cosineannealing"):
            periods = options.numbers(f"{key}.periods")
            length = periods[0] if periods is not None and len(periods) == 1 else options.number(f"{key}.T_max")
            options.drop(f"{key}.restart_weights" if periods is not None and len(periods) == 1 else "")
            least = options.number(f"{key}.eta_min") or 0
            rate = self._recipe["train"].get("optimizer", {}).get("rate")
            schedule = {"name": "cosine", **({"floor": least / rate} if least and rate else {})}
            if length not in (None, self._recipe["train"].get("steps")):
                self._missing.append(f"{key}: it falls for {length:g} steps, here to the run's end")
            if periods is not None and len(periods) > 1:
                self._missing.append(f"{key}.periods: no restarts; it falls once, to the run's end")
        elif given is not None:
            self._missing.append(f"{key}.type = {given}: no such schedule; the rate is constant")
        if warmup is not None and warmup > 0:
            schedule["warmup"] = int(warmup)
        self._recipe["schedule"] = schedule
        if "adversarial" in self._recipe:
            self._recipe["adversarial"]["schedule"] = copy.deepcopy(schedule)

    def _measured(self) -> None:
        options, metrics, protocols = self._options, [], []
        terms = [loss["name"] for loss in self._recipe.get("losses", [])]
        for name in options.keys("val.metrics"):
            key = f"val.metrics.{name}"
            given = options.text(f"{key}.type") or ""
            options.drop(f"{key}.better")
            border, luma = options.count(f"{key}.crop_border"), options.flag(f"{key}.test_y_channel")
            protocols.append({"space": "luma" if luma else "rgb", "border": self._scale if border is None else border})
            found = _METRICS.get(plain(given))
            if found is None and plain(given) != "calculatepsnr":
                self._missing.append(f"{key}.type = {given}: no such metric")
            elif found is not None and (found if isinstance(found, str) else found["name"]) not in terms:
                metrics.append(found)
        if protocols:
            self._recipe["protocol"] = protocols[0]
        if metrics:
            self._recipe["metrics"] = metrics

    def _degradation(self) -> dict[str, Any] | None:
        """Return Real-ESRGAN's chain with their numbers, where the file says how low resolution is made."""
        options = self._options
        # BasicSR and traiNNer-redux write some of them above and some with the data; neosr has a section.
        places = [
            place
            for place in ("degradations.", "datasets.train.", "")
            if options.keys(f"{place}jpeg_range") or options.keys(f"{place}blur_sigma")
        ]
        if not places:
            return None
        steps: list[dict[str, Any]] = copy.deepcopy(list(REAL_ESRGAN))
        last: list[dict[str, Any]] = list(steps[8]["steps"])  # sinc and JPEG, in either order
        steps[8]["steps"] = last
        for suffix, blur, resize, noise, jpeg in (
            ("", steps[0], steps[1], steps[2], steps[3]),
            ("2", steps[4], steps[5], steps[6], last[1]),
        ):
            for place in places:
                self._step(place, suffix, blur, resize, noise, jpeg)
        for place in places:
            probability = options.number(f"{place}second_blur_prob")
            steps[4] |= {} if probability is None else {"probability": probability}
            probability = options.number(f"{place}final_sinc_prob")
            last[0] |= {} if probability is None else {"probability": probability}
        self._missing.append("the degradation: what the file does not say of it is Real-ESRGAN's, as Poisson noise is")
        return {"name": "chain", "steps": steps}

    def _step(
        self,
        place: str,
        suffix: str,
        blur: dict[str, Any],
        resize: dict[str, Any],
        noise: dict[str, Any],
        jpeg: dict[str, Any],
    ) -> None:
        options = self._options
        ranges = (
            (blur, "sigma", "blur_sigma"),
            (blur, "generalised", "betag_range"),
            (blur, "plateau", "betap_range"),
            (resize, "factor", "resize_range"),
            (noise, "gaussian", "noise_range"),
            (jpeg, "quality", "jpeg_range"),
        )
        for step, ours, theirs in ranges:
            found = options.numbers(f"{place}{theirs}{suffix}", 2)
            if found is not None:
                step[ours] = found
        side = options.count(f"{place}blur_kernel_size{suffix}", least=1)
        if side is not None:
            blur["side"] = side - (side % 2 == 0)
        for step, name in ((blur, "blur_prob"), (jpeg, "jpeg_prob")):
            probability = options.number(f"{place}{name}{suffix}")
            if probability is not None:
                step["probability"] = probability
        share = options.number(f"{place}gaussian_noise_prob{suffix}")
        noise |= {} if share is None else {"poisson_share": 1 - share}
        gray = options.number(f"{place}gray_noise_prob{suffix}")
        noise |= {} if gray is None else {"gray_share": gray}
        kinds, weights = options.texts(f"{place}kernel_list{suffix}"), options.numbers(f"{place}kernel_prob{suffix}")
        sinc = options.number(f"{place}sinc_prob{suffix}")
        if kinds and weights and len(kinds) == len(weights) and set(kinds) <= set(_KERNELS):
            rest = 1 - (sinc or 0)
            blur["kinds"] = {_KERNELS[kind]: rest * weight for kind, weight in zip(kinds, weights, strict=True)}
            blur["kinds"] |= {"sinc": sinc} if sinc else {}


def _weight(weight: float | None) -> dict[str, float]:
    return {"weight": 1.0 if weight is None else weight}


def _line(text: str) -> str:
    """Return a text of a stranger's as one line that ends no comment."""
    return "".join(each if each.isprintable() else " " for each in " ".join(text.split()))
