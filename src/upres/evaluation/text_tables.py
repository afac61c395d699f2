"""Tables as text: for a terminal, for documents, and for papers."""

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


def latex_table(header: Sequence[str], blocks: Sequence[tuple[str, Sequence[Sequence[str]]]]) -> str:
    """Lay out a table for a paper, with the rules of booktabs: each block of rows below a line that says what it is.

    >>> print(latex_table(("model", "dB"), [("Set5", [("ours_2", "31.20 ± 1")])]))
    % \\usepackage{booktabs}
    \\begin{tabular}{lr}
    \\toprule
    model & dB \\\\
    \\midrule
    \\multicolumn{2}{l}{Set5} \\\\
    ours\\_2 & 31.20 $\\pm$ 1 \\\\
    \\bottomrule
    \\end{tabular}
    """
    lines = [r"% \usepackage{booktabs}", rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule"]
    lines.append(_latex_line(header))
    for title, rows in blocks:
        lines += [r"\midrule", rf"\multicolumn{{{len(header)}}}{{l}}{{{_latex(title)}}} \\", *map(_latex_line, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(map(_latex, cells))} \\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


# What LaTeX reads as its own, and what its fonts have in formulas only.
_LATEX = {
    **{character: f"\\{character}" for character in "_%&#${}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"±": r"$\pm$", "×": r"$\times$", "−": "$-$", "<": "$<$", ">": "$>$", "·": r"$\cdot$"},
}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
