"""Draw how the folders of upres import each other, from the code itself, into docs/architecture.dot and .svg.

python -m tools.architecture --output docs/architecture.svg

An arrow goes down from a folder to one that it imports; one that follows from two others is left out. The drawing
itself is Graphviz's (`dot`, Debian's package graphviz).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.common import argument_parser
from tests.floors import FILES, FLOORS, SOURCE, entered, folder_of, module_of

_HEAD = """digraph upres {
  graph [ranksep=0.35, nodesep=0.35, splines=true, fontname="sans-serif", bgcolor="white"]
  node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#5b7c99", fontname="sans-serif", fontsize=12]
  edge [color="#7d93a6", arrowsize=0.6]"""


def imports() -> dict[str, set[str]]:
    """Return the folders that each folder imports from, by the files in it."""
    found: dict[str, set[str]] = {name: set() for name in FLOORS}
    for path in FILES:
        if path.parent != SOURCE:
            here = folder_of(module_of(path))
            found[here] |= entered(path) - {here}
    return found


def reduced(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the edges without those that follow from two others."""
    below: dict[str, set[str]] = {}
    for name in sorted(edges, key=lambda name: FLOORS[name]):
        below[name] = set(edges[name]).union(*(below[other] for other in edges[name]))
    return {
        name: {other for other in others if not any(other in below[between] for between in others if between != other)}
        for name, others in edges.items()
    }


def graph() -> str:
    """Return the drawing in Graphviz's language: a rank for each floor."""
    lines = [_HEAD]
    floors = sorted(set(FLOORS.values()), reverse=True)
    lines += [f'  "floor {floor:g}" [shape=plaintext, style="", fontcolor="#8393a1"]' for floor in floors]
    ranks = " -> ".join(f'"floor {floor:g}"' for floor in floors)
    lines.append(f"  {ranks} [style=invis]")
    for floor in floors:
        names = " ".join(f'"{name.replace(".", "/")}"' for name in sorted(FLOORS) if FLOORS[name] == floor)
        lines.append(f'  {{rank=same "floor {floor:g}" {names}}}')
    for name, others in sorted(reduced(imports()).items()):
        lines += [f'  "{name.replace(".", "/")}" -> "{other.replace(".", "/")}"' for other in sorted(others)]
    return "\n".join([*lines, "}", ""])


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/architecture.svg"))
    given = parser.parse_args()
    source = given.output.with_suffix(".dot")
    source.write_text(graph(), encoding="utf-8")
    subprocess.run(["dot", "-Tsvg", str(source), "-o", str(given.output)], check=True)
    print(f"{given.output}: {sum(map(len, imports().values()))} imports between {len(FLOORS)} folders")


if __name__ == "__main__":
    main()
