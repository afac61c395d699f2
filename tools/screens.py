"""Screens, text, diagrams and line art to train and to measure on: drawn here, from a seed.

python -m tools.screens DEST [--count 60] [--seed 0] [--side 512]

Each picture is an SVG, drawn by libvips at its full size into DEST/HR. DEST/LRx2 and DEST/LRx4 are means over squares
of it, as a screen of fewer pixels shows the same thing: what lies on the coarse grid keeps hard edges, nothing rings.
Fonts are the system's; the same seed on other fonts gives other pictures. No picture of anybody is in it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser
from upres.image import Picture, write
from upres.image.codecs import vips

_GRID = 4  # most edges lie on it, as an interface's do
_SCALES = (2, 4)

# What is written: alphabets that the usual fonts have, digits and signs among the words.
_WORDS = (
    "The quick brown fox jumps over lazy dogs; 0123456789 files (12 of 48) — saved 14:05. Open Save Cancel Settings "
    "illegible Illinois rn m cl d 1lI| 8B S5 0O {x: [1, 2]} https://example.org/a_b?c=d&e=f 50 % €19.99 #42 @name",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Größe ändern, schließen, öffnen",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Файл Правка Вид Справка",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Αρχείο Επεξεργασία Προβολή Βοήθεια",
    "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń. Pijamalı hasta yağız şoföre çabucak güvendi",
    "நினைவு हिन्दी ไทย ქართული հայերեն עברית العربية",
)
_FONTS = (
    "DejaVu Sans",
    "DejaVu Serif",
    "DejaVu Sans Mono",
    "Liberation Sans",
    "Liberation Serif",
    "Liberation Mono",
    "Noto Sans",
    "Noto Serif",
    "Noto Sans Mono",
    "Roboto",
    "Lato",
    "Inconsolata",
)


class Drawing:
    """An SVG in the making.

    Args:
        chance: what draws it.
        side: its width and height.
    """

    def __init__(self, chance: random.Random, side: int) -> None:
        self.chance = chance
        self.side = side
        self._parts: list[str] = []

    def add(self, part: str) -> None:
        """Draw a part over what is there."""
        self._parts.append(part)

    def svg(self) -> str:
        """Return the whole."""
        size = f'width="{self.side}" height="{self.side}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(self._parts)}</svg>'

    def place(self, low: float, high: float) -> float:
        """Return a place, as a share of the side: on the coarse grid four times of five."""
        at = self.chance.uniform(low, high) * self.side
        return round(at / _GRID) * _GRID if self.chance.random() < 0.8 else round(at, 2)

    def colour(self, dark: float = 0.0, light: float = 1.0) -> str:
        """Return a colour whose channels lie between two shares of white; one of three is gray."""
        levels = [round(255 * self.chance.uniform(dark, light)) for _ in range(3)]
        if self.chance.random() < 0.35:
            levels = levels[:1] * 3
        return "#{:02x}{:02x}{:02x}".format(*levels)

    def pair(self) -> tuple[str, str]:
        """Return a ground and what stands out from it; often black on white, or nearly."""
        kind = self.chance.random()
        if kind < 0.3:
            return self.chance.choice(("#ffffff", "#fafafa", "#f5f5f5", "#eeeeee")), self.colour(0, 0.3)
        if kind < 0.5:
            return self.colour(0, 0.2), self.colour(0.7, 1)
        return (self.colour(0.6, 1), self.colour(0, 0.5)) if kind < 0.8 else (self.colour(), self.colour())

    def box(self, x: float, y: float, width: float, height: float, fill: str, *, round_: float = 0) -> None:
        """Fill a rectangle."""
        self.add(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round_}" fill="{fill}"/>')

    def text(self, x: float, y: float, size: float, fill: str, words: str, font: str = "") -> None:
        """Write words from a point on their line."""
        style = self.chance.choice(("", "", "", ' font-weight="bold"', ' font-style="italic"'))
        family = font or self.chance.choice(_FONTS)
        look = f'font-family="{family}" font-size="{size}"{style} fill="{fill}"'
        self.add(f'<text x="{x}" y="{y}" {look}>{escape(words)}</text>')

    def words(self, most: int) -> str:
        """Return some words of one alphabet; half of the time Latin."""
        line = _WORDS[0] if self.chance.random() < 0.5 else self.chance.choice(_WORDS)
        words = line.split()
        first = self.chance.randrange(len(words))
        chosen = (words[first:] + words[:first])[: self.chance.randint(1, 8)]
        return " ".join(chosen)[:most]


def paragraph(drawing: Drawing) -> None:
    """Lines of text in a few sizes: 6 to 20 pixels high at a quarter of the size."""
    ground, ink = drawing.pair()
    drawing.box(0, 0, drawing.side, drawing.side, ground)
    chance, y, font = drawing.chance, 0.0, drawing.chance.choice(_FONTS)
    while y < drawing.side:
        size = chance.choice((24, 28, 32, 36, 40, 48, 56, 80))
        y += size * chance.uniform(1.1, 1.6)
        drawing.text(drawing.place(0, 0.1), round(y), size, ink, " ".join(drawing.words(60) for _ in range(3)), font)


def interface(drawing: Drawing) -> None:
    """A window: bars, buttons, a list with lines of one coarse pixel, boxes that are ticked."""
    chance, side = drawing.chance, drawing.side
    ground, ink = drawing.pair()
    accent = drawing.colour(0.1, 0.7)
    drawing.box(0, 0, side, side, ground)
    bar = chance.choice((48, 64, 80))
    drawing.box(0, 0, side, bar, accent)
    drawing.text(16, bar - 20, 32, chance.choice(("#ffffff", ground)), drawing.words(24))
    left = drawing.place(0.2, 0.35)
    drawing.box(0, bar, left, side - bar, drawing.colour(0.3, 1) if chance.random() < 0.5 else ground)
    drawing.box(left, bar, chance.choice((2, 4, 4, 8)), side - bar, drawing.colour())
    row, size = chance.choice((40, 48, 56, 64)), chance.choice((24, 28, 32))
    for y in range(bar + 8, side, row):
        drawing.text(left + 24, y + row - 16, size, ink, drawing.words(40))
        if chance.random() < 0.6:
            drawing.box(left, y + row - 4, side - left, 4, drawing.colour())
        if chance.random() < 0.5:
            drawing.box(12, y + 8, row - 20, row - 20, drawing.colour(), round_=chance.choice((0, 4, 8, 16)))
    for _ in range(chance.randint(1, 4)):
        x, top = drawing.place(0.3, 0.7), drawing.place(0.3, 0.9)
        width, height = 4 * chance.randint(20, 50), 4 * chance.randint(9, 16)
        drawing.box(x, top, width, height, drawing.colour(), round_=chance.choice((0, 8, 16)))
        drawing.box(x + 4, top + 4, width - 8, height - 8, drawing.colour(), round_=chance.choice((0, 8, 12)))
        drawing.text(x + 16, top + height - 14, 28, drawing.colour(), drawing.words(12))


def diagram(drawing: Drawing) -> None:
    """Boxes, circles and lines of a few widths in any direction, named."""
    chance, side = drawing.chance, drawing.side
    ground, ink = drawing.pair()
    drawing.box(0, 0, side, side, ground)
    for _ in range(chance.randint(8, 24)):
        x, y, u, v = (drawing.place(0, 1) for _ in range(4))
        width, colour = chance.choice((2, 4, 4, 6, 8, 12)), ink if chance.random() < 0.6 else drawing.colour()
        filled = drawing.colour() if chance.random() < 0.4 else "none"
        shape = chance.choice(
            (
                f'<line x1="{x}" y1="{y}" x2="{u}" y2="{v}"',
                f'<rect x="{min(x, u)}" y="{min(y, v)}" width="{abs(u - x)}" height="{abs(v - y)}"',
                f'<circle cx="{x}" cy="{y}" r="{abs(u - x) / 3}"',
                f'<path d="M{x} {y} C{u} {y} {x} {v} {u} {v}"',
                f'<polyline points="{x},{y} {u},{y} {u},{v}"',
            )
        )
        drawing.add(f'{shape} stroke="{colour}" stroke-width="{width}" fill="{filled}"/>')
    for _ in range(chance.randint(3, 10)):
        drawing.text(drawing.place(0, 0.9), drawing.place(0.05, 1), chance.choice((24, 32, 40)), ink, drawing.words(20))


def line_art(drawing: Drawing) -> None:
    """Strokes and flat colours, as a comic or a logo has them."""
    chance, side = drawing.chance, drawing.side
    ground, ink = drawing.pair()
    drawing.box(0, 0, side, side, ground)
    for _ in range(chance.randint(6, 18)):
        points = [(round(chance.uniform(-0.1, 1.1) * side), round(chance.uniform(-0.1, 1.1) * side)) for _ in range(6)]
        (a, b), *rest = points
        curve = " ".join(f"S{u} {v} {x} {y}" for (u, v), (x, y) in zip(rest[::2], rest[1::2], strict=False))
        closed = chance.random() < 0.5
        fill = drawing.colour() if closed else "none"
        stroke = f'stroke="{ink}" stroke-width="{chance.choice((3, 5, 8, 12, 20))}" stroke-linejoin="round"'
        drawing.add(f'<path d="M{a} {b} {curve}{"Z" if closed else ""}" fill="{fill}" {stroke}/>')


def chart(drawing: Drawing) -> None:
    """Bars, a grid and a curve with its numbers."""
    chance, side = drawing.chance, drawing.side
    ground, ink = drawing.pair()
    drawing.box(0, 0, side, side, ground)
    for y in range(32, side - 32, chance.choice((48, 64, 80))):
        drawing.box(48, y, side - 64, chance.choice((2, 4)), drawing.colour(0.5, 0.9))
        drawing.text(4, y + 12, 24, ink, str(chance.randint(0, 999)))
    step = chance.choice((24, 32, 48))
    colour, points = drawing.colour(), []
    for x in range(64, side - step, step):
        height = 4 * chance.randint(4, side // 6)
        if chance.random() < 0.7:
            drawing.box(x, side - 40 - height, step - chance.choice((4, 8)), height, colour)
        points.append(f"{x},{side - 40 - 4 * chance.randint(4, side // 6)}")
    look = f'fill="none" stroke="{drawing.colour()}" stroke-width="{chance.choice((3, 4, 6))}"'
    drawing.add(f'<polyline points="{" ".join(points)}" {look}/>')
    drawing.box(48, side - 40, side - 64, 4, ink)


KINDS: tuple[Callable[[Drawing], None], ...] = (paragraph, interface, diagram, line_art, chart)
"""What is drawn, in turn."""


def drawn(number: int, seed: int, side: int) -> NDArray[np.uint8]:
    """Return picture `number` of a seed: `side side 3`."""
    pyvips = vips.pyvips()
    pyvips.operation_block_set("VipsForeignLoadSvg", False)  # upres reads none; this one was written here
    drawing = Drawing(random.Random(f"{seed} {number}"), side)
    KINDS[number % len(KINDS)](drawing)
    image = pyvips.Image.svgload_buffer(drawing.svg().encode())
    pixels: NDArray[np.uint8] = image.flatten(background=255).numpy()[..., :3]
    return np.ascontiguousarray(pixels)


def squares(pixels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return the means of squares of `scale` × `scale` pixels, halves rounded up."""
    height, width, channels = pixels.shape
    blocks = pixels.reshape(height // scale, scale, width // scale, scale, channels)
    means: NDArray[np.uint8] = (blocks.mean((1, 3)) + 0.5).astype(np.uint8)
    return means


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("dest", type=Path, help="the folder that is made")
    parser.add_argument("--count", type=int, default=60, help="pictures")
    parser.add_argument("--seed", type=int, default=0, help="others for another one")
    parser.add_argument("--side", type=int, default=512, help="of a picture, in pixels")
    given = parser.parse_args()
    for name in ("HR", *(f"LRx{scale}" for scale in _SCALES)):
        (given.dest / name).mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        pixels = drawn(number, given.seed, given.side)
        name = f"{KINDS[number % len(KINDS)].__name__}-{number:03}.png"
        write(Picture(pixels), given.dest / "HR" / name)
        for scale in _SCALES:
            write(Picture(squares(pixels, scale)), given.dest / f"LRx{scale}" / name)
    print(f"{given.count} pictures of seed {given.seed} in {given.dest}")


if __name__ == "__main__":
    main()
