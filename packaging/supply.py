"""List the parts of a release (`make sbom`), and ask for their advisories (`make audit`).

cyclonedx-py and pip-audit, of the extra "supply", do the work. This adds what they leave out: the
models of the wheel, and the versions that only other Pythons install.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import edge_fer

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements/lock.txt"
CLEAN, VULNERABLE, NOT_RUN = 0, 1, 69
"""Exit codes of the audit; the last is EX_UNAVAILABLE of BSD's sysexits.h."""


def locked() -> list[str]:
    """Return the lines "name==version ; marker" of the lock file."""
    text = LOCK.read_text().replace("\\\n", " ")
    lines = [line.split(" --hash=")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def sbom() -> str:
    """Write the packages of the lock file and the models as CycloneDX; return what was written.

    Raises:
        CalledProcessError: cyclonedx-py failed.
    """
    target = ROOT / f"dist/edge-fer-{edge_fer.__version__}.cdx.json"
    target.parent.mkdir(exist_ok=True)
    options = ["--output-reproducible", "--of=JSON", "--sv=1.6", "-o", str(target), str(LOCK)]
    subprocess.run([*tool("cyclonedx-py"), "requirements", *options], check=True)
    bom = json.loads(target.read_text())
    for part in bom["components"]:
        # It repeats the line of the lock file, with all hashes.
        part.pop("description", None)
    models = [_model(path) for path in sorted((ROOT / "models").glob("ultralight*-int8.onnx"))]
    bom["components"] += models
    bom["metadata"]["component"] = {
        "type": "application",
        "bom-ref": "edge-fer",
        "name": "edge-fer",
        "version": edge_fer.__version__,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": f"pkg:pypi/edge-fer@{edge_fer.__version__}",
    }
    named = [{"ref": part["bom-ref"]} for part in bom["components"]]
    parts = {"ref": "edge-fer", "dependsOn": [part["ref"] for part in named]}
    bom["dependencies"] = [parts, *named]
    target.write_text(json.dumps(bom, indent=1) + "\n")
    return f"{target.relative_to(ROOT)}: {len(named) - len(models)} packages, {len(models)} models"


def _model(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "machine-learning-model",
        "bom-ref": path.name,
        "name": path.stem,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def audit() -> tuple[int, list[str]]:
    """Return exit code and lines; a version without an answer does not count as clean."""
    found, skipped = [], []
    for lines in without_doubles(locked()):
        for part in _ask(lines):
            name = f"{part['name']} {part.get('version', '')}".strip()
            if "skip_reason" in part:
                skipped.append(name)
            found += [
                f"{name}: {one['id']}, fixed in {', '.join(one['fix_versions']) or 'no version'}"
                for one in part.get("vulns", ())
            ]
    if found:
        return VULNERABLE, found
    if skipped:
        count = f"{len(skipped)} of {len(locked())} versions"
        return NOT_RUN, [f"not audited: the service gave no answer for {count}, first {skipped[0]}"]
    return CLEAN, [f"{len(locked())} versions, no advisory"]


def without_doubles(lines: Sequence[str]) -> list[list[str]]:
    """Return lists with each package once; other Pythons have other versions of some."""
    groups: list[list[str]] = []
    seen: Counter[str] = Counter()
    for line in lines:
        # Without its marker, since pip-audit leaves out versions of other Pythons.
        pinned = line.partition(";")[0].strip()
        name = pinned.partition("==")[0]
        if seen[name] == len(groups):
            groups.append([])
        groups[seen[name]].append(pinned)
        seen[name] += 1
    return groups


def _ask(lines: Sequence[str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines))
        file.flush()
        options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
        command = [*tool("pip-audit"), "-r", file.name, *options]
        made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        parts: list[dict[str, Any]] = json.loads(made.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [{"name": line.partition("==")[0], "skip_reason": "no answer"} for line in lines]
    return parts


def tool(name: str) -> list[str]:
    """Return a program of this environment."""
    return [str(Path(sys.executable).with_name(name))]


def main() -> int:
    """Write the list, or audit."""
    code, lines = audit() if sys.argv[1:] == ["audit"] else (CLEAN, [sbom()])
    print(*lines, sep="\n", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
