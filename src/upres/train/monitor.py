"""What decides which weights of a run are its best."""

from __future__ import annotations

from collections.abc import Collection

# What a discriminator is there for; the distance of pixels grows by it (Blau and Michaeli, CVPR 2018).
_PERCEPTUAL = ("perceptual", "style")


def monitored(monitor: str | None, terms: Collection[str], *, adversarial: bool) -> str:
    """Return what is watched: `psnr`, `loss`, the name of a loss term, or `last`.

    Args:
        monitor: what the recipe says, `None` where it says nothing.
        terms: the names of the loss terms.
        adversarial: a discriminator takes part.

    Raises:
        ValueError: a choice that there is not, or one that would keep a GAN's weights from before its
            discriminator took part.
    """
    perceptual = [name for name in _PERCEPTUAL if name in terms]
    if adversarial:
        allowed = [*perceptual, "last"]
        if monitor is not None and monitor not in allowed:
            raise ValueError(
                f"monitor = {monitor!r}: in adversarial training should be one of {', '.join(allowed)}; PSNR and "
                "losses of pixels fall behind as a GAN gets better, and would choose the weights from before the "
                "discriminator took part"
            )
        return monitor or allowed[0]
    choices = ["psnr", "loss", *terms, "last"]
    if monitor is not None and monitor not in choices:
        raise ValueError(f"monitor = {monitor!r}: should be one of {', '.join(choices)}")
    return monitor or "psnr"
