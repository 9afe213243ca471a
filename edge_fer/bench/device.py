"""What figures depend on and what stays: processor, memory, power mode, libraries in use.

The root of the file system is an argument, so that the tree of another device can be read.
What a device does not tell is None; nothing here is guessed.

The state a device is in, which changes from one moment to the next.

The root of the file system is an argument, so that the tree of another device can be read.
What a device does not tell is None or left out; nothing here is guessed.

What this process has used since it was started: time and memory, as the kernel counts them.
"""

import dataclasses
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edge_fer.daemon.stats import rss_mb
from edge_fer.emotion.session import PROVIDER
from edge_fer.sysfs import first_line, number, processors, temperatures, text

ROOT = Path("/")

FEATURES = {
    "asimd": "neon",
    "neon": "neon",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "sve": "sve",
    "fphp": "fp16",
    "bf16": "bf16",
    "avx2": "avx2",
    "fma": "fma",
    "avx512f": "avx512",
    "avx512_vnni": "vnni",
    "avx_vnni": "vnni",
    "amx_int8": "amx",
}
"""Flags of /proc/cpuinfo that decide which kernels run, and what they are called."""

CORES = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xc07"): "Cortex-A7",
    ("0x41", "0xb76"): "ARM1176",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x4e", "0x003"): "Denver 2",
    ("0x4e", "0x004"): "Carmel",  # codespell:ignore
}
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


THROTTLED = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Bits of a Raspberry Pi's get_throttled: these now, and 16 higher since the start."""

_VCGENCMD_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Conditions:
    """What changes from one moment to the next."""

    load: float | None
    """Load average of the last minute."""
    busy_s: float | None
    """Seconds of all cores spent at work since the start, by everybody; without `steal_s`."""
    steal_s: float | None
    """Seconds that a hypervisor gave to others."""
    mhz: float | None
    """Frequency of the fastest core now."""
    celsius: dict[str, float]
    """Temperature by thermal zone."""
    throttled: int | None
    """A Raspberry Pi's flags, see `THROTTLED`."""
    throttle_events: int | None
    """How often the processor was slowed down for heat or current, where it counts that."""

    @property
    def cpu_celsius(self) -> float | None:
        """Of the processor's hottest zone; of all zones where none is called after it."""
        return processors(self.celsius)


def conditions(root: Path = ROOT) -> Conditions:
    """How the device is now."""
    busy, steal = _processor_seconds(root)
    load = text(root / "proc/loadavg")
    return Conditions(
        load=float(load.split()[0]) if load else None,
        busy_s=busy,
        steal_s=steal,
        mhz=fastest_mhz(root),
        celsius=temperatures(root),
        throttled=_throttled(root),
        throttle_events=_throttle_events(root),
    )


def throttle_names(flags: int) -> list[str]:
    """What a Raspberry Pi's flags say, the present ahead of the past."""
    now = [name for bit, name in THROTTLED.items() if flags >> bit & 1]
    past = [f"{name} earlier" for bit, name in THROTTLED.items() if flags >> (bit + 16) & 1]
    return now + past


def fastest_mhz(root: Path = ROOT) -> float | None:
    """Frequency of the fastest core now, which is the one at work."""
    files = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_cur_freq")
    return max((value / 1000 for value in map(number, files) if value is not None), default=None)


def _processor_seconds(root: Path) -> tuple[float | None, float | None]:
    """Busy and stolen: /proc/stat has user nice system idle iowait irq softirq steal first."""
    line = (first_line(root / "proc/stat") or "").split()
    if len(line) < 9 or line[0] != "cpu":
        return None, None
    user, nice, system, _, _, irq, softirq, steal = map(int, line[1:9])
    ticks = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / ticks, steal / ticks


def _throttled(root: Path) -> int | None:
    """The kernel's file, or where it has none the firmware's own command."""
    for file in sorted((root / "sys/devices/platform").glob("*/*firmware/get_throttled")):
        flags = text(file)
        if flags and re.fullmatch(r"(0x)?[0-9a-fA-F]+", flags):
            return int(flags, 16)
    program = shutil.which("vcgencmd", path=str(root / "usr/bin"))
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_S
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", answer)
    return int(found[1], 16) if found else None


def _throttle_events(root: Path) -> int | None:
    """Of x86 by core, and of a Jetson's over-current alarms."""
    files = [
        *(root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle/core_throttle_count"),
        *(root / "sys/class/hwmon").glob("hwmon*/oc*_event_cnt"),
    ]
    counts = [count for count in map(number, files) if count is not None]
    return sum(counts) if counts else None


_STAT = Path("/proc/self/stat")

_START_TIME = 22
"""Field of /proc/self/stat, counted from 1: when the process began, in ticks since the boot."""


def memory_mb() -> tuple[float, float]:
    """Resident memory now and at most so far, in 10⁶ bytes; zeros where /proc does not tell."""
    now = rss_mb()
    # The kernel adds up the present value from counters of each core and may be a little behind.
    return now, max(now, rss_mb("VmHWM"))


def age_s() -> float | None:
    """Seconds since this process was started, its imports included; to a tick (10 ms)."""
    if not _STAT.exists():
        return None
    # The name in parentheses is field 2 and may hold blanks.
    fields = _STAT.read_text().rpartition(")")[2].split()
    started = int(fields[_START_TIME - 3]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def switches() -> int:
    """How often this process was interrupted for another."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
