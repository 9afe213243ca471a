"""The documentation site: it builds without a warning, and needs nothing from elsewhere."""

import re
from pathlib import Path

import pytest
from docsite.__main__ import build, pages

LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]* src=\"([^\"]+)\"|<link [^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("myst_parser", reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    assert 0 == build(to=folder / "copy", site=folder / "site")
    return folder / "site"


def test_every_page_is_on_the_site_and_no_link_or_anchor_is_dead(site):
    missing = [page for page in pages() if not (site / page).with_suffix(".html").is_file()]
    assert [] == missing
    assert (site / "index.html").is_file()


def test_a_reader_of_the_site_needs_no_internet(site):
    loaded = [
        found[0]
        for page in site.rglob("*.html")
        for found in LOADED.finditer(page.read_text())
        if "://" in found[0] and 'rel="canonical"' not in found[0]
    ]
    assert [] == loaded


def test_every_picture_of_a_page_is_on_the_site(site):
    shown = [
        (page.name, found[0])
        for page in site.rglob("*.html")
        for found in re.finditer(r"(?<=<img )[^>]*?src=\"([^\"]+)\"", page.read_text())
        if not (page.parent / found[1]).is_file()
    ]
    assert [] == shown


def test_what_was_not_run_is_said_where_it_is_read(site):
    assert "Not run here: needs a Jetson." in (site / "docs/guides/jetson.html").read_text()


def project(folder: Path, text: str) -> Path:
    """A project with a page of its own and one that says ``text``."""
    root = folder / "project"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text(f"# Read me\n\n{text}\n")
    (root / "docs" / "other.md").write_text("# Other\n\n## There is this\n\ntext\n")
    return root


@pytest.mark.parametrize(
    ("text", "index", "said"),
    [
        ("[x](docs/other.md#there-is-this)", "README\ndocs/other", None),
        ("[x](docs/gone.md)", "README\ndocs/other", "docs/gone.md: must be a file"),
        ("[x](../elsewhere.md)", "README\ndocs/other", "must be a file of the project"),
        ("[x](docs/other.md#not-this)", "README\ndocs/other", "not-this"),
        ("text", "README", "isn't included in any toctree"),
    ],
    ids=["sound", "dead link", "link out of the project", "dead anchor", "page left out"],
)
def test_a_mistake_is_told_and_fails(text, index, said, tmp_path, capfd):
    pytest.importorskip("myst_parser", reason="the extra docs is not installed")
    (tmp_path / "elsewhere.md").touch()
    start = tmp_path / "index.md"
    start.write_text(f"# Start\n\n```{{toctree}}\n{index}\n```\n")
    root = project(tmp_path, text)
    code = build(root, start, tmp_path / "copy", tmp_path / "site")
    assert (said is None) == (code == 0)
    assert (said or "") in capfd.readouterr().err
