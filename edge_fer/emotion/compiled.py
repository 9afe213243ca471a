"""A model's compiled copy: what onnxruntime makes of it for this very device, kept in a cache.

Its name is ``<model>.<key>.<sha256>.ort``. The key stands for the model's sha256, onnxruntime,
its options and the processor, so a copy made with anything else is not found and never stale;
the sha256 is the copy's own, so a damaged one is noticed. TensorRT's engines, which only
TensorRT can read, lie in a folder ``<model>.<key>.tensorrt`` beside it.
"""

import glob
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge_fer.emotion.card import Card, sha256_of
from edge_fer.emotion.session import RUNTIME, optimize
from edge_fer.errors import ModelError

CPUINFO: Final = Path("/proc/cpuinfo")

_OF_THE_PROCESSOR: Final = {
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "flags",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "Features",
    "isa",
    "uarch",
}
"""Lines of /proc/cpuinfo that decide which kernels run: those of x86, Arm and RISC-V."""


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where copies are kept: systemd's $CACHE_DIRECTORY, else edge-fer in the user's cache."""
    # systemd separates several directories by colons.
    if given := environ.get("CACHE_DIRECTORY", "").split(":")[0]:
        return Path(given)
    # Path.expanduser raises where this user has no home.
    home = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(home) / "edge-fer"


def compile_model(model: Path, card: Card, folder: Path) -> Path:
    """Make the copy of ``model`` in ``folder``, remove older ones, return its path.

    Raises:
        ModelError: the model cannot be optimized, or the folder not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A copy gets its name when it is whole, so that nobody ever finds half of it.
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            draft = Path(scratch) / "draft.ort"
            optimize(model, draft)
            copy = folder / f"{model.stem}.{_key(card)}.{sha256_of(draft)}.ort"
            draft.replace(copy)
        for other in _copies(model, "*", folder):
            if other != copy:
                other.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot keep a compiled model ({_plain(error)}); name a folder "
            "that can be written in CACHE_DIRECTORY"
        ) from error
    return copy


def engine_folder(model: Path, card: Card, folder: Path) -> Path:
    """Make and return where TensorRT keeps its engines of this model; remove older ones.

    Raises:
        ModelError: the cache cannot be written.
    """
    own = folder / f"{model.stem}.{_key(card)}.tensorrt"
    try:
        own.mkdir(parents=True, exist_ok=True)
        for other in folder.glob(f"{glob.escape(model.stem)}.*.tensorrt"):
            if other != own and other.name.rsplit(".", 2)[0] == model.stem:
                shutil.rmtree(other)
    except OSError as error:
        raise ModelError(f"{own}: cannot keep TensorRT's engines ({_plain(error)})") from error
    return own


def find_copy(model: Path, card: Card, folder: Path) -> Path | None:
    """The copy made of this model, with this onnxruntime, for this processor; None without."""
    return next(iter(_copies(model, _key(card), folder)), None)


def check_copy(copy: Path) -> None:
    """Compare a copy with the sha256 in its name.

    Raises:
        ModelError: it is damaged or cannot be read.
    """
    try:
        digest = sha256_of(copy)
    except OSError as error:
        raise ModelError(f"{copy}: cannot be read ({_plain(error)})") from error
    if digest != copy.name.split(".")[-2]:
        raise ModelError(f"{copy}: is damaged, `edge-fer compile` makes it again")


def processor(cpuinfo: Path = CPUINFO) -> str:
    """What is known of the processor and its instructions; the cores of a kind count once."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else [platform.processor()]
    kept = {line for line in lines if line.partition(":")[0].strip() in _OF_THE_PROCESSOR}
    return "\n".join([platform.machine(), *sorted(kept)])


def _plain(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _key(card: Card) -> str:
    text = "\n".join([card.sha256, RUNTIME, processor()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _copies(model: Path, key: str, folder: Path) -> list[Path]:
    """Sorted; ``key`` may be ``*``, the names of other models that begin alike do not count."""
    found = folder.glob(f"{glob.escape(model.stem)}.{key}.*.ort")
    return sorted(copy for copy in found if copy.name.rsplit(".", 3)[0] == model.stem)
