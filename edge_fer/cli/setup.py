"""`edge-fer setup`: the first start, by questions or from a file."""

import argparse
import json
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from edge_fer.cli.prompts import ask, ask_password, choose, confirm
from edge_fer.errors import BrokerError, CameraError, ConfigError

if TYPE_CHECKING:
    from edge_fer.config.settings import Settings
    from edge_fer.setup.checks import Finding

HELP = "ask what is needed, write the configuration, start the service"
DESCRIPTION = (
    "Ask what this is used for, which camera and which broker, and whether Home Assistant is "
    "told; try camera and broker, write the configuration (/etc/edge-fer/edge-fer.toml, or "
    "--config) and start the service. What is given here is not asked. With --from nothing is "
    "asked: the file is a configuration, which may leave out whatever has a default."
)

USE, CAMERA, BROKERS = "privacy.acknowledge_use", "camera.source", "mqtt.brokers"
DISCOVERY = "homeassistant.discovery"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only this command has."""
    parser.add_argument("--from", dest="answers", type=Path, metavar="FILE", help="ask nothing")
    parser.add_argument("--use", metavar="USE", help="as privacy.acknowledge_use")
    parser.add_argument("--camera", metavar="SPEC", help="as camera.source")
    parser.add_argument("--mqtt", action="append", metavar="URL", help="as mqtt.brokers")
    parser.add_argument("--discovery", metavar="on|off", help="as homeassistant.discovery")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="the broker's, to be put in its place"
    )
    parser.add_argument(
        "--untried", action="store_true", help="write also where camera or broker fail"
    )
    parser.add_argument("--force", action="store_true", help="replace a configuration unasked")
    parser.add_argument("--no-start", action="store_true", help="leave the service as it is")


def run(arguments: argparse.Namespace) -> int:
    """Ask or read, try, write, start.

    Raises:
        EdgeFerError: an answer is no good, a part does not work, or nothing may be written.
    """
    from edge_fer.config.load import SYSTEM_FILE
    from edge_fer.setup.install import read_present

    target: Path = arguments.config or SYSTEM_FILE
    present = read_present(target)
    settings, password = _decide(arguments, target)
    if not arguments.force and present not in (type(settings)(), settings):
        _agree_to_replace(target, asking=not arguments.answers)
    _write(target, settings, password)
    if not arguments.no_start:
        _start(target, asking=not arguments.answers)
    return 0


def _decide(arguments: argparse.Namespace, target: Path) -> "tuple[Settings, str | None]":
    """The settings to write, tried, and the broker's password where one was given."""
    from edge_fer.config.broker_url import read_password

    password = read_password(str(arguments.password_file)) if arguments.password_file else None
    given = {
        name: value
        for name, value in (
            (USE, arguments.use),
            (CAMERA, arguments.camera),
            (BROKERS, arguments.mqtt),
            (DISCOVERY, arguments.discovery),
        )
        if value
    }
    overrides = [*arguments.set, *(_assign(*pair) for pair in given.items())]
    wanted = {USE, CAMERA, BROKERS, DISCOVERY} - given.keys() if not arguments.answers else set()
    if arguments.answers and not arguments.answers.is_file():
        raise ConfigError(f"{arguments.answers}: must be a file that holds the answers")
    base = arguments.answers or target
    if USE in wanted:
        overrides.append(_ask_use(base, overrides))
    if CAMERA in wanted:
        overrides.append(_ask_camera(base, overrides))
    if BROKERS in wanted:
        answer, password = _ask_broker(base, overrides, password)
        overrides.append(answer)
    if DISCOVERY in wanted:
        overrides.append(_ask_discovery(_settings(base, overrides).homeassistant.discovery))
    settings = _settings(base, overrides)
    if not arguments.untried:
        _require_working(settings, password, asked=wanted)
    return settings, password


def _assign(option: str, value: str | list[str]) -> str:
    return f"{option}={json.dumps(value, ensure_ascii=False)}"


def _settings(base: Path, overrides: Sequence[str]) -> "Settings":
    """Those of the file and these; without the environment, which is not the file's."""
    from edge_fer.config.load import load, require_acknowledged

    settings = load(base if base.exists() else Path("/dev/null"), overrides, environ={})
    require_acknowledged(settings)
    return settings


def _ask_use(base: Path, overrides: Sequence[str]) -> str:
    from edge_fer.config.load import PROHIBITED
    from edge_fer.config.options import OPTIONS
    from edge_fer.setup.install import read_present

    uses = OPTIONS["privacy"]["acknowledge_use"].choices
    print(
        f"What is this used for: {', '.join(uses)}?\nPeople filmed must be told, and {PROHIBITED}."
    )
    present = read_present(base).privacy.acknowledge_use
    while True:
        answer = _assign(USE, ask("use", present))
        try:
            _settings(base, [*overrides, answer])
        except ConfigError as error:
            print(str(error).removeprefix("--set: "))
        else:
            return answer


def _ask_camera(base: Path, overrides: Sequence[str]) -> str:
    from edge_fer.cameras import without_password
    from edge_fer.setup.checks import try_camera
    from edge_fer.setup.discover import find_cameras

    print("\nThe camera: a number of these, v4l2:/dev/videoN, picamera2:N or file:PATH.")
    settings = _settings(base, overrides)
    present, default = settings.camera.source, type(settings)().camera.source
    shown = without_password(present)
    while True:
        spec = choose("camera", find_cameras(), shown, default)
        answer = _assign(CAMERA, present if spec == shown else spec)
        if _is_taken(try_camera(_settings(base, [*overrides, answer]))):
            return answer


def _ask_broker(
    base: Path, overrides: Sequence[str], password: str | None
) -> tuple[str, str | None]:
    """The brokers as an assignment, and the password where another than before is given."""
    from edge_fer.config.broker_url import parse_broker
    from edge_fer.setup.checks import try_broker
    from edge_fer.setup.discover import find_brokers
    from edge_fer.setup.install import password_home

    print("\nThe broker: a number of these, or mqtt://[user@]host[:port], mqtts:// with TLS.")
    before = _settings(base, overrides)
    present, default = before.mqtt.brokers, type(before)().mqtt.brokers
    while True:
        url = choose("broker", find_brokers(), present[0], default[0])
        # The first one alone was asked about, so the others stay with it.
        answer = _assign(BROKERS, present if url == present[0] else [url])
        try:
            settings = _settings(base, [*overrides, answer])
        except ConfigError as error:
            print(str(error).removeprefix("--set: "))
            continue
        user = parse_broker(url).user
        kept = bool(settings.mqtt.password_file) or password_home(base).exists()
        given = password or (ask_password(user, kept=kept) if user else None)
        if _is_taken(try_broker(settings, url, given)):
            return answer, given


def _ask_discovery(present: str) -> str:
    print("\nHome Assistant can find the device by itself, by a message kept at the broker.")
    if confirm("tell Home Assistant of it?", default=present == "on"):
        return _assign(DISCOVERY, "on")
    # What the broker keeps would stay there with "off".
    return _assign(DISCOVERY, "remove" if present == "on" else present)


def _is_taken(finding: "Finding") -> bool:
    print(f"{finding.level}: {finding.text}")
    return finding.level != "error" or confirm("take it all the same?", default=False)


def _require_working(settings: "Settings", password: str | None, asked: Set[str]) -> None:
    """Try what nobody was asked about.

    Raises:
        CameraError: the camera does not work.
        BrokerError: a broker does not.
    """
    from edge_fer.setup.checks import try_broker, try_camera

    findings = [] if CAMERA in asked else [try_camera(settings)]
    if BROKERS not in asked:
        findings += [try_broker(settings, url, password) for url in settings.mqtt.brokers]
    for finding in findings:
        if finding.level == "error":
            error = BrokerError if finding.name == "broker" else CameraError
            raise error(f"{finding.text}; nothing was written, --untried would")
        print(f"{finding.name}: {finding.text}")


def _agree_to_replace(target: Path, *, asking: bool) -> None:
    if not asking:
        raise ConfigError(f"{target}: is there already, and differs; --force replaces it")
    if not confirm(f"\n{target} is there already; change it? (a copy is kept)", default=True):
        raise ConfigError(f"{target}: left as it was")


def _write(target: Path, settings: "Settings", password: str | None) -> None:
    from msgspec.structs import replace

    from edge_fer.setup.install import CREDENTIAL, password_home, write_config, write_password

    if password is not None:
        home = password_home(target)
        write_password(home, password)
        print(f"written: {home}")
        path = "" if home == CREDENTIAL else str(home)
        settings = replace(settings, mqtt=replace(settings.mqtt, password_file=path))
    kept = write_config(target, settings)
    print(f"written: {target}" + (f"; as it was: {kept}" if kept else ""))


def _start(target: Path, *, asking: bool) -> None:
    from edge_fer.config.load import SYSTEM_FILE
    from edge_fer.setup.install import can_start, start_service

    if target != SYSTEM_FILE or not can_start():
        named = "" if target == SYSTEM_FILE else f" -c {target}"
        print(f"next: edge-fer check{named}, then edge-fer run{named}")
    elif not asking or confirm("start the service, now and at every boot?", default=True):
        start_service()
        print("started; systemctl status edge-fer says how it is")
