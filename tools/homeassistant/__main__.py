"""Runs the trial and keeps what was seen.

    python -m tools.homeassistant

The first time it installs Home Assistant into .cache; it needs Python 3.13 for that.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edge_fer.demo.demo import PrivateBroker
from tools.daemon import Daemon
from tools.homeassistant.house import VERSION, House, HouseError, prepare
from tools.homeassistant.trial import Trial, TrialError
from tools.proofs import Proof, save


def main() -> int:
    """Do it; exit code 1 and a line where something is not as it must be."""
    try:
        prepare()
        with PrivateBroker() as broker, tempfile.TemporaryDirectory() as folder:
            trial = _run(broker.url, Path(folder) / "house")
    except (HouseError, TrialError) as error:
        print(f"homeassistant: {error}", file=sys.stderr)
        return 1
    save("home-assistant", _proof(trial))
    return 0


def _run(url: str, folder: Path) -> Trial:
    port = int(url.rpartition(":")[2])
    daemon = Daemon(url, "porch")
    daemon.start("homeassistant.discovery=on")
    try:
        with House(folder, port) as house:
            trial = Trial(house, daemon, port)
            for step in (
                trial.all_entities,
                trial.switch,
                trial.killed,
                trial.stopped,
                trial.bench,
                trial.aggregate,
                trial.birth,
                trial.crowd,
                trial.removal,
                trial.quiet,
            ):
                step()
    finally:
        daemon.end()
    return trial


def _proof(trial: Trial) -> Proof:
    return Proof(
        title="Home Assistant shows and switches the device",
        floor="it accepts the discovery message, every entity has a value",
        aim="also: unavailable on kill -9, its switch closes the camera, removed without a rest",
        reached=f"all of it, on Home Assistant {VERSION}",
        verdict="aim",
        command="make home-assistant",
        note=f"A real Home Assistant {VERSION} in an environment of its own, mosquitto, and the "
        "real daemon on a clip that is played again and again. States are read and the switch is "
        "operated by Home Assistant's REST API, the registries from what it wrote down. *bench* "
        "is a device made of messages: two faces, a thermometer, and an entity that is wrong on "
        "purpose. Not tried: other versions, its cards in a browser, a device with a real "
        "thermometer.",
        rows=tuple(trial.rows),
    )


if __name__ == "__main__":
    sys.exit(main())
