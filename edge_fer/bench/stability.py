"""Decide if the machine was steady enough during a measurement to quote its figures.

The rules look for work of other programs, for throttling, and for the same work taking a
different time when repeated. An unknown value breaks no rule.
"""

import dataclasses
from collections.abc import Iterator

from edge_fer.bench.device import Conditions, throttle_names

LOAD = 0.5
"""Largest load average before the run."""
OTHERS = 0.25
"""Largest average number of cores that other programs use."""
STEAL = 0.01
"""Largest share of the processor's time that the hypervisor takes."""
SWITCHES_PER_S = 50.0
"""Most involuntary context switches per second of own CPU time."""
WALL_TO_CPU = 1.1
"""Largest ratio of wall to CPU time at full speed."""
DRIFT = 1.1
"""Largest ratio of the times of the two rounds over the same frames, either way."""
HOT_C = 80.0
"""Temperature in °C from which a Raspberry Pi is throttled."""
SLOWER = 0.95
"""Least ratio of the frequency after the last round to that after the first."""

PRESENT = 0xF
"""Bits of a Raspberry Pi's throttling flags that describe the present."""


@dataclasses.dataclass(frozen=True, slots=True)
class MachineUse:
    """Use of the machine during a run; None where unknown."""

    before: Conditions
    after: Conditions
    seconds: float
    """Duration from ``before`` to ``after``."""
    own_cpu_s: float
    """CPU time of this process."""
    cores: int
    switches: int
    """Involuntary context switches of this process."""
    wall_to_cpu: float | None
    """Ratio of wall to CPU time at full speed."""
    drift: float | None
    """Ratio of the second round's time to the first's, over the same frames."""
    mhz: tuple[float, float] | None
    """Frequency of the fastest core after each of the two rounds."""

    @property
    def others_cores(self) -> float | None:
        """Average number of cores that other programs used."""
        if self.before.busy_s is None or self.after.busy_s is None or self.seconds <= 0:
            return None
        busy_s = self.after.busy_s - self.before.busy_s - self.own_cpu_s
        return max(0.0, busy_s / self.seconds)

    @property
    def steal_share(self) -> float | None:
        """Share of the processor's time that the hypervisor took."""
        if self.before.steal_s is None or self.after.steal_s is None or self.seconds <= 0:
            return None
        return (self.after.steal_s - self.before.steal_s) / (self.seconds * self.cores)

    @property
    def switches_per_s(self) -> float | None:
        """Involuntary context switches per second of own CPU time."""
        return self.switches / self.own_cpu_s if self.own_cpu_s > 0 else None


def unsteady_reasons(use: MachineUse) -> list[str]:
    """Return why the figures may not hold; empty if the machine was steady."""
    return [*_other_work(use), *_throttling(use), *_slowing(use), *_spread(use)]


def _other_work(use: MachineUse) -> Iterator[str]:
    load, others, steal = use.before.load, use.others_cores, use.steal_share
    if load is not None and load > LOAD:
        yield f"load average {load:.2f} before the run, at most {LOAD} is steady"
    if others is not None and others > OTHERS:
        yield f"other programs used {others:.2f} cores, at most {OTHERS} is steady"
    if steal is not None and steal > STEAL:
        yield f"the hypervisor took {100 * steal:.1f} % of the processor, at most {STEAL:.0%}"
    switches = use.switches_per_s
    if switches is not None and switches > SWITCHES_PER_S:
        yield (
            f"interrupted {switches:.0f} times per CPU-second by other programs, at most "
            f"{SWITCHES_PER_S:.0f} is steady"
        )


def _slowing(use: MachineUse) -> Iterator[str]:
    before, after = use.before, use.after
    if before.throttle_events is not None and after.throttle_events is not None:
        count = after.throttle_events - before.throttle_events
        if count > 0:
            yield f"slowed down {count} times for heat or current"
    celsius = after.cpu_celsius
    if celsius is not None and celsius >= HOT_C:
        yield f"processor at {celsius:.0f} °C, below {HOT_C:.0f} is steady"
    if use.mhz is not None and use.mhz[1] < SLOWER * use.mhz[0]:
        yield f"frequency fell from {use.mhz[0]:.0f} to {use.mhz[1]:.0f} MHz"


def _throttling(use: MachineUse) -> Iterator[str]:
    before, after = use.before.throttled, use.after.throttled
    for name, flags in (("before the run", before), ("after the run", after)):
        present = throttle_names((flags or 0) & PRESENT)
        if present:
            yield f"{', '.join(present)} {name}"
    if before is not None and after is not None:
        new = throttle_names(after & ~before & ~PRESENT)
        if new:
            yield f"during the run: {', '.join(name.removesuffix(' earlier') for name in new)}"


def _spread(use: MachineUse) -> Iterator[str]:
    if use.wall_to_cpu is not None and use.wall_to_cpu > WALL_TO_CPU:
        yield (
            f"frames took {use.wall_to_cpu:.2f} times their CPU time, at most {WALL_TO_CPU} is "
            "steady"
        )
    if use.drift is not None and not 1 / DRIFT <= use.drift <= DRIFT:
        yield (
            f"the second round over the same frames took {use.drift:.2f} times as long as the "
            f"first, {1 / DRIFT:.2f} to {DRIFT} is steady"
        )
