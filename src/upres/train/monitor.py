"""What decides which weights of a run are its best."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from upres.metrics import Metric

# What a discriminator is there for; the distance of pixels grows by it (Blau and Michaeli, CVPR 2018).
_PERCEPTUAL = ("perceptual", "style", "lpips", "dists")


def monitored(
    monitor: str | None,
    terms: Collection[str],
    *,
    adversarial: bool,
    metrics: Mapping[str, type[Metric]] | None = None,
) -> str:
    """Return what is watched: `psnr`, `loss`, the name of a loss term or of a metric, or `last`.

    Args:
        monitor: what the recipe says, `None` where it says nothing.
        terms: the names of the loss terms.
        adversarial: a discriminator takes part.
        metrics: what is measured besides PSNR, by name.

    Raises:
        ValueError: a choice that there is not, or one that would keep a GAN's weights from before its
            discriminator took part.
    """
    perceptual = [name for name in _PERCEPTUAL if name in terms]
    measured = {} if metrics is None else metrics
    if adversarial:
        # A metric of the protocol compares pixels; one with its own looks at something else.
        allowed = [*perceptual, "last", *(name for name, row in measured.items() if not row.by_protocol)]
        if monitor is not None and monitor not in allowed:
            raise ValueError(
                f"monitor = {monitor!r}: in adversarial training should be one of {', '.join(allowed)}; PSNR and "
                "losses of pixels fall behind as a GAN gets better, and would choose the weights from before the "
                "discriminator took part"
            )
        return monitor or allowed[0]
    choices = ["psnr", "loss", *terms, *measured, "last"]
    if monitor is not None and monitor not in choices:
        raise ValueError(f"monitor = {monitor!r}: should be one of {', '.join(choices)}")
    return monitor or "psnr"
