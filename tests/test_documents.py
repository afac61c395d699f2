"""The tables of named parts in the documents are what the code has."""

from pathlib import Path

import pytest
from tools import tables


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
