"""Where sets of pictures that the field measures on are published: addresses, terms, checksums.

A checksum stands here where it is known from who published it or from a catalogue that checks it at every download;
where there is none, the first download is recorded beside the data, and later ones are held against it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """One file that is downloaded.

    Attributes:
        url: where it is.
        into: what becomes of it below the folder of data: a folder, or the archive itself where it ends as its name.
        inside: the folder in the archive whose content that is.
        size: its bytes; 0 where they are not known.
        digest: `sha256:` or `md5:` and its digits, or empty.
    """

    url: str
    into: str
    inside: str = ""
    size: int = 0
    digest: str = ""

    @property
    def packed(self) -> bool:
        """Whether it is kept as it is."""
        return self.into.endswith(self.url.rpartition("/")[2])


@dataclass(frozen=True)
class Published:
    """One set.

    Attributes:
        title: what it is.
        terms: what may be done with it, and where that stands.
        page: where a person reads about it.
        path: what commands are given as data, below the folder of data.
        archives: what is downloaded; nothing where its authors want to be asked.
        by_hand: what to do where it cannot be downloaded, the end of a message.
    """

    title: str
    terms: str
    page: str
    path: str
    archives: tuple[Archive, ...]
    by_hand: str

    @property
    def size(self) -> int:
        """Bytes to download, as far as they are known."""
        return sum(archive.size for archive in self.archives)

    @property
    def size_in_words(self) -> str:
        """What there is to download."""
        if not self.archives:
            return "by hand"
        return f"{self.size / 1e6:,.0f} MB" if self.size else "size not told"


def _benchmark(name: str, title: str, terms: str, page: str) -> Published:
    """Return a set that a dataset of Hugging Face passes on; low resolution is made by upres, as MATLAB makes it."""
    url = f"https://huggingface.co/datasets/eugenesiow/{name}/resolve/main/data/{name}_HR.tar.gz"
    return Published(
        title=title,
        terms=terms,
        page=page,
        path=name,
        archives=(Archive(url, f"{name}/HR", f"{name}_HR"),),
        by_hand=f"put its originals into {name}/HR",
    )


_DIV2K_PAGE = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"


def _div2k(title: str, *archives: Archive) -> Published:
    return Published(
        title=title,
        terms="for academic research only; the pictures belong to those who took them",
        page=_DIV2K_PAGE,
        path="DIV2K",
        archives=archives,
        by_hand=f"get its archives from {_DIV2K_PAGE} and unpack them, so that there is DIV2K/DIV2K_valid_HR/0801.png",
    )


def _of_div2k(name: str, size: int, digest: str) -> Archive:
    folder = name.replace("_X", "/X")
    return Archive(f"{_DIV2K_PAGE}{name}.zip", f"DIV2K/{folder}", folder, size, f"sha256:{digest}")


_RESEARCH = "for research; no licence is stated"

PUBLISHED: dict[str, Published] = {
    "Set5": _benchmark(
        "Set5",
        "5 pictures (Bevilacqua et al., BMVC 2012)",
        _RESEARCH,
        "http://people.rennes.inria.fr/Aline.Roumy/results/SR_BMVC12.html",
    ),
    "Set14": _benchmark(
        "Set14",
        "14 pictures (Zeyde et al., 2010)",
        _RESEARCH,
        "https://sites.google.com/site/romanzeyde/research-interests",
    ),
    "BSD100": _benchmark(
        "BSD100",
        "100 pictures of the Berkeley segmentation dataset (Martin et al., ICCV 2001)",
        "for non-commercial research and education",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
    ),
    "Urban100": _benchmark(
        "Urban100",
        "100 pictures of buildings (Huang et al., CVPR 2015)",
        _RESEARCH,
        "https://github.com/jbhuang0604/SelfExSR",
    ),
    "DIV2K": _div2k(
        "800 pictures to train on and 100 to validate on, 2 megapixels each (Agustsson and Timofte, CVPRW 2017)",
        _of_div2k("DIV2K_train_HR", 3_530_603_713, "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
        _of_div2k("DIV2K_valid_HR", 448_993_893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
    ),
    "DIV2K-validation": _div2k(
        "its 100 pictures to validate on, alone",
        _of_div2k("DIV2K_valid_HR", 448_993_893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
    ),
    "DIV2K-bicubic-X2": _div2k(
        "its low resolution by bicubic, as published, ×2",
        _of_div2k(
            "DIV2K_train_LR_bicubic_X2", 925_390_592, "a53a424317575838dadce4bcd97cf7b744d6855f43740ed5f0245af3cf4bd850"
        ),
        _of_div2k(
            "DIV2K_valid_LR_bicubic_X2", 117_763_600, "60eed9875c697df51204aa579e2a699e1d5215095788a097ff54dd17e2664d57"
        ),
    ),
    "DIV2K-bicubic-X3": _div2k(
        "the same, ×3",
        _of_div2k(
            "DIV2K_train_LR_bicubic_X3", 427_847_282, "ad5c8e5507e2765823d3c2c5bd0934842efcd487c5370604c224090898b3163a"
        ),
        _of_div2k(
            "DIV2K_valid_LR_bicubic_X3", 54_513_392, "04b9a2ed3b4a0715d3924d3ae8514830c3328fac8d30512ce716d6f419e052a3"
        ),
    ),
    "DIV2K-bicubic-X4": _div2k(
        "the same, ×4",
        _of_div2k(
            "DIV2K_train_LR_bicubic_X4", 246_914_039, "f006b837f4eb52b82909aa01478e6d6d199eefce932179491d0c9dbb706dde3a"
        ),
        _of_div2k(
            "DIV2K_valid_LR_bicubic_X4", 31_505_881, "a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553"
        ),
    ),
    "CIFAR-10": Published(
        title="60,000 pictures of 32×32 (Krizhevsky 2009)",
        terms="no licence is stated; cite the report that the page names",
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        path="cifar10",
        archives=(
            Archive(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "cifar10/cifar-10-python.tar.gz",
                size=170_498_071,
                digest="md5:c58f30108f718f92721af3b95e74349a",
            ),
        ),
        by_hand="get cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and put it into cifar10",
    ),
    "CelebA": Published(
        title="202,599 faces of 178×218 (Liu et al., ICCV 2015)",
        terms="for non-commercial research; not to be passed on",
        page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        path="CelebA",
        archives=(),
        by_hand="read its agreement at https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, get img_align_celeba.zip "
        "from there and unpack it, so that there is CelebA/img_align_celeba/000001.jpg",
    ),
}
"""The sets by the names that `upres data get` takes."""
