"""Options that people know from elsewhere, and what upres has for them: near by meaning, not by letters."""

from __future__ import annotations

from collections.abc import Collection

# What is typed → the option that does it.
_OPTIONS = {
    "--scale": ("-s", "--factor", "--ratio", "--outscale", "--upscale", "--zoom", "--times", "--magnification"),
    "--output": ("--out", "--outdir", "--output-dir", "--output-path", "--dest", "--destination", "--save"),
    "--model": ("-n", "-m", "--model-name", "--model-path", "--network", "--weights", "--checkpoint"),
    "--fit": ("--size", "--resize", "--resolution", "--box", "--max-size"),
    "--format": ("-f", "--ext", "--suffix", "--extension", "--type"),
    "--quality": ("--jpeg-quality", "--jpg-quality", "--compression"),
    "--denoise": ("-dn", "--noise", "--noise-level", "--denoise-strength", "--deblock", "--dejpeg"),
    "--detail": ("--sharpen", "--sharpness", "--creativity", "--texture", "--enhance"),
    "--ensemble": ("-x", "--tta", "--self-ensemble", "--average"),
    "--tile": ("-t", "--tile-size", "--tilesize", "--chop", "--block-size"),
    "--halo": ("--tile-pad", "--tile-padding", "--tile-overlap", "--overlap", "--pad", "--padding"),
    "--threads": ("-j", "--jobs", "--workers", "--cores", "--num-threads", "--cpus"),
    "--device": ("-g", "--gpu-id", "--gpu-device", "--cuda", "--mps", "--use-gpu"),
    "--precision": ("--fp16", "--fp32", "--half", "--bf16", "--int8", "--dtype"),
    "--backend": ("--runtime", "--provider", "--engine"),
    "--overwrite": ("--force", "--replace", "--yes", "-y", "--clobber"),
    "--max-memory": ("--memory", "--ram", "--vram", "--memory-limit"),
    "--include": ("--filter", "--pattern", "--glob", "--only"),
    "--exclude": ("--ignore", "--skip"),
    "--data": ("--dataset", "--images", "--input-dir", "--train-dir"),
    "--set": ("--opt", "--option", "--config-override"),
    "--resume": ("--continue", "--auto-resume", "--auto_resume"),
}
_MEANT = {typed: option for option, words in _OPTIONS.items() for typed in words}

# What enlarging does without being asked, or does not do; said where `_ENLARGING` is an option.
_ENLARGING = "--ensemble"
_ANSWERS = {
    ("-i", "--input", "--inputs", "--source", "--file"): "name the pictures without an option: upres photo.jpg",
    ("-r", "--recursive", "--recurse"): "folders are gone through to their end; --include and --exclude choose",
    ("--keep-metadata", "--metadata", "--exif", "--keep-exif"): "metadata and colour profiles are always kept",
    ("--face-enhance", "--face_enhance", "--face"): "no model here is for faces alone, so none makes them up",
    ("--alpha", "--alpha-upsampler"): "transparency is always enlarged with its picture",
}


def meant(typed: str, known: Collection[str]) -> str | None:
    """Return what to say to an option that there is not, where its meaning is known; else `None`.

    >>> meant("--tta", ["--ensemble"])
    'upres calls it --ensemble'
    """
    said = next((answer for words, answer in _ANSWERS.items() if typed in words), None)
    if said is not None and _ENLARGING in known:
        return said
    option = _MEANT.get(typed)
    return f"upres calls it {option}" if option in known else None
