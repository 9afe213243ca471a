"""`edge-fer setup`: configure the first start, interactively or from a file."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from edge_fer.errors import BrokerError, CameraError, ConfigError

if TYPE_CHECKING:
    from edge_fer.config.settings import Settings
    from edge_fer.setup.checks import Finding
    from edge_fer.setup.discover import Choice

HELP = "configure use, camera and broker, and start the service"
DESCRIPTION = (
    "Ask what you use edge-fer for, which camera and which broker, and whether to announce this "
    "device to Home Assistant. Test camera and broker, write the configuration "
    "(/etc/edge-fer/edge-fer.toml, or --config) and start the service. Values given as options "
    "are not asked for. With --from, setup asks nothing and reads FILE, a configuration file that "
    "may leave out every option with a default."
)
EXAMPLES = """\
examples:
  sudo edge-fer setup
  sudo edge-fer setup --use home --camera picamera2:0 --mqtt mqtt://hall.local
  sudo edge-fer setup --from answers.toml --password-file broker-password
"""

USE, CAMERA, BROKERS = "privacy.acknowledge_use", "camera.source", "mqtt.brokers"
DISCOVERY = "homeassistant.discovery"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--from", dest="answers", type=Path, metavar="FILE", help="read FILE, ask nothing"
    )
    parser.add_argument("--use", metavar="USE", help="sets privacy.acknowledge_use")
    parser.add_argument("--camera", metavar="SPEC", help="sets camera.source")
    parser.add_argument(
        "--mqtt", action="append", metavar="URL", help="sets mqtt.brokers; may be repeated"
    )
    parser.add_argument("--discovery", metavar="on|off", help="sets homeassistant.discovery")
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="file with the broker password, which is copied to where the service reads it",
    )
    parser.add_argument(
        "--untried", action="store_true", help="skip the tests of camera and broker"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace an existing configuration without asking"
    )
    parser.add_argument("--no-start", action="store_true", help="do not start the service")


def run(arguments: argparse.Namespace) -> int:
    """Ask for the settings or read them, test them, write them and start the service.

    Raises:
        EdgeFerError: an answer is invalid, a test fails, or a file cannot be written.
    """
    from edge_fer.config.load import SYSTEM_FILE
    from edge_fer.setup.install import read_present

    target: Path = arguments.config or SYSTEM_FILE
    present = read_present(target)
    settings, password = _collect(arguments, target)
    if not arguments.force and present not in (type(settings)(), settings):
        _confirm_replacement(target, asking=not arguments.answers)
    _write(target, settings, password)
    if not arguments.no_start:
        _start(target, asking=not arguments.answers)
    return 0


def _collect(arguments: argparse.Namespace, target: Path) -> "tuple[Settings, str | None]":
    """Return the settings to write, tested, and the broker password if one was given."""
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
        raise ConfigError(f"{arguments.answers}: must be a configuration file with the answers")
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
    """Return the settings of the file with these overrides, but without the environment.

    The environment does not belong into the file that is written.
    """
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
        f"What do you use edge-fer for: {', '.join(uses)}?\n"
        f"People in view must be informed, and {PROHIBITED}."
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

    print("\nChoose a camera by number, or enter v4l2:/dev/videoN, picamera2:N or file:PATH.")
    settings = _settings(base, overrides)
    present, default = settings.camera.source, type(settings)().camera.source
    shown = without_password(present)
    while True:
        spec = choose("camera", find_cameras(), shown, default)
        answer = _assign(CAMERA, present if spec == shown else spec)
        if _is_accepted(try_camera(_settings(base, [*overrides, answer]))):
            return answer


def _ask_broker(
    base: Path, overrides: Sequence[str], password: str | None
) -> tuple[str, str | None]:
    """Return the brokers as an assignment, and the password if it changes."""
    from edge_fer.config.broker_url import parse_broker
    from edge_fer.setup.checks import try_broker
    from edge_fer.setup.discover import find_brokers
    from edge_fer.setup.install import password_home

    print(
        "\nChoose a broker by number, or enter mqtt://[user@]host[:port]; mqtts:// encrypts the "
        "connection with TLS."
    )
    before = _settings(base, overrides)
    present, default = before.mqtt.brokers, type(before)().mqtt.brokers
    while True:
        url = choose("broker", find_brokers(), present[0], default[0])
        # The question shows only the first broker, so keeping that one keeps the others too.
        answer = _assign(BROKERS, present if url == present[0] else [url])
        try:
            settings = _settings(base, [*overrides, answer])
        except ConfigError as error:
            print(str(error).removeprefix("--set: "))
            continue
        user = parse_broker(url).user
        stored = bool(settings.mqtt.password_file) or password_home(base).exists()
        given = password or (ask_password(user, stored=stored) if user else None)
        if _is_accepted(try_broker(settings, url, given)):
            return answer, given


def _ask_discovery(present: str) -> str:
    print("\nHome Assistant can discover this device through a retained message on the broker.")
    if confirm("Announce this device to Home Assistant?", default=present == "on"):
        return _assign(DISCOVERY, "on")
    # With "off" the retained message would stay on the broker.
    return _assign(DISCOVERY, "remove" if present == "on" else present)


def _is_accepted(finding: "Finding") -> bool:
    print(f"{finding.level}: {finding.text}")
    return finding.level != "error" or confirm("Use it anyway?", default=False)


def _require_working(settings: "Settings", password: str | None, asked: Set[str]) -> None:
    """Test the camera and the brokers that were not asked for.

    Raises:
        CameraError: the camera does not work.
        BrokerError: a broker does not work.
    """
    from edge_fer.setup.checks import try_broker, try_camera

    findings = [] if CAMERA in asked else [try_camera(settings)]
    if BROKERS not in asked:
        findings += [try_broker(settings, url, password) for url in settings.mqtt.brokers]
    for finding in findings:
        if finding.level == "error":
            error = BrokerError if finding.name == "broker" else CameraError
            raise error(f"{finding.text}; nothing was written; --untried skips this test")
        print(f"{finding.name}: {finding.text}")


def _confirm_replacement(target: Path, *, asking: bool) -> None:
    if not asking:
        raise ConfigError(f"{target}: already exists with other settings; --force replaces it")
    if not confirm(f"\n{target} already exists. Change it? (keeps a backup)", default=True):
        raise ConfigError(f"{target}: not changed")


def _write(target: Path, settings: "Settings", password: str | None) -> None:
    from msgspec.structs import replace

    from edge_fer.setup.install import CREDENTIAL, password_home, write_config, write_password

    if password is not None:
        home = password_home(target)
        write_password(home, password)
        print(f"written: {home}")
        path = "" if home == CREDENTIAL else str(home)
        settings = replace(settings, mqtt=replace(settings.mqtt, password_file=path))
    backup = write_config(target, settings)
    print(f"written: {target}" + (f"; backup: {backup}" if backup else ""))


def _start(target: Path, *, asking: bool) -> None:
    from edge_fer.config.load import SYSTEM_FILE
    from edge_fer.setup.install import can_start, start_service

    if target != SYSTEM_FILE or not can_start():
        option = "" if target == SYSTEM_FILE else f" -c {target}"
        print(f"next: edge-fer check{option}, then edge-fer run{option}")
    elif not asking or confirm("Start the service now and at every boot?", default=True):
        start_service()
        print("started; for its status run: systemctl status edge-fer")


def ask(question: str, default: str = "") -> str:
    """Ask on the terminal, or through a pipe, and return an answer that is not empty.

    Enter alone accepts the default.

    Raises:
        ConfigError: the input has ended.
    """
    prompt = f"{question} [{default}]: " if default else f"{question}: "
    while not (answer := _read_line(prompt) or default):
        pass
    return answer


def confirm(question: str, *, default: bool) -> bool:
    """Return whether the answer is yes; repeat the question until it is yes or no.

    Raises:
        ConfigError: the input has ended.
    """
    words = {"y": True, "yes": True, "n": False, "no": False, "": default}
    prompt = f"{question} [{'Y/n' if default else 'y/N'}]: "
    while (answer := _read_line(prompt).lower()) not in words:
        pass
    return words[answer]


def choose(question: str, choices: Sequence["Choice"], present: str, default: str) -> str:
    """List the choices and return the one whose number is entered, or the text that is entered.

    Enter alone accepts ``present``, or the first choice if ``present`` is the default.

    Raises:
        ConfigError: the input has ended.
    """
    for number, choice in enumerate(choices, start=1):
        print(f"  {number}  {choice.value}  {choice.name}".rstrip())
    if not choices:
        print("  none found")
    first = choices[0].value if choices else default
    answer = ask(question, first if present == default else present)
    numbers = {str(number): choice.value for number, choice in enumerate(choices, start=1)}
    return numbers.get(answer, answer)


def ask_password(user: str, *, stored: bool) -> str | None:
    """Return the password, None for an empty one; a terminal does not show it.

    Raises:
        ConfigError: the input has ended.
    """
    prompt = f"password of {user}{' (Enter: keep the stored one)' if stored else ''}: "
    if not sys.stdin.isatty():
        return _read_line(prompt) or None
    try:
        return getpass.getpass(prompt) or None
    except EOFError as error:
        raise _no_answer() from error


def _read_line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError as error:
        print()
        raise _no_answer() from error


def _no_answer() -> ConfigError:
    return ConfigError("setup: no answer; `edge-fer setup --from FILE` asks nothing")
