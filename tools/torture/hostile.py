"""Publishes to a server that answers as no broker should, and looks what is lost.

    python -m tools.torture hostile --rounds 2000

First with pauses between two tries of hundredths of a second, so that there are many; now and
then the server is the real broker, and what comes through must be every event in its order.
Then with the pauses as they are, to count the connections a minute.
"""

import argparse
import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edge_fer.config.settings import Mqtt
from edge_fer.mqtt import connection
from edge_fer.mqtt.messages import Identity
from edge_fer.mqtt.publisher import Publisher
from tools.proofs import Proof, save
from tools.torture import villain
from tools.torture.mosquitto import Broker, Witness
from tools.torture.victim import EVENT
from tools.torture.villain import Role, Villain

DELIVER_S = 600.0
PACE_S = 60.0
"""How long connections are counted."""
STEADY: tuple[Role, ...] = (
    villain.hang_up,
    villain.babble,
    villain.speak_another_protocol,
    villain.refuse,
    villain.accept_and_hang_up,
    villain.accept_and_babble,
    villain.refuse_messages,
)
"""Roles that end a connection at once, so that nothing but the pauses holds the next try up."""


def publisher(url: str, folder: Path) -> Publisher:
    """One whose session is "hostile"."""
    settings = Mqtt(brokers=[url], spill_after_s=0.05, max_queued=1_000_000, drain_s=0)
    me = Identity("edge-fer", "torture", "cam0", "hostile", "0", "none", "00")
    return Publisher(settings, me, lambda _: None, folder=folder)


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Pauses and patience of hundredths of a second."""
    names = {"RETRY_MIN_S": 0.001, "RETRY_MAX_S": 0.01, "CONNECT_TIMEOUT_S": 0.1}
    before = {name: getattr(connection, name) for name in names}
    for name, value in names.items():
        setattr(connection, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(connection, name, value)


def meet(connections: int, seed: int, minutes: float = 60.0) -> dict[str, int | Villain]:
    """Have that many connections go wrong while events are made; returns counts."""
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as scratch, hurried():
        broker = Broker(Path(scratch))
        broker.start()
        witness, bad = Witness(broker.port), Villain(broker.port, random.Random(seed))
        made = 0
        try:
            with publisher(bad.url, Path(scratch) / "state") as out:
                while len(bad.times) < connections and time.monotonic() < until:
                    out.publish_event(EVENT, (640, 480))
                    made += 1
                    time.sleep(0.05)
                bad.roles = (villain.relay,)
                deadline = time.monotonic() + DELIVER_S
                while out.counters()["waiting"] and time.monotonic() < deadline:
                    time.sleep(0.05)
                lacking = witness.lacks({f"hostile-{n}" for n in range(1, made + 1)})
                told = out.counters()
        finally:
            bad.close()
            witness.close()
            broker.stop()
    return {
        "connections": len(bad.times),
        "made": made,
        "lost": len(lacking),
        "bad": bad,
        "out of order": witness.out_of_order(),
        "dropped": told["dropped_full"],
        "refusals counted": told["refused"],
    }


def paces(seconds: float) -> dict[str, tuple[int, float]]:
    """Role to connections in that time and the CPU seconds of all together, pauses as they are."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        every = {role.__name__: Villain(0, random.Random(1), (role,)) for role in STEADY}
        for name, bad in every.items():
            stack.callback(bad.close)
            out = stack.enter_context(publisher(bad.url, Path(scratch) / name))
            out.publish_event(EVENT, (640, 480))
        before = time.process_time()
        threading.Event().wait(seconds)
        spent = time.process_time() - before
        return {name: (len(bad.times), spent) for name, bad in every.items()}


NOTE = (
    "A scripted TCP server plays a role drawn by lot for each connection, with every reason code "
    "of CONNACK and PUBACK; now and then it relays mosquitto, and cuts that short. Pauses between "
    "two tries were 1 to 10 ms for this, and the wait for an answer 0.1 s."
)


def prove(options: argparse.Namespace) -> bool:
    """2,000 connections unless told, and a minute of each role."""
    found = meet(options.rounds or 2000, options.seed, options.minutes)
    bad = found.pop("bad")
    assert isinstance(bad, Villain)
    counted = paces(PACE_S)
    most = max(count for count, _ in counted.values())
    cpu = next(iter(counted.values()))[1]
    good = not found["lost"] and not found["out of order"] and most <= 60
    rows = [{"the server": deed, "connections": count} for deed, count in bad.deeds.most_common()]
    minute = ", ".join(f"{name.replace('_', ' ')} {count}" for name, (count, _) in counted.items())
    save(
        "hostile-broker",
        Proof(
            title="a broker that answers garbage, closes mid-packet, refuses",
            floor="reconnects with backoff, nothing accepted lost",
            aim="the same",
            reached=f"{found['connections']:,} connections, {found['lost']} of {found['made']:,} "
            f"events lost; with the true pauses at most {most} connections a minute",
            verdict="holds" if good else "does not hold",
            command=options.command,
            note=f"{NOTE} All events came in the end, {found['out of order']} out of order; "
            f"{found['refusals counted']} refused messages were counted. Then, with the pauses as "
            f"they are, the connections of the first {PACE_S:g} s (two a try where MQTT 3.1.1 is "
            f"tried after 5): {minute}. {len(counted)} publishers took {cpu:.1f} s of CPU together "
            "in that time.",
            rows=tuple(rows),
        ),
    )
    return good
