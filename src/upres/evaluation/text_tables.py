"""Tables as text: for a terminal, and for documents."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """Lay out a table for a terminal: the first column left, the others right; all left where they hold no numbers.

    >>> print(text_table(("model", "dB"), [("ours", "31.20"), ("bicubic", "28.42")]))
    model       dB
    ours     31.20
    bicubic  28.42
    """
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def laid_out(line: tuple[str, ...]) -> str:
        first, *others = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1])]
        cells += [cell.rjust(width) if numbers else cell.ljust(width) for cell, width in others]
        return "  ".join(cells).rstrip()

    return "\n".join(map(laid_out, lines))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table as documents in Markdown have it.

    >>> print(markdown_table(("model", "dB"), [("ours", "31.20")]))
    | model | dB |
    |---|---|
    | ours | 31.20 |
    """
    rule = "|" + "---|" * len(header)
    return "\n".join([_line(header), rule, *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
