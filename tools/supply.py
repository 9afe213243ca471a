"""What a release is made of: its lock file, the list of its parts (SBOM), and known holes.

    python -m tools.supply lock     renew requirements/lock.txt from setup.cfg
    python -m tools.supply sbom     write dist/edge-fer-VERSION.cdx.json (CycloneDX)
    python -m tools.supply audit    ask the advisory service about every locked version

Needs the extra "supply"; `make` has a target for each. Nothing else in the project imports it.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import json
import re
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
OLDEST = "3.10"
HEADER = """\
# Every package that edge-fer runs with, by version and hash, for the Pythons and processors of
# setup.cfg. Made by `make lock`; pip install --require-hashes -r requirements/lock.txt
"""
CLEAN, VULNERABLE, NOT_RUN = 0, 1, 69
"""Exit codes of the audit; the last is EX_UNAVAILABLE of BSD's sysexits.h."""


class SupplyError(Exception):
    """One line for the user."""


def lock() -> str:
    """Resolve setup.cfg for all its Pythons at once."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    # What the index is called on this machine is nobody's business.
    options = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command = tool("uv", "pip", "compile", "-", "--universal", "--generate-hashes")
    made = subprocess.run(
        [*command, f"--python-version={OLDEST}", "--quiet", *options],
        input=setup["options"]["install_requires"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SupplyError(f"uv cannot resolve setup.cfg: {_last(made.stderr)}")
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(HEADER + made.stdout)
    return f"{LOCK.relative_to(ROOT)}: {len(locked())} versions"


def locked() -> list[str]:
    """The lines "name==version ; marker" of the lock file."""
    text = LOCK.read_text().replace("\\\n", " ")
    lines = [line.split(" --hash=")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def sbom() -> str:
    """CycloneDX: the lock file's packages with their hashes, and the models of the wheel."""
    target = ROOT / f"dist/edge-fer-{edge_fer.__version__}.cdx.json"
    target.parent.mkdir(exist_ok=True)
    options = ["--output-reproducible", "--of=JSON", "--sv=1.6", "-o", str(target), str(LOCK)]
    made = subprocess.run(
        tool("cyclonedx-py", "requirements", *options), capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise SupplyError(f"cyclonedx-py cannot read {LOCK.name}: {_last(made.stderr)}")
    bom = json.loads(target.read_text())
    for part in bom["components"]:
        # It repeats the line of the lock file, hashes and all.
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
    text = json.dumps(bom, indent=1) + "\n"
    _validate(text)
    target.write_text(text)
    return f"{target.relative_to(ROOT)}: {len(named) - len(models)} packages, {len(models)} models"


def _model(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "machine-learning-model",
        "bom-ref": path.name,
        "name": path.stem,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _validate(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise SupplyError(f"the list is not CycloneDX 1.6: {_last(repr(error))}")


def audit() -> tuple[int, list[str]]:
    """Exit code and lines; a version about which nobody was asked is not called clean."""
    found, unasked = [], []
    for lines in without_doubles(locked()):
        for part in _asked(lines):
            name = f"{part['name']} {part.get('version', '')}".strip()
            if "skip_reason" in part:
                unasked.append(name)
            found += [
                f"{name}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none'}"
                for one in part.get("vulns", ())
            ]
    if found:
        return VULNERABLE, found
    if unasked:
        return NOT_RUN, [
            f"not audited: the advisory service knows or says nothing of {len(unasked)} of "
            f"{len(locked())} versions, {unasked[0]} first"
        ]
    return CLEAN, [f"{len(locked())} versions, no advisory"]


def without_doubles(lines: Sequence[str]) -> list[list[str]]:
    """Lists in which no package comes twice: other Pythons have other versions of some."""
    groups: list[list[str]] = []
    seen: Counter[str] = Counter()
    for line in lines:
        # Without its marker, or those of other Pythons would be left out.
        pinned = line.partition(";")[0].strip()
        name = pinned.partition("==")[0]
        if seen[name] == len(groups):
            groups.append([])
        groups[seen[name]].append(pinned)
        seen[name] += 1
    return groups


def _asked(lines: Sequence[str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines))
        file.flush()
        options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
        made = subprocess.run(
            tool("pip-audit", "-r", file.name, *options),
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        parts: list[dict[str, Any]] = json.loads(made.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = f"no answer ({_last(made.stderr)})"
        return [{"name": line.partition("==")[0], "skip_reason": reason} for line in lines]
    return parts


def tool(name: str, *arguments: str) -> list[str]:
    """A program of this environment."""
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        raise SupplyError(f"{name} is not installed here; make does: the extra is 'supply'")
    return [str(program), *arguments]


def _last(text: str) -> str:
    lines = [line for line in re.split(r"\s*\n\s*", text) if line] or ["it says nothing"]
    return lines[-1][:200]


def main() -> int:
    """Do one of the three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("lock", "sbom", "audit"))
    what = parser.parse_args().what
    try:
        code, lines = audit() if what == "audit" else (0, [lock() if what == "lock" else sbom()])
    except SupplyError as error:
        print(f"{what}: {error}", file=sys.stderr)
        return NOT_RUN
    print(*lines, sep="\n", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
