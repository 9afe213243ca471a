"""What is done in the two systems: the package installed, the clip played, the steps followed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from release import ROOT, ReleaseError, Target
from release.deb import find_deb
from release.environment import HOME

from edge_fer.demo.demo import PrivateBroker
from tests.support.chroot import Root

CLIP = ROOT / ".cache" / "carphone_pristine.mp4"

CONFIG = """\
[privacy]
acknowledge_use = "research"
[camera]
source = "file:/tmp/clip.avi"
[vision]
min_face_px = 40
[mqtt]
brokers = ["{url}"]
outbox = "memory"
"""

Event = dict[str, Any]


class Played(NamedTuple):
    """What a side says of itself, and its events."""

    versions: str
    system: str
    events: list[Event]


@dataclasses.dataclass(frozen=True)
class Side:
    """A system to install into."""

    target: Target
    root: Root
    clip: Path
    frames: int

    def play(self) -> Played:
        """Install the target's package and play the clip."""
        root = self.root
        root.put(find_deb(self.target), "/tmp/edge-fer.deb")
        root.put(self.clip, "/tmp/clip.avi")
        # Nothing of it is kept, so nothing has to be safe on disk.
        (root.folder / "etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n")
        root.apt("update")
        root.apt("install", "/tmp/edge-fer.deb")
        with PrivateBroker() as broker:
            (root.folder / "tmp/edge-fer.toml").write_text(CONFIG.format(url=broker.url))
            check = json.loads(root.run("edge-fer", "check", "-c", "/tmp/edge-fer.toml", "--json"))
            said = {finding["name"]: finding["text"] for finding in check}
            play = ["edge-fer", "run", "-c", "/tmp/edge-fer.toml", f"--max-frames={self.frames}"]
            events = _listen(broker.url, root.command(*play))
        return Played(said["versions"], said["system"], events)

    def follow(self, given: Path | None = None) -> Path:
        """Follow the steps, which need what `play` has put there; return the file they wrote."""
        root = self.root
        program = root.put(Path(__file__).with_name("steps.py"), "/tmp/steps.py")
        known = [root.put(given, "/tmp/given.npz")] if given else []
        python = str(HOME / "bin/python3")
        made = "/tmp/steps.npz"
        root.run(python, program, "/tmp/edge-fer.toml", str(self.frames), made, *known)
        return root.folder / made.lstrip("/")


def decode(folder: Path, frames: int) -> Path:
    """Write the clip's frames as plain bytes, so that both sides look at the same ones."""
    source, raw = cv2.VideoCapture(str(CLIP)), folder / "clip.avi"
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    rate = source.get(cv2.CAP_PROP_FPS)
    film = cv2.VideoWriter(str(raw), cv2.VideoWriter.fourcc(*"RGBA"), rate, size)
    for _ in range(frames):
        film.write(source.read()[1])
    film.release()
    return raw


def _listen(url: str, command: list[str]) -> list[Event]:
    """Run the daemon to its end; return its events in their order."""
    port = url.rpartition(":")[2]
    topics = ["-t", "edge-fer/+/event", "-t", "edge-fer/+/status"]
    with subprocess.Popen(
        ["mosquitto_sub", "-p", port, "-q", "1", *topics], stdout=subprocess.PIPE, text=True
    ) as subscriber:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            subscriber.terminate()
            raise ReleaseError(f"edge-fer run: exit code {done.returncode}: {done.stderr[-500:]}")
        events = []
        assert subscriber.stdout is not None
        for line in subscriber.stdout:
            message = json.loads(line)
            if message.get("state") == "stopped":
                break
            if "emotion" in message:
                events.append(message)
        subscriber.terminate()
    return sorted(events, key=lambda event: int(event["seq"]))
