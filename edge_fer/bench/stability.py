"""Whether a measurement can be trusted: rules on what the machine did meanwhile, with reasons.

The rules are for figures that are quoted. They look for other work, for slowing down, and for
the same work taking another time when it is done again. What is not known breaks no rule.
"""

import dataclasses
from collections.abc import Iterator

from edge_fer.bench.device import Conditions, throttle_names

LOAD = 0.5
"""Load average ahead of the run: half a program's worth."""
OTHERS = 0.25
"""Cores that other programs used on the average."""
STEAL = 0.01
"""Share of the processor's time that a hypervisor gave to others."""
SWITCHES_PER_S = 50.0
"""How often a second of our CPU time was interrupted for somebody else."""
WAIT = 1.1
"""Wall to CPU time while frames are processed at full speed."""
DRIFT = 1.1
"""Times of one round over the frames to those of the other, whichever is slower."""
HOT_C = 80.0
"""From here on a Raspberry Pi slows down."""
SLOWER = 0.95
"""Frequency after the last round to that after the first."""

PRESENT = 0xF
"""Of a Raspberry Pi's throttling flags those that are true now."""


@dataclasses.dataclass(frozen=True, slots=True)
class Strain:
    """What the machine did during a run; None where it is not known."""

    before: Conditions
    after: Conditions
    seconds: float
    """From ``before`` to ``after``."""
    own_cpu_s: float
    """CPU time of this process meanwhile."""
    cores: int
    switches: int
    """How often this process was interrupted for another."""
    wait: float | None
    """Wall to CPU time at full speed."""
    drift: float | None
    """Time of the second round over the same frames to that of the first."""
    mhz: tuple[float, float] | None
    """Of the fastest core after each of the two rounds."""

    @property
    def others(self) -> float | None:
        """Cores that other programs used on the average."""
        if self.before.busy_s is None or self.after.busy_s is None or self.seconds <= 0:
            return None
        busy_s = self.after.busy_s - self.before.busy_s - self.own_cpu_s
        return max(0.0, busy_s / self.seconds)

    @property
    def steal(self) -> float | None:
        """Share of the processor's time that a hypervisor gave to others."""
        if self.before.steal_s is None or self.after.steal_s is None or self.seconds <= 0:
            return None
        return (self.after.steal_s - self.before.steal_s) / (self.seconds * self.cores)

    @property
    def switches_per_s(self) -> float | None:
        """By second of our CPU time."""
        return self.switches / self.own_cpu_s if self.own_cpu_s > 0 else None


def reasons(strain: Strain) -> list[str]:
    """Why the figures may not hold; empty where the machine was steady."""
    return [*_other_work(strain), *_throttling(strain), *_slowing(strain), *_spread(strain)]


def _other_work(strain: Strain) -> Iterator[str]:
    load, others, steal = strain.before.load, strain.others, strain.steal
    if load is not None and load > LOAD:
        yield f"load average {load:.2f} ahead of the run, at most {LOAD} is steady"
    if others is not None and others > OTHERS:
        yield f"other programs used {others:.2f} cores, at most {OTHERS} is steady"
    if steal is not None and steal > STEAL:
        yield f"the hypervisor took {100 * steal:.1f} % of the processor, at most {STEAL:.0%}"
    switches = strain.switches_per_s
    if switches is not None and switches > SWITCHES_PER_S:
        yield (
            f"interrupted {switches:.0f} times a CPU-second for other programs, at most "
            f"{SWITCHES_PER_S:.0f} is steady"
        )


def _slowing(strain: Strain) -> Iterator[str]:
    before, after = strain.before, strain.after
    if before.throttle_events is not None and after.throttle_events is not None:
        count = after.throttle_events - before.throttle_events
        if count > 0:
            yield f"slowed down {count} times for heat or current"
    celsius = after.cpu_celsius
    if celsius is not None and celsius >= HOT_C:
        yield f"processor at {celsius:.0f} °C, below {HOT_C:.0f} is steady"
    if strain.mhz is not None and strain.mhz[1] < SLOWER * strain.mhz[0]:
        yield f"frequency fell from {strain.mhz[0]:.0f} to {strain.mhz[1]:.0f} MHz"


def _throttling(strain: Strain) -> Iterator[str]:
    before, after = strain.before.throttled, strain.after.throttled
    for name, flags in (("ahead of the run", before), ("at its end", after)):
        present = throttle_names((flags or 0) & PRESENT)
        if present:
            yield f"{', '.join(present)} {name}"
    if before is not None and after is not None:
        new = throttle_names(after & ~before & ~PRESENT)
        if new:
            yield f"during the run: {', '.join(name.removesuffix(' earlier') for name in new)}"


def _spread(strain: Strain) -> Iterator[str]:
    if strain.wait is not None and strain.wait > WAIT:
        yield (f"frames took {strain.wait:.2f} times their CPU time, at most {WAIT} is steady")
    if strain.drift is not None and not 1 / DRIFT <= strain.drift <= DRIFT:
        yield (
            f"the second round over the same frames took {strain.drift:.2f} times as long as the "
            f"first, {1 / DRIFT:.2f} to {DRIFT} is steady"
        )
