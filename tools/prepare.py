"""Makes a checkout ready: system packages, a virtual environment, pictures to play.

    python3 tools/prepare.py --venv .venv --extras demo --apt mosquitto

Does only what is missing and says nothing where nothing is. Needs root only for system
packages. Runs under the system's Python, so it uses the standard library alone.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from media import SOURCES, fetch
from progress import Progress, StepError

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
VERSIONS = ((3, 10), (3, 13))
APT = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
KEYRINGS = Path("/usr/share/keyrings")
LANDMARKS = "shape_predictor_68_face_landmarks.dat"

PRESENT: dict[str, Callable[[], bool]] = {
    "chromium": lambda: _is_program("chromium"),
    "debian-archive-keyring": lambda: any(KEYRINGS.glob("debian-archive-keyring.*")),
    "debootstrap": lambda: _is_program("debootstrap"),
    "gcc": lambda: _is_program("cc"),
    "gir1.2-gst-rtsp-server-1.0": lambda: _has("girepository-1.0/GstRtspServer-1.0.typelib"),
    "gstreamer1.0-plugins-good": lambda: _has("gstreamer-1.0/libgstpng.so"),
    "gstreamer1.0-plugins-ugly": lambda: _has("gstreamer-1.0/libgstx264.so"),
    "iproute2": lambda: _is_program("ip"),
    "libdlib-data": lambda: any(Path("/usr/share").glob(f"*dlib*/{LANDMARKS}")),
    "mmdebstrap": lambda: _is_program("mmdebstrap"),
    "mosquitto": lambda: _is_program("mosquitto"),
    "mosquitto-clients": lambda: _is_program("mosquitto_pub"),
    "python3-gi": lambda: Path("/usr/lib/python3/dist-packages/gi").is_dir(),
    "python3-picamera2": lambda: _is_importable("picamera2"),
    "python3-systemd": lambda: _is_importable("systemd"),
    "systemd-container": lambda: _is_program("systemd-nspawn"),
    "valgrind": lambda: _is_program("valgrind"),
}
"""Whether what a Debian package brings is there, from wherever it came."""


class NotReadyError(Exception):
    """Only the user can go on from here."""


def main() -> int:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description="Make a checkout ready.")
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--extras", default="", help="of the package, with commas")
    parser.add_argument("--apt", nargs="*", default=[], choices=sorted(PRESENT))
    parser.add_argument("--media", nargs="*", default=[], choices=sorted(SOURCES))
    parser.add_argument("--copy", action="store_true", help="install a copy, not the checkout")
    parser.add_argument("--destdir", default="", help="what the environment's path loses later")
    arguments = parser.parse_args()
    try:
        _check_python(for_service=arguments.copy)
        steps = _steps(arguments)
    except NotReadyError as error:
        print(error, file=sys.stderr)
        return 1
    if not steps:
        return 0
    if not arguments.copy:
        return _carry_out(steps, LOG)
    # An installation by root leaves nothing in the checkout, which is another user's.
    log = Path(tempfile.mkdtemp(prefix="edge-fer-setup-")) / LOG.name
    code = _carry_out(steps, log)
    if code == 0:
        shutil.rmtree(log.parent)
    return code


Step = tuple[str, Callable[[Progress], None]]


def _carry_out(steps: list[Step], log: Path) -> int:
    progress = Progress(len(steps), log)
    for title, step in steps:
        progress.begin(title)
        try:
            step(progress)
        except (StepError, OSError, KeyError) as error:
            progress.show_failure(error)
            return 1
        progress.end()
    return 0


def _steps(arguments: argparse.Namespace) -> list[Step]:
    venv, extras, copy = arguments.venv.absolute(), arguments.extras, arguments.copy
    # Raspberry Pi OS has picamera2 as a package; others have not.
    fresh, pi = not _is_usable(venv), Path("/etc/rpi-issue").exists()
    steps: list[Step] = []
    if missing := _missing_packages(arguments.apt, fresh=fresh, pi=pi):
        title = f"system packages: {', '.join(missing)}"
        steps.append((title, partial(_apt, root=_root(missing), names=missing)))
    if fresh:
        _check_is_ours(venv)
        steps.append(("virtual environment", partial(_make_venv, venv=venv, pi=pi)))
    if fresh or copy or not _stamp(venv, extras).exists():
        title = f"Python packages for {extras}" if extras else "Python packages"
        steps.append((title, partial(_pip_install, venv=venv, extras=extras, copy=copy)))
    if arguments.destdir:
        destdir = Path(arguments.destdir).absolute()
        steps.append(("paths", partial(_relocate, venv=venv, destdir=destdir)))
    paths = [path for name in arguments.media if not (path := CACHE / name).exists()]
    return steps + [(path.name, partial(fetch, pip=_pip(venv), path=path)) for path in paths]


def _missing_packages(wanted: list[str], *, fresh: bool, pi: bool) -> list[str]:
    names = [*wanted, *(["python3-picamera2", "python3-systemd"] if pi else [])]
    missing = [name for name in names if not PRESENT[name]()]
    if fresh and not _is_importable("ensurepip"):
        own = os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3")
        missing.insert(0, "python3-venv" if own else f"python3.{sys.version_info[1]}-venv")
    return missing


def _check_is_ours(venv: Path) -> None:
    """Making an environment empties its folder, so it must not be anything else."""
    if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise NotReadyError(f"{venv}: holds other things than a virtual environment")


def _check_python(*, for_service: bool) -> None:
    oldest, newest = VERSIONS
    if not oldest <= sys.version_info[:2] <= newest:
        raise NotReadyError(
            f"{sys.executable}: must be Python 3.{oldest[1]} to 3.{newest[1]}, "
            f"is 3.{sys.version_info[1]}; name another: make PYTHON=python3.{newest[1]} …"
        )
    home = Path(sys.executable).resolve().parts[1]
    if for_service and home in ("home", "root"):
        raise NotReadyError(
            f"{sys.executable}: the service cannot read it there; make PYTHON=/usr/bin/python3 …"
        )


def _is_program(name: str) -> bool:
    # Debian keeps daemons in sbin, which is not on every user's path.
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is not None


def _has(library: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/{library}"))


def _is_importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _root(missing: list[str]) -> list[str]:
    """Return what makes a command root's; may ask for the password."""
    line = f"sudo apt-get install {' '.join(missing)}"
    if not shutil.which("apt-get"):
        raise NotReadyError(f"missing, and there is no apt-get here: {' '.join(missing)}")
    if os.geteuid() == 0:
        return []
    ask = ["sudo", "-v"] if sys.stdin.isatty() else ["sudo", "-n", "true"]
    if shutil.which("sudo"):
        print(f"root is needed once, for: {line}", flush=True)
        if subprocess.run(ask, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return ["sudo"]
    raise NotReadyError(f"system packages are missing; as an administrator, once:\n    {line}")


def _apt(progress: Progress, root: list[str], names: list[str]) -> None:
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", *APT]
    # A stranger's broken source must not stop us; a missing package will.
    with contextlib.suppress(StepError):
        progress.run([*command, "update"])
    progress.run([*command, "install", "--no-install-recommends", *names])


def _is_usable(venv: Path) -> bool:
    """Whether its Python is still there, in the version it was made with."""
    python = (venv / "bin" / "python").resolve()
    return python.exists() and (venv / "lib" / python.name).is_dir()


def _make_venv(progress: Progress, venv: Path, pi: bool) -> None:
    options = ["--system-site-packages"] if pi else []
    progress.run([sys.executable, "-m", "venv", "--clear", *options, str(venv)])


def _stamp(venv: Path, extras: str) -> Path:
    """Return the file that says that these extras of this setup.cfg are in the environment."""
    facts = [str(ROOT), extras, (ROOT / "setup.cfg").read_text(encoding="utf-8")]
    return venv / f".ready-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"


def _pip_install(progress: Progress, venv: Path, extras: str, copy: bool) -> None:
    pip = [*_pip(venv), "install", "--progress-bar=off", "--prefer-binary"]
    if "train" in extras.split(","):
        _install_torch(progress, pip)
    pip += _numpy_of_the_system(venv)
    if copy:
        # Building in the checkout would leave root's files in it and ship what was deleted since.
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "edge-fer"
            unwanted = shutil.ignore_patterns(".*", "build", "dist", "out", "runs", "*.egg-info")
            shutil.copytree(ROOT, source, ignore=unwanted)
            progress.run([*pip, str(source)])
    else:
        progress.run([*pip, "--editable", f"{ROOT}[{extras}]"])
        _stamp(venv, extras).touch()


def _pip(venv: Path) -> list[str]:
    return [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _install_torch(progress: Progress, pip: list[str]) -> None:
    """Install the pinned torch, without CUDA where the index has such a build: it is smaller."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = setup["options.extras_require"]["train"].split()
    torch = next(entry for entry in wanted if entry.startswith("torch=="))
    try:
        progress.run([*pip, f"{torch}+cpu"])
    except StepError:
        progress.run([*pip, torch])


def _relocate(_: Progress, venv: Path, destdir: Path) -> None:
    """Let the scripts of an environment under DESTDIR name the place where it will be."""
    for file in [venv / "pyvenv.cfg", *(venv / "bin").iterdir()]:
        if not file.is_symlink():
            file.write_bytes(file.read_bytes().replace(bytes(destdir), b""))


def _numpy_of_the_system(venv: Path) -> list[str]:
    """Keep to numpy 1 where the system's picamera2 was compiled against it."""
    if "include-system-site-packages = true" not in (venv / "pyvenv.cfg").read_text():
        return []
    probe = [sys.executable, "-c", "import numpy; print(numpy.__version__)"]
    answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    return ["numpy<2"] if answer.stdout.startswith("1.") else []


if __name__ == "__main__":
    sys.exit(main())
