"""The table in docs/formats.md is what was measured here, where it does not depend on how libvips was built."""

from pathlib import Path

from benchmarks import formats

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_is_current() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    written = page.split(formats.BEGIN)[1].split(formats.END)[0].strip().splitlines()
    measured = formats.table()
    assert written[:2] == measured[:2]
    for name in formats.EVERYWHERE:
        (row,) = [line for line in measured if line.startswith(f"| {name} |")]
        assert row in written, "run: python -m benchmarks.formats --write docs/formats.md"
