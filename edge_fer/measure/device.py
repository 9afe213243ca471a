"""What figures depend on and what stays: processor, memory, power mode, libraries in use.

The root of the file system is an argument, so that the tree of another device can be read.
What a device does not tell is None; nothing here is guessed.
"""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from edge_fer.emotion.session import PROVIDER
from edge_fer.sysfs import first_line, text

ROOT = Path("/")

FEATURES = {
    "asimd": "neon", "neon": "neon", "asimddp": "dotprod", "i8mm": "i8mm", "sve": "sve",
    "fphp": "fp16", "bf16": "bf16", "avx2": "avx2", "fma": "fma", "avx512f": "avx512",
    "avx512_vnni": "vnni", "avx_vnni": "vnni", "amx_int8": "amx",
}  # fmt: skip
"""Flags of /proc/cpuinfo that decide which kernels run, and what they are called."""

CORES = {
    ("0x41", "0xd03"): "Cortex-A53", ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55", ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72", ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xc07"): "Cortex-A7", ("0x41", "0xb76"): "ARM1176",
    ("0x41", "0xd42"): "Cortex-A78AE", ("0x4e", "0x003"): "Denver 2",
    ("0x4e", "0x004"): "Carmel",  # codespell:ignore
}  # fmt: skip
"""Implementer and part of Arm's cores in Raspberry Pis and Jetsons."""

LIBRARIES = {"onnxruntime": "onnxruntime", "opencv": "cv2", "dlib": "dlib", "numpy": "numpy"}
"""What they are called to what they are imported as."""


def device_facts(root: Path = ROOT) -> dict[str, Any]:
    """All of them, by name."""
    return {
        "machine": platform.machine(),
        "cpu": _cpu_name(root),
        "core": _core_name(root),
        "features": _features(root),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": _memory_mb(root),
        "governor": _governor(root),
        "power_mode": _power_mode(root),
        "system": platform.platform(),
        "l4t": first_line(root / "etc/nv_tegra_release"),
        "python": platform.python_version(),
        **{name: _version(module) for name, module in LIBRARIES.items()},
        "provider": PROVIDER,
    }


def _version(module: str) -> str | None:
    # The one that is loaded: Debian's OpenCV has no metadata to ask.
    version = getattr(sys.modules.get(module), "__version__", None)
    return None if version is None else str(version)


def _cpuinfo(root: Path, key: str) -> str | None:
    """Value of the first line of that name."""
    for line in (text(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _cpu_name(root: Path) -> str:
    """The board where it has a name, else the processor."""
    board = text(root / "proc/device-tree/model")
    return (board or "").strip("\0 ") or _cpuinfo(root, "model name") or platform.processor()


def _core_name(root: Path) -> str | None:
    implementer, part = _cpuinfo(root, "CPU implementer"), _cpuinfo(root, "CPU part")
    if implementer is None or part is None:
        return _cpuinfo(root, "model name")
    return CORES.get((implementer.lower(), part.lower()), f"implementer {implementer} part {part}")


def _features(root: Path) -> list[str]:
    flags = set((_cpuinfo(root, "flags") or _cpuinfo(root, "Features") or "").split())
    return list(dict.fromkeys(name for flag, name in FEATURES.items() if flag in flags))


def _memory_mb(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s+(\d+) kB", text(root / "proc/meminfo") or "", re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e6) if found else None


def _governor(root: Path) -> str | None:
    files = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")
    return ", ".join(sorted({name for name in map(text, files) if name})) or None


def _power_mode(root: Path) -> str | None:
    """A Jetson's, as nvpmodel notes it."""
    mode = re.search(r"pmode:(\d+)", text(root / "var/lib/nvpmodel/status") or "")
    if not mode:
        return None
    number = int(mode[1])
    known = text(root / "etc/nvpmodel.conf") or ""
    name = re.search(rf"^<\s*POWER_MODEL\s+ID=0*{number}\s+NAME=(\S+)\s*>", known, re.MULTILINE)
    return f"{name[1]} ({number})" if name else str(number)
