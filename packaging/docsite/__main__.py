"""Builds the documentation site into dist/site from the Markdown of the whole project.

    python -m docsite

The pages stay where they are and link to each other as files, so they read as well in an editor;
a copy of them, with all they link to, is what Sphinx sees. A link or an anchor that leads nowhere
is an error, and so is a page outside index.md. The site needs no server and no internet.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SITE = ROOT / "dist" / "site"
COPY = ROOT / ".cache" / "site"
PAGES = ("*.md", "docs/**/*.md", "models/*.md", "calibration/*.md", "training/*.md")

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
PICTURE = re.compile(r"<img [^>]*src=\"([^\"]+)\"")
ANCHOR = re.compile(r"^(#+ )<a id=\"([^\"]+)\"></a>", re.MULTILINE)
UNTRIED = re.compile(r"^( *)<!-- not run here(: .+?) -->$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def pages(root: Path = ROOT) -> list[Path]:
    """All Markdown files that are part of the site, relative to the project."""
    return sorted({path.relative_to(root) for kind in PAGES for path in root.glob(kind)})


def targets(root: Path, page: Path) -> Iterator[Path]:
    """Yield the project's files that a page links to or shows, relative to the project.

    Raises:
        FileNotFoundError: a link leads to nothing.
    """
    text = CODE.sub("", (root / page).read_text())
    for name in [*LINK.findall(text), *PICTURE.findall(text)]:
        if "://" in name or name.startswith("mailto:"):
            continue
        found = (root / page.parent / name).resolve()
        if not (found.is_file() and found.is_relative_to(root.resolve())):
            raise FileNotFoundError(f"{page}: {name}: must be a file of the project")
        yield found.relative_to(root.resolve())


def copy(root: Path, index: Path, to: Path) -> None:
    """Everything that Sphinx shall see, in a fresh folder.

    Raises:
        FileNotFoundError: a link leads to nothing.
    """
    shutil.rmtree(to, ignore_errors=True)
    shown = pages(root)
    linked = {target for page in shown for target in targets(root, page)}
    for path in {*shown, *linked}:
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        if path in shown:
            # An anchor of a page, in Sphinx's words; what was not tried, for all to see.
            text = ANCHOR.sub(r"(\2)=\n\1", (root / path).read_text())
            (to / path).write_text(UNTRIED.sub(r"\1*Not run here\2.*\n", text))
        else:
            shutil.copyfile(root / path, to / path)
    shutil.copyfile(index, to / "index.md")


def build(
    root: Path = ROOT, index: Path = HERE / "index.md", to: Path = COPY, site: Path = SITE
) -> int:
    """Copy, then have Sphinx build; the exit code, with a line for each mistake on stderr."""
    try:
        copy(root, index, to)
    except FileNotFoundError as error:
        print(f"site: {error}", file=sys.stderr)
        return 65
    options = ["-W", "--keep-going", "-q", "-c", str(HERE)]
    command = [sys.executable, "-m", "sphinx", "-b", "html", *options, str(to), str(site)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    code = build()
    if code == 0:
        print(f"open {SITE.relative_to(ROOT)}/index.html")
    sys.exit(code)
