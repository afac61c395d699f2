"""Colours of films: matrices, ranges, where chroma lies, depth, HDR; each is measured in the film that was written."""

import dataclasses
import re
import struct
from fractions import Fraction

import numpy as np
import pytest

from tests.small_films import Identity, av, first_of, frame_of, moving, planes_of, write_film
from tests.small_predictors import Nearest
from upres.errors import ConfigError, PictureError
from upres.image.codecs.table import FORMATS
from upres.upscaling.upscaler import Upscaler
from upres.video.colours import MATRICES, Colours, ToRgb, bits_of
from upres.video.encoding import coding_for
from upres.video.opening import Light, open_film
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan
from upres.video.table import container_of

NUMBERS = {"601": 6, "709": 1, "2020": 9}
SIDE = 16  # of a patch


def enlarged(source, target, *, by=None, **asked):
    return run_plan(plan_film(source, target, Identity(by), FilmOptions(**asked), {}))


def patches(matrix, bits, full):
    """Return 24 colours, and the numbers that stand for them: planes of Y, Cb, Cr."""
    rgb = np.random.default_rng(0).random((4, 6, 3))
    rgb[0] = np.array([[0, 0, 0], [2, 2, 2], [2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 1, 1]]) / 2
    red, blue = MATRICES[matrix]
    y = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    chroma = (rgb[..., 2] - y) / (2 * (1 - blue)), (rgb[..., 0] - y) / (2 * (1 - red))
    unit, most = 1 << (bits - 8), (1 << bits) - 1
    luma = most * y if full else (16 + 219 * y) * unit
    others = [(1 << (bits - 1)) + most * each if full else (128 + 224 * each) * unit for each in chroma]
    kind = np.uint8 if bits == 8 else np.uint16
    whole = [np.clip(np.rint(plane), 0, most).astype(kind) for plane in (luma, *others)]
    sides = (SIDE, SIDE // 2, SIDE // 2)
    return rgb, [np.kron(plane, np.ones((side, side), kind)) for plane, side in zip(whole, sides, strict=True)]


def middles(planes):
    """Return the number in the middle of each patch of each plane."""
    return [
        plane[side // 2 :: side, side // 2 :: side].astype(int)
        for plane, side in zip(planes, (SIDE, SIDE // 2, SIDE // 2), strict=True)
    ]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("matrix", NUMBERS)
def test_flat_colours_come_back_as_the_same_codes(matrix, bits, full, tmp_path):
    rgb, planes = patches(matrix, bits, full)
    form = "yuv420p" if bits == 8 else "yuv420p10le"
    tags = {"colorspace": NUMBERS[matrix], "color_range": 2 if full else 1, "color_primaries": 1, "color_trc": 1}
    source = write_film(tmp_path / "a.mkv", [frame_of(planes, form)] * 2, **tags)
    enlarged(source, tmp_path / "out.mkv", codec="ffv1")
    made = first_of(tmp_path / "out.mkv")
    assert made.format.name == form
    assert {name: int(getattr(made, name)) for name in tags} == tags
    for ours, theirs in zip(middles(planes_of(made)), middles(planes), strict=True):
        assert np.abs(ours - theirs).max() <= 1
    # As they are seen, and not only after a round trip: what 8 bits of chroma can tell, and libswscale's 8 bits.
    film = open_film(source)
    seen = ToRgb(film.colours, bits=bits, alpha=False, time_base=film.time_base)(first_of(source))[0]
    shown = seen[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE] / np.iinfo(seen.dtype).max
    assert np.abs(shown - rgb).max() < (2.1 if bits == 8 else 0.6) / 255


@pytest.mark.parametrize(("size", "matrix"), [((704, 480), "601"), ((1280, 720), "709")])
def test_what_is_not_said_is_taken_as_players_take_it_and_then_said(size, matrix, tmp_path):
    width, height = size
    planes = [np.full((height, width), 81, np.uint8), *(np.full((height // 2, width // 2), 100, np.uint8),) * 2]
    source = write_film(tmp_path / "a.mkv", [frame_of(planes, "yuv420p")], codec="libvpx-vp9")
    film = open_film(source)
    assert (film.colours.matrix, film.colours.said, film.colours.full) == (matrix, False, False)
    assert film.notes == (f"does not say its matrix, and is taken for BT.{matrix}, as players take it",)
    assert open_film(source, matrix="2020").colours.matrix == "2020"


def test_an_unsaid_matrix_is_said_of_the_enlarged_film(tmp_path):
    """Enlarged it may be HD, and would be taken for BT.709 then."""
    source = write_film(tmp_path / "a.mkv", moving(2))
    enlarged(source, tmp_path / "out.mkv", codec="ffv1")
    made = first_of(tmp_path / "out.mkv")
    assert (int(made.colorspace), int(made.color_range)) == (6, 1)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(("siting", "right", "down"), [("left", 0, 0.5), ("topleft", 0, 0), ("center", 0.5, 0.5)])
def test_chroma_lies_where_the_film_says(siting, right, down, bits, tmp_path):
    """A slope of red: where it is brightest by so much tells where its samples were taken to lie."""
    width, height, kind, unit = 96, 64, np.uint8 if bits == 8 else np.uint16, 1 << (bits - 8)
    for across in (True, False):
        samples = np.arange(48 if across else 32) * 3.0 + 60
        slope = np.tile(samples, (32, 1)) if across else np.tile(samples[:, None], (1, 48))
        planes = [
            np.full((height, width), 120 * unit, kind),
            np.full((32, 48), 128 * unit, kind),
            (slope * unit).astype(kind),
        ]
        colours = Colours("709", False, siting)
        form = "yuv420p" if bits == 8 else "yuv420p10le"
        seen = ToRgb(colours, bits=bits, alpha=False, time_base=Fraction(1, 25))(frame_of(planes, form))[0]
        white = np.iinfo(seen.dtype).max
        red = seen[..., 0].mean(axis=0 if across else 1) / white
        place = np.arange(len(red))
        inside = slice(20, 44)  # neither clipped nor at an edge
        code = (red - (120 - 16) / 219) / 1.5748 * 224 + 128
        lies = place - (code - 60) / 3 * 2  # where sample 0 was taken to lie
        assert np.abs(lies[inside].mean() - (right if across else down)) <= (0.07 if bits == 8 else 0.02)


def test_where_chroma_lies_is_read_and_said(tmp_path):
    if "libx264" not in av.codecs_available:
        pytest.skip("no free encoder here says where chroma lies")
    for siting in ("left", "topleft", "center"):
        source = write_film(
            tmp_path / f"{siting}.mp4", moving(2), codec="libx264", options={"chroma_sample_location": siting}
        )
        assert open_film(source).colours.siting == siting
        enlarged(source, tmp_path / f"{siting}.mkv", codec="h264")
        assert open_film(tmp_path / f"{siting}.mkv").colours.siting == siting


def test_ten_bits_stay_ten(tmp_path):
    ramp = np.tile(np.arange(64, 940, 4, dtype=np.uint16), (32, 1))
    gray = np.full((16, ramp.shape[1] // 2 + ramp.shape[1] % 2), 512, np.uint16)
    planes = [
        np.ascontiguousarray(ramp[:, : ramp.shape[1] // 2 * 2]),
        gray[:, : ramp.shape[1] // 2],
        gray[:, : ramp.shape[1] // 2],
    ]
    source = write_film(tmp_path / "a.mkv", [frame_of(planes, "yuv420p10le")] * 2)
    enlarged(source, tmp_path / "out.mkv", codec="ffv1")
    made = planes_of(first_of(tmp_path / "out.mkv"))
    assert len(set(made[0][10])) > 0.95 * len(set(planes[0][10]))
    assert np.abs(made[0].astype(int) - planes[0]).max() <= 1
    with pytest.raises(ConfigError, match="prores takes yuv422p10le") as refused:
        plan_film(source, tmp_path / "b.mkv", Identity(), FilmOptions(codec="prores", pix_fmt="yuv420p"), {})
    assert refused.value.settings == ("pix_fmt",)
    assert (
        "10 bits"
        not in plan_film(source, tmp_path / "b.mkv", Identity(), FilmOptions(codec="ffv1", pix_fmt="yuv420p"), {}).coded
    )  # who asks for 8 bits gets them


HDR = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
SCREEN = (
    "mastering-display=G(0.265,0.690)B(0.150,0.060)R(0.680,0.320)WP(0.3127,0.3290)L(1000,0.0001):content-light=1000,400"
)


def hdr10(path):
    planes = [np.full((64, 64), 400, np.uint16), *(np.full((32, 32), 512, np.uint16),) * 2]
    return write_film(
        path, [frame_of(planes, "yuv420p10le")] * 4, codec="libsvtav1", options={"svtav1-params": SCREEN}, **HDR
    )


@pytest.mark.parametrize("codec", ["av1", "h265"])
def test_hdr10_is_carried(codec, tmp_path):
    if codec == "h265" and "libx265" not in av.codecs_available:
        pytest.skip("no libx265")
    source = hdr10(tmp_path / "a.mkv")
    said = open_film(source).light
    assert said.mastering is not None
    assert said.content == (1000, 400)
    assert [round(float(each), 3) for each in said.mastering[:2]] == [0.680, 0.320]
    assert float(said.mastering[9]) == 1000
    enlarged(source, tmp_path / "out.mkv", by=Upscaler(Nearest(2)), codec=codec)
    made = first_of(tmp_path / "out.mkv")
    assert {name: int(getattr(made, name)) for name in HDR} == HDR
    assert made.format.name == "yuv420p10le"
    ours = open_film(tmp_path / "out.mkv").light
    assert ours.content == said.content
    for one, other in zip(ours.mastering, said.mastering, strict=True):
        assert abs(one - other) <= max(1, float(other)) / 5000


def test_hdr10_is_refused_where_it_would_be_lost(tmp_path):
    source = hdr10(tmp_path / "a.mkv")
    with pytest.raises(
        ConfigError, match="would lose what HDR10 says of the screen it was made on; h264 or h265 or av1"
    ):
        plan_film(source, tmp_path / "out.mkv", Identity(), FilmOptions(codec="ffv1"), {})
    chosen = coding_for(open_film(source), (64, 64), container_of(tmp_path / "out.webm"))
    assert chosen.codec.name == "av1"  # though vp9 is what WebM usually gets


def test_numbered_pictures_of_hdr_say_so(tmp_path):
    from upres import read

    source = hdr10(tmp_path / "a.mkv")
    enlarged(source, tmp_path / "%02d.png")
    assert read(tmp_path / "01.png").cicp == (9, 16, 0, 1)
    assert FORMATS["png"].cicp


HLG = {"colorspace": 9, "color_primaries": 9, "color_trc": 18, "color_range": 1}


def ramp_of(path, tags, *, codec="ffv1", **attributes):
    """Write a film of 10 bits: a slope of luma beside a slope of red, all of it colours that R, G, B have."""
    luma = np.tile(np.arange(300, 300 + 64 * 8, 8, dtype=np.uint16), (64, 1))
    slope = np.tile(np.arange(437, 437 + 32 * 5, 5, dtype=np.uint16), (32, 1))
    planes = [luma, np.full((32, 32), 512, np.uint16), slope]
    return write_film(path, [frame_of(planes, "yuv420p10le")] * 3, codec=codec, **tags, **attributes)


@pytest.mark.parametrize("tags", [HLG, HDR], ids=["HLG", "PQ"])
@pytest.mark.parametrize(
    ("out", "codec"),
    [
        ("a.mkv", "ffv1"),
        ("a.mkv", "av1"),
        ("a.mp4", "av1"),
        ("a.mp4", "h265"),
        ("a.mov", "prores"),
        ("a.mov", "h265"),
        ("a.webm", "av1"),
        ("a.ts", "h265"),
    ],
)
def test_hlg_and_pq_are_enlarged_as_their_numbers_stand_and_say_so(out, codec, tags, tmp_path):
    if codec == "h265" and "libx265" not in av.codecs_available:
        pytest.skip("no libx265")
    source = ramp_of(tmp_path / "source.mkv", tags)
    film = open_film(source)
    assert (film.colours.hdr, film.colours.matrix, film.bits, film.light) == (True, "2020", 10, Light())
    enlarged(source, tmp_path / out, codec=codec)
    made = first_of(tmp_path / out)
    assert {name: int(getattr(made, name)) for name in tags} == tags
    assert bits_of(made.format.name) == 10
    if codec == "ffv1":  # lossless, so all there is came of the way to R, G, B and back
        for ours, theirs in zip(planes_of(made), planes_of(first_of(source)), strict=True):
            assert np.abs(ours.astype(int) - theirs)[:, 4:-4].max() <= 1


@pytest.mark.parametrize("tags", [HLG, HDR], ids=["HLG", "PQ"])
def test_hdr_loses_no_bits_unless_that_is_asked_for(tags, tmp_path):
    source = ramp_of(tmp_path / "a.mkv", tags)
    assert coding_for(open_film(source), (64, 64), container_of(tmp_path / "b.mp4")).form.endswith("10le")
    assert coding_for(open_film(source), (64, 64), container_of(tmp_path / "b.webm")).form.endswith("10le")
    asked = plan_film(source, tmp_path / "b.mkv", Identity(), FilmOptions(codec="av1", pix_fmt="yuv420p"), {})
    assert asked.coding.form == "yuv420p"
    enlarged(source, tmp_path / "%02d.png")
    from upres import read

    assert read(tmp_path / "01.png").cicp == (9, tags["color_trc"], 0, 1)


def dolby(path, profile, shown_as, target):
    """Write an MP4 of H.265 anew with the record that makes it Dolby Vision; `moov` stands at its end."""
    data = bytearray(path.read_bytes())
    record = bytes([1, 0, profile << 1, 6 << 3 | 0b101, shown_as << 4]) + bytes(19)
    box = struct.pack(">I4s", 32, b"dvcC" if profile <= 7 else b"dvvC") + record
    found, start, end = [], 0, len(data)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hev1"):
        while (head := struct.unpack(">I4s", data[start : start + 8]))[1] != name:
            start += head[0]
            assert start < end
        found.append(start)
        end = start + head[0]
        start += 16 if name == b"stsd" else 8
    data[end:end] = box
    for at in found:
        data[at : at + 4] = struct.pack(">I", struct.unpack(">I", data[at : at + 4])[0] + len(box))
    if shown_as == 0:
        data[found[-1] + 4 : found[-1] + 8] = b"dvhe"
    target.write_bytes(data)
    return target


def remuxed(path, target):
    with av.open(str(path)) as source, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    return target


@pytest.mark.skipif("libx265" not in av.codecs_available, reason="no libx265")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_dolby_vision_that_nothing_else_shows_is_refused(suffix, tmp_path):
    said = {"options": {"x265-params": "log-level=error"}, "base": Fraction(1, 25)}
    unsaid = ramp_of(tmp_path / "unsaid.mp4", {"color_range": 2}, codec="libx265", **said)
    alone = dolby(unsaid, 5, 0, tmp_path / "alone.mp4")
    alone = alone if suffix == ".mp4" else remuxed(alone, tmp_path / "alone.mkv")
    with pytest.raises(
        PictureError, match=r"without a picture for other players \(profile 5\); .* Convert it to HDR10"
    ):
        open_film(alone)
    for shown_as, tags in ((1, HDR), (4, HLG)):  # profile 8: HDR10, HLG for other players
        film = ramp_of(tmp_path / f"{shown_as}.mp4", tags, codec="libx265", **said)
        film = dolby(film, 8, shown_as, tmp_path / f"8.{shown_as}.mp4")
        film = film if suffix == ".mp4" else remuxed(film, tmp_path / f"8.{shown_as}.mkv")
        opened = open_film(film)
        assert (opened.colours.transfer, opened.colours.hdr) == (tags["color_trc"], True)
        enlarged(film, tmp_path / f"out{suffix}", codec="h265", overwrite=True)
        assert int(first_of(tmp_path / f"out{suffix}").color_trc) == tags["color_trc"]
        assert b"dvvC" in film.read_bytes()
        assert b"dvvC" not in (tmp_path / f"out{suffix}").read_bytes()  # it is no Dolby Vision any more


def rpu():
    """Return Dolby Vision's data of a picture (ETSI GS CCM 001, section 5.3): its numbers stay as they are."""
    bits: list[int] = []

    def put(value, count):
        bits.extend(value >> at & 1 for at in reversed(range(count)))

    def golomb(*values):
        for value in values:
            length = (value + 1).bit_length()
            put(value + 1, 2 * length - 1)

    put(25, 8)
    for value, count in ((2, 6), (18, 11), (0, 4), (0, 4), (1, 1), (0, 1), (0, 2)):  # type, format, profile, level, …
        put(value, count)
    golomb(23)  # bits of a coefficient's fraction
    put(0b011, 3)
    golomb(2, 2, 4)  # bits of the layers, less 8
    put(0b000001, 6)  # no second layer
    put(0b00, 2)
    golomb(0, 0, 0)
    for _ in range(3):  # each channel goes from 0 to 1023 in one piece
        golomb(0)
        put(1023, 20)
    golomb(0, 0)
    for _ in range(3):  # 0 + 1 × its number
        golomb(0, 0)
        put(0, 1)
        golomb(0)
        put(0, 23)
        golomb(1)
        put(0, 23)
    put(0, -len(bits) % 8)
    whole = bytes(int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, len(bits), 8))
    whole += bytes([1, 2, 3, 4, 0x80])
    # Three bytes that would look like the start of another unit do not stand in one.
    return bytes([62 << 1, 1]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", whole)


@pytest.mark.skipif("libx265" not in av.codecs_available, reason="no libx265")
@pytest.mark.parametrize("tags", [{"color_range": 2}, HDR], ids=["profile 5", "profile 8"])
def test_dolby_vision_is_known_by_its_data_where_no_record_says_it(tags, tmp_path):
    """Its data of a picture are a NAL unit of number 62 behind the picture's own."""
    parameters = {"options": {"x265-params": "log-level=error:bframes=0"}, "base": Fraction(1, 25)}
    plain = ramp_of(tmp_path / "plain.mkv", tags, codec="libx265", **parameters)
    unit = rpu()
    with av.open(str(plain)) as source, av.open(str(tmp_path / "a.mkv"), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                ours = av.Packet(bytes(packet) + struct.pack(">I", len(unit)) + unit)
                ours.pts, ours.dts, ours.time_base, ours.stream = packet.pts, packet.dts, packet.time_base, stream
                ours.is_keyframe = packet.is_keyframe
                made.mux(ours)
    if tags is HDR:
        assert any(note.startswith("left behind: Dolby Vision's data") for note in open_film(tmp_path / "a.mkv").notes)
        return
    with pytest.raises(PictureError, match="Dolby Vision without a picture for other players"):
        open_film(tmp_path / "a.mkv")


def test_colours_that_no_matrix_gives_are_refused(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(2), colorspace=14)
    with pytest.raises(PictureError, match=r"a\.mkv: its colours are ICtCp"):
        open_film(source)


def test_gray_rgb_and_alpha(tmp_path):
    gray = frame_of([np.tile(np.arange(0, 256, 8, dtype=np.uint8), (24, 1))], "gray")
    source = write_film(tmp_path / "gray.mkv", [gray] * 2, color_range=2)
    enlarged(source, tmp_path / "gray-out.mkv", codec="ffv1")
    film, made = open_film(tmp_path / "gray-out.mkv"), planes_of(first_of(tmp_path / "gray-out.mkv"))
    assert film.form == "yuv420p"
    assert np.abs(made[0].astype(int) - planes_of(gray)[0]).max() <= 1
    rgb = np.random.default_rng(0).integers(0, 256, (3, 5, 4), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb.transpose(1, 2, 0)), "rgb24")
    source = write_film(tmp_path / "rgb.mkv", [picture.reformat(format="bgr0")] * 2)
    summary = enlarged(source, tmp_path / "rgb-out.mkv", codec="ffv1")
    film = open_film(tmp_path / "rgb-out.mkv")
    assert (film.form, film.colours.matrix, film.colours.said) == ("yuv444p", "709", True)
    back = ToRgb(film.colours, bits=8, alpha=False, time_base=film.time_base)(first_of(tmp_path / "rgb-out.mkv"))[0]
    assert np.abs(back.astype(int) - rgb.transpose(1, 2, 0)).max() <= 3
    assert summary.pictures == 2
    planes = [*planes_of(moving(1)[0]), np.full((24, 32), 77, np.uint8)]
    source = write_film(tmp_path / "alpha.mkv", [frame_of(planes, "yuva420p")] * 2)
    with pytest.raises(ConfigError, match="would lose its transparency; prores or ffv1 keeps it"):
        plan_film(source, tmp_path / "x.mkv", Identity(), FilmOptions(codec="av1"), {})
    enlarged(source, tmp_path / "alpha-out.mkv")
    assert np.abs(planes_of(first_of(tmp_path / "alpha-out.mkv"))[3].astype(int) - 77).max() <= 1


def test_what_is_said_of_colours_is_kept_whole():
    colours = Colours("709", True, "topleft", 9, 16, 1)
    assert dataclasses.asdict(colours.coded) == dataclasses.asdict(colours)
    assert Colours(None).coded.matrix == "709"
