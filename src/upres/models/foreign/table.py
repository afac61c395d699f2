"""The importers of weights that others published, by the name of the architecture in `upres.archs.ARCHS`."""

from __future__ import annotations

from upres.config.tables import Table
from upres.models.foreign.compact import CompactImporter
from upres.models.foreign.dat import DATImporter
from upres.models.foreign.edsr import EDSRImporter
from upres.models.foreign.hat import HATImporter
from upres.models.foreign.imported import Importer
from upres.models.foreign.omnisr import OmniSRImporter
from upres.models.foreign.plainusr import PlainUSRImporter
from upres.models.foreign.realplksr import RealPLKSRImporter
from upres.models.foreign.rlfn import RLFNImporter
from upres.models.foreign.rrdb import RRDBImporter
from upres.models.foreign.safmn import SAFMNImporter
from upres.models.foreign.smfanet import SMFANetImporter
from upres.models.foreign.span import SPANImporter
from upres.models.foreign.swinir import SwinIRImporter

IMPORTERS: Table[Importer] = Table(
    "upres.models.foreign",
    {
        "compact": CompactImporter(),
        "dat": DATImporter(),
        "edsr": EDSRImporter(),
        "hat": HATImporter(),
        "omnisr": OmniSRImporter(),
        "plainusr": PlainUSRImporter(),
        "realplksr": RealPLKSRImporter(),
        "rlfn": RLFNImporter(),
        "rrdb": RRDBImporter(),
        "safmn": SAFMNImporter(),
        "smfanet": SMFANetImporter(),
        "span": SPANImporter(),
        "swinir": SwinIRImporter(),
    },
)
