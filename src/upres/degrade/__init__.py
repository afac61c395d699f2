"""Degradations: how low-resolution training inputs are made. A new one is one file here and one line in `table.py`."""

from upres.degrade.degradation import Degradation, PerStep
from upres.degrade.steps import STEPS, Draws, Step
from upres.degrade.table import DEGRADATIONS

__all__ = ["DEGRADATIONS", "STEPS", "Degradation", "Draws", "PerStep", "Step"]
