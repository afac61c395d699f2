"""The tables of named parts in the documents are what the code has."""

import re
from pathlib import Path

import pytest

from tools import strangers, tables
from upres.models.shipped import find


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: page.name)
def test_its_tables_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == tables.renewed(text), "run: python -m tools.tables"


def test_every_table_stands_in_a_document() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in tables.pages())
    assert all(f"<!-- table: {name} -->" in text for name in tables.TABLES)
    assert (
        tables.renewed("<!-- table: losses -->\nold\n<!-- end of table -->")
        != "<!-- table: losses -->\nold\n<!-- end of table -->"
    )


# Where the shipped models' scores stand: the page, and the columns of Set5 and B100 by scale.
SCORED = {"README.md": {4: (1, 2)}, "docs/models.md": {4: (2, 3)}}


@pytest.mark.parametrize("page", SCORED)
def test_scores_are_those_of_the_model_files(page: str) -> None:
    rows = [
        [cell.strip(" *`") for cell in re.split("[|·]", line.strip("|"))]
        for line in (tables.ROOT / page).read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \*\*`?(fast|base|best)\b", line)
    ]
    found = {row[0].split("*")[0].strip("` ,"): row for row in rows}
    assert set(found) == {"fast", "base", "best"}
    for scale, columns in SCORED[page].items():
        for name, row in found.items():
            scores = find(name, scale).facts.scores
            for column, set_name in zip(columns, ("Set5", "BSD100"), strict=True):
                score = scores[f"{set_name} psnr_y border {scale}"]
                # The facts hold three digits: 31.425 was 31.4247, which is 31.42.
                assert row[column] in {f"{score - 0.0004:.2f}", f"{score + 0.0004:.2f}"}, f"{page}: {name}"


def test_each_error_has_its_part() -> None:
    page = (tables.ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert {cls.__name__ for cls in tables.ERRORS} <= set(re.findall(r"^## (\w+)$", page, re.MULTILINE))


def test_strangers_leave_out_an_index_that_is_not_reached_and_nothing_else() -> None:
    lines = [step.text for step in strangers.steps("training.md#Install") if step.kind == "sh"]
    given = [strangers.without_index(line, "download.pytorch.org") for line in lines]
    assert given == ["pip install torch", *lines[1:]] and lines[0] != given[0]
    assert [strangers.without_index(line, None) for line in lines] == lines
    assert strangers.without_index(lines[0], "pytorch.org") == lines[0]


def test_statements_of_the_published_systems_each_have_a_verdict_and_are_counted() -> None:
    text = (tables.ROOT / "docs" / "systems" / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1)) and {len(row) for row in rows} == {5}
    verdicts = [row[4].strip(" *") for row in rows]
    assert all(re.match(r"same$|better|why not: \w|\[page\]\(\w+\.md\)", verdict) for verdict in verdicts), verdicts
    counts = [len(rows), *(sum(one.startswith(word) for one in verdicts) for word in ("same", "better", "why", "["))]
    said = re.search(
        r"(\d+) rows, of which (\d+) are the same, (\d+) better,\s+(\d+) not, .*?, and (\d+) for the page", text
    )
    assert said is not None and [int(number) for number in said.groups()] == counts
