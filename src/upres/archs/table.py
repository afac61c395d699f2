"""The architectures, and the discriminators, by the names that recipes give them."""

from __future__ import annotations

from upres.archs.compact import Compact
from upres.archs.dat import DAT
from upres.archs.deconv_cnn import DeconvCNN
from upres.archs.discriminators import VGG, Discriminator, MultiScale, Patch, UNetSN
from upres.archs.edsr import EDSR
from upres.archs.espcn import ESPCN
from upres.archs.fsrcnn import FSRCNN
from upres.archs.hat import HAT
from upres.archs.network import Network
from upres.archs.omnisr import OmniSR
from upres.archs.plainres import PlainRes
from upres.archs.plainusr import PlainUSR
from upres.archs.realplksr import RealPLKSR
from upres.archs.repres import RepRes
from upres.archs.rlfn import RLFN
from upres.archs.rrdb import RRDB
from upres.archs.safmn import SAFMN
from upres.archs.smfanet import SMFANet
from upres.archs.span import SPAN
from upres.archs.srcnn import SRCNN
from upres.archs.srresnet import SRResNet
from upres.archs.swinir import SwinIR
from upres.archs.unet import UNet
from upres.config.tables import Table

ARCHS: Table[type[Network]] = Table(
    "upres.archs",
    {
        "compact": Compact,
        "dat": DAT,
        "deconv-cnn": DeconvCNN,
        "edsr": EDSR,
        "espcn": ESPCN,
        "fsrcnn": FSRCNN,
        "hat": HAT,
        "omnisr": OmniSR,
        "plainres": PlainRes,
        "plainusr": PlainUSR,
        "realplksr": RealPLKSR,
        "repres": RepRes,
        "rlfn": RLFN,
        "rrdb": RRDB,
        "safmn": SAFMN,
        "smfanet": SMFANet,
        "span": SPAN,
        "srcnn": SRCNN,
        "srresnet": SRResNet,
        "swinir": SwinIR,
        "unet": UNet,
    },
)

DISCRIMINATORS: Table[type[Discriminator]] = Table(
    "upres.archs.discriminators",
    {
        "multi-scale": MultiScale,
        "patch": Patch,
        "unet-sn": UNetSN,
        "vgg": VGG,
    },
)
