"""What to say, and advise, when the memory of a device does not hold what a run asks of it."""

from __future__ import annotations

from upres.archs.layers.blocks import Blocks, batch_norms
from upres.train.agenda import VALIDATION
from upres.train.components import Components
from upres.train.module import Training


def exhausted(training: Training, run: Components) -> str:
    """Return the text of an error: where it was, how large a batch is, and what this run does not do yet."""
    where = f"the memory of {training.device} is exhausted"
    if VALIDATION in training.due:
        return (
            f"{where} by the validation pictures, which are enlarged whole; give their sources a smaller crop "
            "(data.validation)"
        )
    options, batch, processes = run.options, run.patches.batch, run.devices * run.nodes
    advice = []
    if batch > processes:
        half = max(1, batch // processes // 2) * processes
        # Averaged over two batches the step is the same one, unless each batch is normalised by itself.
        same = 2 * half == batch and not batch_norms(run.network)
        parts = f" with train.accumulate = {2 * options.accumulate} (the same steps)" if same else ""
        advice.append(f"train.batch = {half}{parts}")
    advice.append("a smaller data.patch")
    if options.precision == "fp32":
        advice.append("train.precision = bf16")
    if not options.gradient_checkpointing and any(isinstance(part, Blocks) for part in run.network.modules()):
        advice.append("train.gradient_checkpointing = true")
    if options.resident:
        advice.append("train.resident = false")
    tried = [*advice[:-1], f"or {advice[-1]}"] if len(advice) > 1 else advice
    asked = f"train.batch = {batch}, data.patch = {run.patches.patch}"
    return f"{where} at step {training.step + 1:,} ({asked}); set {', '.join(tried)}"
