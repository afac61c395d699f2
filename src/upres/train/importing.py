"""Lightning, imported without what it does not use."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def _imported() -> ModuleType:
    """Import Lightning, in half a second to a second less where SciPy is installed.

    Lightning imports torchmetrics, whose first lines import all of `scipy.signal` to give it a name of old, `hamming`,
    that one other package asks for. For that moment something is there that has the name; afterwards `scipy.signal` is
    what it was, not imported yet.
    """
    name = "scipy.signal"
    if {name, "torchmetrics"} & sys.modules.keys():
        return importlib.import_module("pytorch_lightning")
    named = ModuleType(name)
    named.__dict__["hamming"] = None
    sys.modules[name] = named
    try:
        return importlib.import_module("pytorch_lightning")
    except (ImportError, AttributeError):  # a torchmetrics that uses more of it
        sys.modules.pop(name, None)
        return importlib.import_module("pytorch_lightning")
    finally:
        if sys.modules.get(name) is named:
            del sys.modules[name]


LIGHTNING = _imported()
