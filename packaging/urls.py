"""Write the repository's address, from setup.cfg, wherever it belongs: `make urls [REPOSITORY=]`.

Without an address in setup.cfg the places stay empty. All paths below it are GitHub's.
"""

from __future__ import annotations

import argparse
import configparser
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://[\w.-]+(/[\w.-]+)+")
BRANCH = "main"


def write(root: Path, repository: str | None = None) -> list[str]:
    """Bring the files up to date, with a new address if there is one; return the changed ones.

    Raises:
        ValueError: the address is not that of a repository.
    """
    setup = (root / "setup.cfg").read_text(encoding="utf-8")
    if repository is not None:
        repository = repository.rstrip("/").removesuffix(".git")
        if repository and not ADDRESS.fullmatch(repository):
            raise ValueError(f"REPOSITORY = {repository}: must be https://host/owner/name")
        setup = re.sub(r"^(url =|project_urls =(\n .*)*)[^\n]*\n", "", setup, flags=re.M)
        setup = setup.replace("\nlicense = ", f"\n{_metadata(repository)}license = ", 1)
    changed = _replace(root / "setup.cfg", setup)
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(setup)
    url = config["metadata"].get("url", "")
    for name, line in _blocks(url).items():
        text = (root / name).read_text(encoding="utf-8")
        block = re.compile(r"(<!-- urls: \w+ -->\n)(?:.*\n)*?(<!-- /urls -->)")
        changed += _replace(root / name, block.sub(rf"\g<1>{line}\g<2>", text))
    for name, keys, end in _ends(url, config["metadata"]["author"]):
        text = re.sub(rf"^({keys}).*\n", "", (root / name).read_text(encoding="utf-8"), flags=re.M)
        changed += _replace(root / name, text + end)
    return [str(path.relative_to(root)) for path in changed]


def _metadata(url: str) -> str:
    if not url:
        return ""
    links = {
        "Documentation": f"{url}/tree/{BRANCH}/docs",
        "Changelog": f"{url}/blob/{BRANCH}/CHANGELOG.md",
        "Issues": f"{url}/issues",
        "Source": url,
    }
    lines = "".join(f"    {name} = {link}\n" for name, link in links.items())
    return f"url = {url}\nproject_urls =\n{lines}"


def _blocks(url: str) -> dict[str, str]:
    return {
        "SECURITY.md": f"The form: <{url}/security/advisories/new>\n" if url else "",
        "SUPPORT.md": f"The issues: <{url}/issues>\n" if url else "",
    }


def _ends(url: str, author: str) -> list[tuple[str, str, str]]:
    """Return file, keys of the fields that end it, and these fields now."""
    advisory = (
        "contact_links:\n"
        "  - name: Report a vulnerability\n"
        f"    url: {url}/security/advisories/new\n"
        "    about: In private, to the maintainers alone\n"
    )
    form = ".github/ISSUE_TEMPLATE/config.yml"
    citation = f"authors:\n  - name: {author}\n" + (f"repository-code: {url}\n" if url else "")
    return [
        ("CITATION.cff", "authors:|  - name:|repository-code:", citation),
        (form, "contact_links:|  - name:|    url:|    about:", advisory if url else ""),
        ("deploy/debian/control", "Homepage:", f"Homepage: {url}\n" if url else ""),
    ]


def _replace(path: Path, text: str) -> list[Path]:
    if path.read_text(encoding="utf-8") == text:
        return []
    path.write_text(text, encoding="utf-8")
    return [path]


def main() -> int:
    """Write the files; print what changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", nargs="?", help="the new address; '' removes it")
    try:
        changed = write(ROOT, parser.parse_args().repository)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(changed) or "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
