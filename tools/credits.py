"""Name the authors of the pictures that models were trained on besides cid22, gb82 and budgie.

python -m tools.credits TABLE

TABLE says of each picture its name, repository, commit, path, author and licence (tab-separated, with a head); those
whose name begins with city/ or photo/ were trained on.
"""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

from benchmarks.common import argument_parser
from upres.models.shipped import PACKAGE
from upres.storage.atomic import write_whole

CREDITS = PACKAGE / "CREDITS.md"
_HEAD = """\
# Pictures and their authors

The weights of `base` were trained, besides the pictures that its cards name, on these {count} photographs from public
repositories. Thank you. They were reduced or cropped, and degraded; none of them is in this package.
"""


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    with arguments.table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    used = [row for row in rows if row["name"].startswith(("city/", "photo/"))]
    used.sort(key=lambda row: (row["repository"].lower(), row["path"]))
    lines = [_HEAD.format(count=len(used))]
    for repository, found in groupby(used, key=lambda row: row["repository"]):
        pictures = list(found)
        lines.append(f"\n## github.com/{repository}, commit {pictures[0]['commit'][:12]}\n\n")
        lines += [f"- `{row['path']}`: {row['author']}. {row['licence']}.\n" for row in pictures]
    write_whole(CREDITS, "".join(lines))
    print(f"{CREDITS}: {len(used)} pictures")


if __name__ == "__main__":
    main()
