"""The state a device is in, which changes from one moment to the next.

The root of the file system is an argument, so that the tree of another device can be read.
What a device does not tell is None or left out; nothing here is guessed.
"""

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

from edge_fer.measure.device import ROOT
from edge_fer.sysfs import first_line, number, processors, temperatures, text

THROTTLED = {
    0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit",
}  # fmt: skip
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
