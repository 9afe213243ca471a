"""Count what keeps the tree easy to read, and fail where a limit is passed: `make counts`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {".py", ".c", ".mjs", ".sh", ""}
"""Suffixes of code; a script for bash has none."""

PRODUCT = ("edge_fer", "models", "tests", "training", "research", "deploy", ".github")
"""Folders whose code is no helper code."""

# In two parts, so that this file has none.
SKIP = "# fmt: " + "skip"


def tracked() -> list[Path]:
    """Return the files that git knows, as paths below the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [Path(name) for name in names.split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file() and not (ROOT / path).is_symlink()]


def helpers(files: list[Path]) -> int:
    """Return the lines of helper code: builders, checks and generators."""
    code = [path for path in files if path.parts[0] not in PRODUCT and _is_code(path)]
    return sum(len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in code)


def _is_code(path: Path) -> bool:
    if path.suffix or path.parts[:2] == ("docs", "examples"):
        return path.suffix in SOURCES and path.parts[:2] != ("docs", "examples")
    return (ROOT / path).read_bytes().startswith(b"#!")


def circles(files: list[Path]) -> list[list[str]]:
    """Return the groups of modules that import each other while they are loaded."""
    modules = {_module(path): path for path in files if path.suffix == ".py"}
    graph = {name: set(_imports(path, modules)) - {name} for name, path in modules.items()}
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in graph
        if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


def _module(path: Path) -> str:
    # Scripts in packaging/ and helpers in tests/ import their neighbours by their bare names.
    parts = path.with_suffix("").parts
    parts = parts[1:] if parts[0] in ("packaging", "tests") and len(parts) > 1 else parts
    return ".".join(parts).removesuffix(".__init__")


def _imports(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    # What a function imports, or the type checker alone, is not needed to load the module.
    for node in [*tree.body, *(part for entry in tree.body for part in _tried(entry))]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            # The package itself is loaded too, but what it holds is the module's own.
            yield from (n if n in modules else node.module for n in names)


def _tried(node: ast.stmt) -> list[ast.stmt]:
    return node.body if isinstance(node, ast.Try) else []


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    stack = [start]
    while stack:
        new = {name for name in graph.get(stack.pop(), ()) if name in graph} - found
        found |= new
        stack += new
    return found


def main() -> int:
    """Print each count beside its limit; return 1 if one is passed."""
    files = tracked()
    python = [ROOT / path for path in files if path.suffix == ".py"]
    around = circles(files)
    counts = [
        ("files in edge_fer/", len([p for p in files if p.parts[0] == "edge_fer"]), 105),
        ("lines of helper code", helpers(files), 4000),
        ("import circles", len(around), 0),
        (SKIP, sum(path.read_text(encoding="utf-8").count(SKIP) for path in python), 10),
    ]
    for name, count, limit in counts:
        mark = "" if count <= limit else "  too many"
        print(f"{name:22} {count:6,}  (at most {limit:,}){mark}")
    for circle in around:
        print(f"  circle: {', '.join(circle)}")
    return int(any(count > limit for _, count, limit in counts))


if __name__ == "__main__":
    sys.exit(main())
