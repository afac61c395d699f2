"""The steps of which random degradations are made. A new one is one file here and one line in `table.py`."""

from upres.degrade.steps.draws import Draws
from upres.degrade.steps.step import Step
from upres.degrade.steps.table import STEPS

__all__ = ["STEPS", "Draws", "Step"]
