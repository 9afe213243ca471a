"""Read the device's facts, its present state, and the resources of this process.

The root of the file system is an argument, so that tests can use the tree of another device.
A value that the device does not report is None or left out; nothing is guessed.
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
"""Flag in /proc/cpuinfo that decides which kernels run, to its name in the figures."""

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
"""Implementer and part number to the name of cores in Raspberry Pis and Jetsons."""

LIBRARIES = {"onnxruntime": "onnxruntime", "opencv": "cv2", "dlib": "dlib", "numpy": "numpy"}
"""Name of a library to its module."""


def device_facts(root: Path = ROOT) -> dict[str, Any]:
    """Return what does not change: processor, memory, power mode and libraries, by name."""
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
    # Of the loaded module, since Debian's OpenCV has no package metadata.
    version = getattr(sys.modules.get(module), "__version__", None)
    return None if version is None else str(version)


def _cpuinfo(root: Path, key: str) -> str | None:
    """Return the value of the first line with that name."""
    for line in (text(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _cpu_name(root: Path) -> str:
    """Return the name of the board, or of the processor if the board has none."""
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
    """Return the power mode of a Jetson as nvpmodel stores it."""
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
"""Bits of a Raspberry Pi's get_throttled: now, and 16 bits higher since the start."""

_VCGENCMD_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Conditions:
    """The present state of the device."""

    load: float | None
    """Load average of the last minute."""
    busy_s: float | None
    """Seconds that all cores were busy since the start, without `steal_s`."""
    steal_s: float | None
    """Seconds that the hypervisor took."""
    mhz: float | None
    """Frequency of the fastest core now."""
    celsius: dict[str, float]
    """Temperature by thermal zone."""
    throttled: int | None
    """Flags of a Raspberry Pi, see `THROTTLED`."""
    throttle_events: int | None
    """How often heat or current slowed the processor down."""

    @property
    def cpu_celsius(self) -> float | None:
        """Temperature of the processor's hottest zone, or of the hottest of all zones."""
        return processors(self.celsius)


def conditions(root: Path = ROOT) -> Conditions:
    """Return the present state of the device."""
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
    """Return the names of a Raspberry Pi's flags, the present ones first."""
    now = [name for bit, name in THROTTLED.items() if flags >> bit & 1]
    past = [f"{name} earlier" for bit, name in THROTTLED.items() if flags >> (bit + 16) & 1]
    return now + past


def fastest_mhz(root: Path = ROOT) -> float | None:
    """Return the present frequency of the fastest core, which is the busy one, in MHz."""
    files = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_cur_freq")
    return max((value / 1000 for value in map(number, files) if value is not None), default=None)


def _processor_seconds(root: Path) -> tuple[float | None, float | None]:
    """Return busy and stolen seconds from the first line of /proc/stat."""
    line = (first_line(root / "proc/stat") or "").split()
    if len(line) < 9 or line[0] != "cpu":
        return None, None
    # user nice system idle iowait irq softirq steal
    user, nice, system, _, _, irq, softirq, steal = map(int, line[1:9])
    ticks = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / ticks, steal / ticks


def _throttled(root: Path) -> int | None:
    """Return the flags from the kernel's file, or from the firmware's command."""
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
    """Return the sum of x86 throttle counts per core and a Jetson's over-current alarms."""
    files = [
        *(root / "sys/devices/system/cpu").glob("cpu*/thermal_throttle/core_throttle_count"),
        *(root / "sys/class/hwmon").glob("hwmon*/oc*_event_cnt"),
    ]
    counts = [count for count in map(number, files) if count is not None]
    return sum(counts) if counts else None


_STAT = Path("/proc/self/stat")

_START_TIME = 22
"""Field of /proc/self/stat, from 1: start of the process in ticks since the boot."""


def memory_mb() -> tuple[float, float]:
    """Return resident memory now and its peak in 10⁶ bytes; zeros without /proc."""
    now = rss_mb()
    # The kernel adds up the present value from counters of each core, so it may lag.
    return now, max(now, rss_mb("VmHWM"))


def age_s() -> float | None:
    """Return the seconds since this process started, its imports included; to a tick (10 ms)."""
    if not _STAT.exists():
        return None
    # The name in parentheses is field 2 and may hold blanks.
    fields = _STAT.read_text().rpartition(")")[2].split()
    started = int(fields[_START_TIME - 3]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def context_switches() -> int:
    """Return the involuntary context switches of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
