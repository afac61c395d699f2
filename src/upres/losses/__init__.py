"""Loss terms. A new one is one file here and one line in `table.py`."""

from upres.losses.adversarial import AdversarialLoss
from upres.losses.loss import Loss
from upres.losses.table import ADVERSARIAL, LOSSES

__all__ = ["ADVERSARIAL", "LOSSES", "AdversarialLoss", "Loss"]
