"""A Debian 13 with libcamera and picamera2 in a folder, and running commands in it.

Needs root: it is entered with chroot, in mounts of its own that go with the command.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from release import run

SUITE = "trixie"
"""The first release whose libcamera has the virtual camera."""

PACKAGES = (
    "ca-certificates",
    "gcc",
    "gstreamer1.0-plugins-base",
    "libc6-dev",
    "libcap-dev",
    "libdlib-data",
    "linux-libc-dev",
    "python3-dev",
    "python3-libcamera",
    "python3-msgspec",
    "python3-opencv",
    "python3-pytest",
    "python3-venv",
)

LIBRARIES = (
    "picamera2",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "dlib-bin",
    "paho-mqtt",
    "msgspec",
    "rich",
)

PYTHON = "/opt/edge-fer/bin/python"
"""With the libraries; Debian's own Python has Debian's OpenCV, which is built with GStreamer."""

SOURCE = "/opt/source"
"""Where the checkout is seen, read only."""

_ENTER = """
root=$1 checkout=$2; shift 2
for part in proc sys dev; do mount --rbind /$part $root/$part; done
mkdir -p $root/opt/source
mount --bind -o ro $checkout $root/opt/source
exec chroot $root "$@"
"""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class Debian:
    """The release in ``root``; of use after `prepare`."""

    def __init__(self, root: Path, checkout: Path) -> None:
        self.root, self._checkout = root, checkout

    def prepare(self) -> None:
        """Fetch and build what is missing.

        Raises:
            ReleaseError: a step failed.
        """
        ready, listed = self.root / "opt" / "ready", "\n".join([SUITE, *PACKAGES, *LIBRARIES])
        if not ready.exists() or ready.read_text() != listed:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with_certificates = "--include=ca-certificates"
            run(["debootstrap", "--variant=minbase", with_certificates, SUITE, str(self.root)])
            self._copy_of_the_host()
            apt = ["apt-get", "-y", "-q", "--no-install-recommends", "install"]
            run(self.command([*apt, *PACKAGES], "DEBIAN_FRONTEND=noninteractive"))
            run(self.command(["python3", "-m", "venv", "--system-site-packages", "/opt/edge-fer"]))
            pip = [PYTHON, "-m", "pip", "install", "--no-compile", "--progress-bar=off"]
            run(self.command([*pip, *LIBRARIES]))
            ready.write_text(listed)
        shim = [f"{SOURCE}/tests/integration/picamera/shim.c", "-o", "/opt/shim.so"]
        run(self.command(["gcc", "-Wall", "-shared", "-fPIC", *shim]))

    def command(self, command: Sequence[str], *variables: str) -> list[str]:
        """What runs a command inside; ``variables`` are NAME=VALUE."""
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _ENTER, "sh"]
        environment = [
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "LANG=C.UTF-8",
            f"PIP_CERT={CERTIFICATES}",
            "PIP_DISABLE_PIP_VERSION_CHECK=1",
            *variables,
        ]
        return [*enter, str(self.root), str(self._checkout), *environment, *command]

    def python(self, *arguments: str) -> list[str]:
        """The checkout's Python code with the virtual camera."""
        return self.command(
            [PYTHON, "-B", *arguments],
            f"PYTHONPATH={SOURCE}",
            "LD_PRELOAD=/opt/shim.so",
            "LIBCAMERA_LOG_LEVELS=*:ERROR",
        )

    def test(self, path: str) -> list[str]:
        """What runs a file of the checkout's tests with Debian's own Python and OpenCV."""
        options = ["-q", "--noconftest", "-p", "no:cacheprovider", "-W", "ignore"]
        return self.command(
            ["python3", "-B", "-m", "pytest", *options, f"{SOURCE}/{path}"],
            f"PYTHONPATH={SOURCE}:{SOURCE}/tests",
        )

    def versions(self) -> str:
        """Of what this is about."""
        code = (
            "import importlib.metadata as m; import libcamera;"
            "print(f\"picamera2 {m.version('picamera2')}\")"
        )
        ask = self.command([PYTHON, "-c", code])
        picamera2 = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        query = ["dpkg-query", "-W", "-f", "libcamera ${Version}", "python3-libcamera"]
        asked = subprocess.run(self.command(query), capture_output=True, text=True, check=True)
        return f"{picamera2}, {asked.stdout.strip()}"

    def _copy_of_the_host(self) -> None:
        """Names and certificates, which a network may have of its own."""
        for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES):
            shutil.copy(path, self.root / path.relative_to("/"))
