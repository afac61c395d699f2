"""How Sphinx builds the site: `make docs`. Its pages are the Markdown as it lies in the repository."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

from upres import __version__

project = "upres"
author = "the authors of upres"
copyright = f"{author}; Apache-2.0"
version = release = __version__

extensions = [
    "myst_nb",  # myst_parser, and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

# The source is the repository itself: pages link to cards, to the changelog and to files outside docs/.
root_doc = "docs/index"
include_patterns = ["docs/**.md", "docs/notebooks/*.nb.py", "src/upres/models/*.md", "CHANGELOG.md"]
exclude_patterns = [".*", "benchmarks", "build", "checkpoints", "runs", "tests", "tools", "**/__pycache__"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # a card may begin with a heading of another level

# A notebook is text, and shows what it showed when `make notebooks` ran it; until then, its code alone.
nb_execution_mode = "off"
nb_custom_formats = {".nb.py": "docs.conf.notebook"}
nb_merge_streams = True


def notebook(text: str) -> NotebookNode:
    """Return a notebook with the results that lie in build/notebooks, where they are of this very text."""
    new = jupytext.reads(text, fmt="py:percent")
    for path in Path("build", "notebooks").glob("*.ipynb"):
        run = nbformat.read(path, as_version=4)
        if [cell.source for cell in run.cells] == [cell.source for cell in new.cells]:
            return run
    return new


# Docstrings are plain English with `code` in single backticks.
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
nitpicky = True
# Other projects' names would need their lists, which lie on other hosts.
nitpick_ignore_regex = [
    ("py:.*", r"(?!upres\.).*"),
    ("py:.*", r"upres\..*\.(T|Scalar|Tags)"),  # names of types alone
    ("py:.*", r"upres\..*\.(Wanted|NoOptions|Position|Region|Part)"),  # the docstrings say in words what they hold
    ("py:.*", r"upres\.(recipes|config|train)\..*\.(Head|NamedPart|DataOptions|TrainConfig)"),
    ("py:.*", r"upres\.recipes\..*\.(Adversarial|Validation)Section"),
]

# Pages below a page, which the Markdown itself does not list: a toctree would be a block of code to other readers.
_BELOW = {
    "docs/gallery": ["pictures/README"],
    "docs/models": [
        f"/src/upres/models/{card}"
        for card in (
            "fast-x2",
            "fast-x4",
            "base-x2",
            "base-x4",
            "best-x2",
            "best-x4",
            "niqe-upres",
            "CREDITS",
            "LICENSES",
        )
    ],
    "docs/systems/README": ["faces", "patches", "div2k", "portraits", "cifar10", "gan"],
}


def _list_below(app: Sphinx, page: str, source: list[str]) -> None:
    if page in _BELOW:
        source[0] += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(_BELOW[page]) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Let Sphinx read each page with the list of those below it."""
    app.connect("source-read", _list_below)


html_theme = "furo"
html_title = "upres"
html_baseurl = ""
html_static_path = ["_static"]
html_css_files = ["upres.css"]
html_extra_path = ["_root"]
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {
        "color-brand-primary": "#0b5c8a",
        "color-brand-content": "#0b5c8a",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
    },
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
}
copybutton_exclude = ".linenos, .gp, .go"
