"""Networks of other trainers' option files, as architectures of recipes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from upres.archs import ARCHS
from upres.config import dump
from upres.recipes.option_files import Options

# What says nothing: it follows from the scale and the colour, or was for a memory's size.
_OF_NETWORK = [
    "num_in_ch",
    "num_out_ch",
    "in_nc",
    "out_nc",
    "in_channels",
    "out_channels",
    "in_ch",
    "out_ch",
    "upscale",
    "scale",
    "upscaling",
    "upsampling",
    "in_chans",
    "img_size",
]


# A number of theirs, or a list of whole ones, by our name; `heads` is a list there and one number here.
_FLOATS = ("expansion", "residual_scale", "share")
_LISTS = ("depths", "window")

Words = Mapping[str, tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class _Network:
    """What a network of theirs is here.

    Attributes:
        name: the architecture.
        options: our option of each of theirs that is a number or a list of them.
        fixed: what it is besides.
        differs: what is not the same.
        of_attention: our option and its values of each of theirs that is a word; such a file says all of its options,
            and what it does not say is told.
        usual: what is so here whatever they say.
    """

    name: str
    options: Mapping[str, str]
    fixed: Mapping[str, Any]
    differs: str = ""
    of_attention: Words = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)


_UPSAMPLERS = {"pixelshuffle": "pixel-shuffle", "pixelshuffledirect": "direct"}
_SWINIR = {
    "embed_dim": "width",
    "depths": "depths",
    "num_heads": "heads",
    "window_size": "window",
    "mlp_ratio": "expansion",
}
_SWINIR_WORDS: Words = {"upsampler": ("upsampler", _UPSAMPLERS)}
_HAT = {**_SWINIR, "compress_ratio": "compression", "squeeze_factor": "squeeze"}
_HAT_WORDS: Words = {"upsampler": ("", {"pixelshuffle": None})}
_DAT = {
    "embed_dim": "width",
    "depth": "depths",
    "num_heads": "heads",
    "split_size": "window",
    "expansion_factor": "expansion",
}
_DAT_WORDS: Words = {"upsampler": ("upsampler", _UPSAMPLERS), "resi_connection": ("convs", {"1conv": 1, "3conv": 3})}
_OF_ATTENTION = {
    "img_range": 1.0,
    "qkv_bias": True,
    "ape": False,
    "patch_norm": True,
    "patch_size": 1.0,
    "conv_scale": 0.01,
    "overlap_ratio": 0.5,
    "resi_connection": "1conv",
}
_LIGHT = {"width": 60, "depths": [6] * 4, "heads": 6, "window": 8, "expansion": 2.0, "upsampler": "direct"}
_LARGE = {"width": 180, "depths": [6] * 6, "heads": 6, "expansion": 2.0}
_RRDB = {"num_feat": "width", "num_block": "blocks", "num_grow_ch": "growth"}
_COMPACT = {"num_feat": "width", "num_conv": "convs"}
_NETWORKS = {
    "rrdbnet": _Network("rrdb", _RRDB, {}),
    "esrgan": _Network("rrdb", _RRDB, {}),
    "edsr": _Network(
        "edsr",
        {"num_feat": "width", "num_block": "blocks", "res_scale": "residual_scale"},
        {"mean": [0.4488, 0.4371, 0.404]},
    ),
    "msrresnet": _Network(
        "srresnet",
        {"num_feat": "width", "num_block": "blocks"},
        {"batch_norm": False, "upsampling": "bicubic"},
        "adds a bilinear enlargement to its output, here it is bicubic, and its activations leak",
    ),
    "srvggnetcompact": _Network("compact", _COMPACT, {}),
    "compact": _Network("compact", _COMPACT, {}),
    "ultracompact": _Network("compact", _COMPACT, {"convs": 8}),
    "superultracompact": _Network("compact", _COMPACT, {"width": 24, "convs": 8}),
    "span": _Network("span", {"feature_channels": "width"}, {}),
    "safmn": _Network("safmn", {"dim": "width", "n_blocks": "blocks", "ffn_scale": "expansion"}, {}),
    "realplksr": _Network(
        "realplksr",
        {"dim": "width", "n_blocks": "blocks", "kernel_size": "kernel", "split_ratio": "share"},
        {},
    ),
    "smfanet": _Network("smfanet", {"dim": "width", "n_blocks": "blocks", "ffn_scale": "expansion"}, {}),
    "swinir": _Network("swinir", _SWINIR, {}, of_attention=_SWINIR_WORDS),
    "swinirs": _Network("swinir", _SWINIR, _LIGHT, of_attention=_SWINIR_WORDS),
    "swinirm": _Network("swinir", _SWINIR, {**_LARGE, "upsampler": "pixel-shuffle"}, of_attention=_SWINIR_WORDS),
    "hat": _Network("hat", _HAT, {}, of_attention=_HAT_WORDS),
    "dat": _Network("dat", _DAT, {}, of_attention=_DAT_WORDS),
    "dat2": _Network("dat", _DAT, {**_LARGE, "convs": 1, "upsampler": "pixel-shuffle"}, of_attention=_DAT_WORDS),
    "datlight": _Network("dat", _DAT, {"upsampler": "pixel-shuffle"}, of_attention=_DAT_WORDS),
    "omnisr": _Network(
        "omnisr",
        {"num_feat": "width", "res_num": "groups", "block_num": "blocks", "window_size": "window"},
        {},
        usual={"bias": True, "pe": True, "ffn_bias": True},
    ),
}


def plain(name: str) -> str:
    """Return a name as all of them write it: small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def arch_of(options: Options, given: str, scale: int, missing: list[str]) -> tuple[dict[str, Any], bool]:
    """Take over the network: a recipe's `arch`, and whether it computes blocks again for the gradient.

    Args:
        options: what is taken is taken from them.
        given: the network's name there.
        scale: the file's.
        missing: gets a line for each thing that has no equivalent.
    """
    found = _NETWORKS.get(plain(given))
    folded = options.count("network_g.scale") if plain(given) == "rrdbnet" else None
    unshuffled = options.flag("network_g.use_pixel_unshuffle")
    again = bool(options.flag("network_g.use_checkpoint") or options.flag("network_g.use_chk"))
    options.drop(*(f"network_g.{key}" for key in _OF_NETWORK))
    if found is None:
        missing.append(f"network_g.type = {given}: no such network; name one of {', '.join(sorted(ARCHS))}")
        return {"name": given}, again
    arch = {"name": found.name, **found.fixed}
    for theirs, ours in found.options.items():
        _number(options, f"network_g.{theirs}", ours, arch, missing)
    for theirs, (ours, words) in found.of_attention.items():
        word = options.text(f"network_g.{theirs}")
        if word is not None and word in words:
            arch |= {ours: words[word]} if ours else {}
        elif word is not None:
            missing.append(f"network_g.{theirs} = {word}: upres has it with {' or '.join(words)}")
    usual = {**_OF_ATTENTION, **found.usual} if found.of_attention else found.usual
    for theirs, value in usual.items():
        if theirs not in found.of_attention:
            _usual(options, f"network_g.{theirs}", value, missing)
    if found.of_attention:
        own = dump(ARCHS[found.name].config_type())
        known = {**found.options, **{theirs: ours for theirs, (ours, _) in found.of_attention.items() if ours}}
        missing += [
            f"network_g.{theirs}: the file says nothing of it; {ours} is {own[ours]} here"
            for theirs, ours in known.items()
            if ours not in arch and not found.fixed
        ]
    if scale in (1, 2) and (folded == scale or unshuffled):
        arch["unshuffle"] = 4 // scale
    if found.differs:
        missing.append(f"network_g.type = {given}: {found.differs}")
    return arch, again


def _number(options: Options, key: str, ours: str, arch: dict[str, Any], missing: list[str]) -> None:
    several = options.numbers(key)
    if several is not None and ours == "heads":
        if len(set(several)) > 1:
            missing.append(f"{key}: groups with {sorted(set(map(int, several)))} heads; here all have as many")
        arch[ours] = int(several[0])
    elif several is not None and ours in _LISTS:
        arch[ours] = [int(each) for each in several]
    elif (value := options.number(key)) is not None:
        arch[ours] = value if ours in _FLOATS else int(value)


def _usual(options: Options, key: str, value: Any, missing: list[str]) -> None:
    take = options.flag if isinstance(value, bool) else options.text if isinstance(value, str) else options.number
    said = take(key)
    if said is not None and said != value:
        missing.append(f"{key} = {said}: it is {value} here")
