"""The containers that are written, the codecs, and what each holds. Nothing here needs PyAV.

Defaults of `crf` are where codecs are called visually lossless, as an enlarged film is often compressed once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from upres.errors import ConfigError, nearest


@dataclass(frozen=True)
class Codec:
    """How pictures are coded.

    Attributes:
        name: as people call it.
        encoder: as FFmpeg calls what does it.
        formats: pixel formats, by FFmpeg's names; of those that lose nothing the first is taken.
        crf, crfs: the usual constant rate factor, and the range; `None` where a codec has none.
        preset, presets: the usual speed, and those there are, fastest first; empty where a codec has none.
        speed: the encoder's option for the speed.
        options: those that are always given.
        gpl: whether the encoder is under the GPL.
        hdr: whether the encoder writes HDR10's static metadata.
        captions: whether the encoder writes closed captions into the pictures (CEA-608 and 708).
        aspect: whether its stream says the shape of a pixel: PyAV cannot write it beside the stream.
        even: whether sides with subsampled colour have to be even.
    """

    name: str
    encoder: str
    formats: tuple[str, ...]
    crf: int | None = None
    crfs: tuple[int, int] = (0, 63)
    preset: str = ""
    presets: tuple[str, ...] = ()
    speed: str = "preset"
    options: dict[str, str] = field(default_factory=dict)
    gpl: bool = False
    hdr: bool = False
    captions: bool = False
    aspect: bool = False
    even: bool = True


_X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_DEEP = ("yuv420p10le", "yuv422p10le", "yuv444p10le")

CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            "libx264",
            ("yuv420p", "yuv422p", "yuv444p", *_DEEP),
            crf=17,
            crfs=(0, 51),
            preset="medium",
            presets=_X26X,
            gpl=True,
            hdr=True,
            captions=True,
            aspect=True,
        ),
        Codec(
            "h265",
            "libx265",
            (
                "yuv420p",
                "yuv422p",
                "yuv444p",
                *_DEEP,
                "yuv420p12le",
                "yuv422p12le",
                "yuv444p12le",
            ),
            crf=19,
            crfs=(0, 51),
            preset="medium",
            presets=_X26X,
            gpl=True,
            hdr=True,
            captions=True,
            aspect=True,
        ),
        Codec(
            "av1",
            "libsvtav1",
            ("yuv420p", "yuv420p10le"),
            crf=24,
            preset="8",
            presets=tuple(str(number) for number in range(13, -1, -1)),
            hdr=True,
        ),
        Codec(
            "vp9",
            "libvpx-vp9",
            ("yuv420p", "yuv422p", "yuv444p", *_DEEP, "yuv420p12le", "yuv422p12le", "yuv444p12le"),
            crf=24,
            preset="4",
            presets=tuple(str(number) for number in range(8, -1, -1)),
            speed="cpu-used",
            options={"b": "0", "deadline": "good", "row-mt": "1"},
            even=False,
        ),
        Codec(
            "prores",
            "prores_ks",
            ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
            preset="hq",
            presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
            speed="profile",
            options={"vendor": "apl0"},
        ),
        Codec(
            "ffv1",
            "ffv1",
            (
                *("yuv420p", "yuv422p", "yuv444p", "yuva420p", "yuva422p", "yuva444p"),
                *(*_DEEP, "yuva420p10le", "yuva422p10le", "yuva444p10le"),
                *("yuv420p12le", "yuv422p12le", "yuv444p12le", "yuv420p16le", "yuv422p16le", "yuv444p16le"),
                *("yuva420p16le", "yuva422p16le", "yuva444p16le"),
            ),
            options={"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
            even=False,
        ),
    )
}
"""What pictures are coded by."""


@dataclass(frozen=True)
class Container:
    """A file that holds streams.

    Attributes:
        muxer: as FFmpeg calls what writes it.
        suffixes: of its files.
        codecs: what it holds, the usual first.
        deep: the same for more than 8 bits.
        options: those that are always given.
        negative: whether decoding may begin before 0.
        text: the coding into which subtitles of text are turned where theirs is not held; empty for none.
        chapters, rotation: whether it holds them.
        roles: what a stream can be called in it besides the usual one, by FFmpeg's names of dispositions.
        others: sound and subtitles that it holds, by FFmpeg's names; empty where its muxer refuses the others itself.
    """

    muxer: str
    suffixes: tuple[str, ...]
    codecs: tuple[str, ...]
    deep: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)
    negative: bool = True
    text: str = ""
    others: tuple[str, ...] = ()
    chapters: bool = True
    rotation: bool = True
    roles: tuple[str, ...] = ()


# Whatever else MPEG-TS is given its muxer marks as private data, which nothing reads again.
_BROADCAST = (
    *("aac", "aac_latm", "ac3", "eac3", "mp1", "mp2", "mp3", "opus", "dts", "truehd", "s302m"),
    *("dvb_subtitle", "dvbsub", "dvb_teletext", "hdmv_pgs_subtitle", "pgssub"),
)
_ROLES = ("forced", "hearing_impaired", "visual_impaired")

CONTAINERS = (
    Container(
        "mp4",
        (".mp4", ".m4v"),
        ("h264", "h265", "av1", "vp9"),
        ("h265", "av1", "vp9", "h264"),
        text="mov_text",
        roles=("dub", "comment", *_ROLES, "captions", "descriptions"),
    ),
    Container(
        "matroska",
        (".mkv",),
        ("h264", "h265", "av1", "vp9", "ffv1", "prores"),
        ("h265", "av1", "vp9", "ffv1", "prores", "h264"),
        text="subrip",
        roles=("dub", "original", "comment", *_ROLES),
    ),
    Container("mov", (".mov",), ("h264", "h265", "prores"), ("h265", "prores", "h264"), text="mov_text"),
    Container("webm", (".webm",), ("vp9", "av1"), ("vp9", "av1"), text="webvtt", roles=("forced",)),
    # Its muxer would add the delay of a broadcast's buffer to every time.
    Container(
        "mpegts",
        (".ts", ".m2ts", ".mts"),
        ("h264", "h265"),
        ("h265", "h264"),
        {"mpegts_copyts": "1"},
        negative=False,
        others=_BROADCAST,
        chapters=False,
        rotation=False,
        roles=("hearing_impaired", "visual_impaired"),
    ),
)
"""What films are written into."""

READ_ONLY = (".avi", ".mpg", ".mpeg", ".vob", ".m2v", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".3gp", ".mxf", ".y4m")
"""Films that are read, and by default written as Matroska: what they are in holds times less exactly, or less."""

WRITTEN = tuple(suffix for container in CONTAINERS for suffix in container.suffixes)
"""Films that are written."""

SUFFIXES = (*WRITTEN, *READ_ONLY)

_NUMBERED = re.compile(r"%0?\d*d")


def is_film(path: Path) -> bool:
    """Return whether a file's name is that of a film; GIF and APNG are pictures."""
    return path.suffix.lower() in SUFFIXES


def films_in(folder: Path) -> list[Path]:
    """Return the films of a folder and of the folders in it, sorted; what is hidden is passed over."""
    found = (path for path in folder.rglob("*") if is_film(path) and not path.is_dir())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def is_sequence(path: Path) -> bool:
    """Return whether a name stands for numbered pictures, such as `frames/%06d.png`."""
    return _NUMBERED.search(path.name) is not None


def container_of(path: Path) -> Container:
    """Return what a file that is written is, by its suffix.

    Raises:
        ConfigError: no container that is written has it.
    """
    suffix = path.suffix.lower()
    found = next((container for container in CONTAINERS if suffix in container.suffixes), None)
    if found is None:
        known = [name[1:] for name in WRITTEN]
        raise ConfigError(
            f"no film is written with the suffix {suffix or 'of nothing'}; {nearest(suffix[1:], known)}; "
            "or numbered pictures, such as frames/%06d.png",
            where=path,
            settings=("output",),
        )
    return found


def suffix_like(source: Path) -> str:
    """Return the suffix of an output that was not named: the source's where it is written, else Matroska's."""
    return source.suffix if source.suffix.lower() in WRITTEN else ".mkv"


def codec_named(name: str) -> Codec:
    """Return a codec by its name.

    Raises:
        ConfigError: there is none; the nearest names are listed.
    """
    known = {**CODECS, "hevc": CODECS["h265"], "x264": CODECS["h264"], "x265": CODECS["h265"], "avc": CODECS["h264"]}
    if name.lower() not in known:
        raise ConfigError(f"codec {name}: {nearest(name.lower(), CODECS)}", settings=("codec",))
    return known[name.lower()]
