"""When a machine counts as steady, and the reason it does not: rules on plain numbers."""

import dataclasses

import pytest

from edge_fer.bench import stability
from edge_fer.bench.device import Conditions
from edge_fer.bench.stability import MachineUse, unsteady_reasons

QUIET = Conditions(
    load=0.1,
    busy_s=100.0,
    steal_s=1.0,
    mhz=1500.0,
    celsius={"cpu-thermal": 55.0},
    throttled=0,
    throttle_events=2,
)
UNKNOWN = Conditions(
    load=None,
    busy_s=None,
    steal_s=None,
    mhz=None,
    celsius={},
    throttled=None,
    throttle_events=None,
)


def machine_use(before=None, after=None, **changes):
    """A quiet run of 10 s, 8 s of it ours; ``before`` and ``after`` change conditions."""
    quiet = MachineUse(
        before=dataclasses.replace(QUIET, **(before or {})),
        after=dataclasses.replace(QUIET, busy_s=108.5, **(after or {})),
        seconds=10.0,
        own_cpu_s=8.0,
        cores=4,
        switches=20,
        wall_to_cpu=1.01,
        drift=1.02,
        mhz=(1500.0, 1500.0),
    )
    return dataclasses.replace(quiet, **changes)


def test_a_quiet_run_is_steady():
    assert [] == unsteady_reasons(machine_use())


def test_what_is_not_known_breaks_no_rule():
    blind = machine_use(wall_to_cpu=None, drift=None, mhz=None, own_cpu_s=0.0)
    assert [] == unsteady_reasons(dataclasses.replace(blind, before=UNKNOWN, after=UNKNOWN))


def test_others_are_what_is_busy_besides_us():
    assert 0.05 == pytest.approx(machine_use().others_cores)
    assert 0.0 == dataclasses.replace(machine_use(), own_cpu_s=9.0).others_cores


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"before": {"load": 1.5}}, "load average 1.50 before the run"),
        ({"before": {"busy_s": 90.0}}, "other programs used 1.05 cores"),
        ({"after": {"steal_s": 3.0}}, "the hypervisor took 5.0 %"),
        ({"switches": 800}, "interrupted 100 times per CPU-second"),
        ({"before": {"throttled": 0x4}, "after": {"throttled": 0x0}}, "throttled before the run"),
        ({"after": {"throttled": 0x2}}, "frequency capped after the run"),
        ({"after": {"throttled": 0x10000}}, "during the run: under-voltage"),
        ({"after": {"throttle_events": 5}}, "slowed down 3 times"),
        ({"after": {"celsius": {"cpu-thermal": 83.0}}}, "processor at 83 °C"),
        ({"mhz": (1500.0, 1200.0)}, "frequency fell from 1500 to 1200 MHz"),
        ({"wall_to_cpu": 1.5}, "frames took 1.50 times their CPU time"),
        ({"drift": 1.3}, "the second round over the same frames took 1.30 times"),
        ({"drift": 0.7}, "the second round over the same frames took 0.70 times"),
    ],
)
def test_each_disturbance_is_a_reason_of_its_own(changes, reason):
    (told,) = unsteady_reasons(machine_use(**changes))
    assert told.startswith(reason)


def test_a_bound_itself_is_steady():
    edge = machine_use(
        before={"load": stability.LOAD},
        wall_to_cpu=stability.WALL_TO_CPU,
        drift=stability.DRIFT,
        mhz=(1000.0, 1000 * stability.SLOWER),
    )
    assert [] == unsteady_reasons(edge)


def test_throttling_of_long_ago_is_no_reason():
    flags = {"throttled": 0x50000}
    assert [] == unsteady_reasons(machine_use(before=flags, after=flags))


def test_a_frequency_that_rises_is_no_reason():
    assert [] == unsteady_reasons(machine_use(mhz=(600.0, 1500.0)))
