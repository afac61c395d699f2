"""Build the documentation site from the Markdown as it is, and check what was built.

python -m tools.site                  # into build/site, made anew; open build/site/index.html
python -m tools.site --check-only     # look at what lies there

Warnings of Sphinx are errors. Then every link inside the site has to lead to a page and an anchor that are there, and
no page, style or script may load anything from another host. Links of the text elsewhere are counted, not followed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from benchmarks.common import argument_parser

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "build" / "site"

# What a browser fetches by itself: element → attributes. A link element does so by most of its relations.
_LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "form": ("action",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_FOREIGN = re.compile(r"^(?:\w+:)?//")
_IN_CSS = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])([^'")\s]+)""")
_ADDRESS = re.compile(r"""['"`]((?:https?:)?//[\w-]+\.[^'"`\s]*)['"`]""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# Names of XML's vocabularies look like addresses, and nobody fetches them.
_NAMESPACES = ("http://www.w3.org/",)


class Page(HTMLParser):
    """What a page holds: its anchors, what it links to, and what it loads.

    Attributes:
        anchors: the ids and names that a link may lead to.
        links: the addresses of links.
        loaded: the addresses that a browser fetches without being asked.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take from an element what leads somewhere."""
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        for name in _LOADED.get(tag, ()):
            if name in given:
                several = given[name].split(",") if name == "srcset" else [given[name]]
                self.loaded += [each.split()[0] for each in several if each.strip()]
        self.loaded += _IN_CSS.findall(given.get("style", ""))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        """Take what a style in the page imports."""
        if self._in_style:
            self.loaded += _IN_CSS.findall(data)


def build(site: Path) -> int:
    """Build the site from nothing, so that nothing of an older one is left; return Sphinx's exit code."""
    shutil.rmtree(site, ignore_errors=True)
    call = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q", "-c", "docs"]
    return subprocess.run([*call, str(ROOT), str(site)], cwd=ROOT, check=False).returncode


def faults(site: Path) -> Iterator[str]:
    """Yield a line for each link that leads nowhere, and for each thing that comes from another host."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for fault in (*_not_here(path, page), *_broken(path, page, pages)):
            yield f"{path.relative_to(site)}: {fault}"
    for path in sorted(site.rglob("*.css")):
        text = _CSS_COMMENT.sub("", path.read_text(encoding="utf-8"))
        foreign = [address for address in _IN_CSS.findall(text) if _FOREIGN.match(address)]
        yield from (f"{path.relative_to(site)}: loads {address} from another host" for address in foreign)
    scripts = [path for path in sorted(site.rglob("*.js")) if path.name != "searchindex.js"]  # which holds words alone
    for path in scripts:
        found = _ADDRESS.findall(path.read_text(encoding="utf-8"))
        foreign = [address for address in found if not address.startswith(_NAMESPACES)]
        yield from (f"{path.relative_to(site)}: names {address}" for address in foreign)


def _not_here(path: Path, page: Page) -> Iterator[str]:
    """Yield what a page loads from another host, or what is not there."""
    for address in page.loaded:
        if _FOREIGN.match(address):
            yield f"loads {address} from another host"
        elif not address.startswith("data:") and _leads(path, address)[0] is None:
            yield f"loads {address}, which is not there"


def _broken(path: Path, page: Page, pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield a page's links inside the site that lead nowhere."""
    for address in page.links:
        if urlsplit(address).scheme or address.startswith("//"):
            continue
        target, anchor = _leads(path, address)
        if target is None:
            yield f"links to {address}, which is not there"
        elif anchor and target in pages and anchor not in pages[target].anchors:
            yield f"links to {address}, and the page has no such anchor"


def _leads(page: Path, address: str) -> tuple[Path | None, str]:
    """Return the file to which an address of a page leads, `None` where there is none, and its anchor."""
    parts = urlsplit(urljoin(page.as_uri(), address))
    target = Path(unquote(parts.path))
    return (target if target.is_file() else None), unquote(parts.fragment)


def main() -> None:
    """Build and check."""
    parser = argument_parser(__doc__)
    parser.add_argument("--check-only", action="store_true", help="build nothing")
    given = parser.parse_args()
    code = 0 if given.check_only else build(SITE)
    found = list(faults(SITE))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    pages = [Page(path.read_text(encoding="utf-8")) for path in SITE.rglob("*.html")]
    links = [link for page in pages for link in page.links]
    outward = [link for link in links if urlsplit(link).scheme in ("http", "https")]
    inside = len(links) - len(outward)
    print(f"{SITE.relative_to(ROOT)}: {len(pages)} pages, {inside} links inside, {len(outward)} outward")
    print(f"{len(found)} broken links or things of other hosts")
    if code or found:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
