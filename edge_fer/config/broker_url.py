"""Read what a connection to a broker needs: its address, the password file, the TLS files.

Passwords are read from files only, which may be systemd credentials. An address must not contain
one, because addresses end up in logs, process lists and bug reports; no error text repeats one.
"""

import dataclasses
import difflib
import os
import re
import ssl
import stat
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_fer.config.settings import Mqtt
from edge_fer.errors import ConfigError

PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
DEFAULT_PORT = PORTS["mqtt"]
WEBSOCKET_PATH = "/mqtt"
FORM = "must be mqtt://[user@]host[:port]"
WEBSOCKET_FORM = "must be wss://[user@]host[:port][/path]"
CREDENTIAL = "mqtt-password"
"""Name of the systemd credential with the password (systemd.exec(5), LoadCredential)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Broker:
    """One broker; `str()` returns its address as in mqtt.brokers."""

    host: str
    port: int = DEFAULT_PORT
    user: str | None = None
    scheme: str = "mqtt"
    path: str = ""
    """Path of a WebSocket; empty otherwise."""

    def __str__(self) -> str:
        user = f"{urllib.parse.quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}{self.path}"

    @property
    def encrypted(self) -> bool:
        """True if the connection must use TLS."""
        return self.scheme in ("mqtts", "wss")


def parse_broker(url: str) -> Broker:
    """Parse ``mqtt[s]://[user@]host[:port]`` or ``ws[s]://[user@]host[:port][/path]``.

    A user name may be percent-encoded.

    Raises:
        ConfigError: the address is invalid, or contains a password.
    """
    try:
        url.encode()
        parts = urllib.parse.urlsplit(url)
        port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        host = parts.hostname or ""
        # An invalid IDNA name would end the thread that looks it up.
        host.encode("idna")
    except ValueError:
        raise _bad(url) from None
    if parts.password is not None:
        raise ConfigError(
            f"mqtt.brokers = {_redact(url)}: must not contain a password; "
            "put it in a file and name that in mqtt.password_file"
        )
    web = parts.scheme in ("ws", "wss")
    path = parts.path if parts.path.strip("/") else WEBSOCKET_PATH
    extra = ("" if web else parts.path.strip("/")) or parts.query or parts.fragment
    unfit = not host or not port or extra or re.search(r"[\s\x00-\x1f]", url)
    if parts.scheme not in PORTS or unfit:
        raise _bad(url)
    user = urllib.parse.unquote(parts.username or "") or None
    return Broker(host, port, user, parts.scheme, path if web else "")


def parse_brokers(urls: Sequence[str]) -> list[Broker]:
    """Parse all addresses.

    Raises:
        ConfigError: an address is invalid, or only some are encrypted.
    """
    brokers = [parse_broker(url) for url in urls]
    plain = [broker for broker in brokers if not broker.encrypted]
    if plain and len(plain) < len(brokers):
        # An attacker who blocks the encrypted one would get the password and the events in clear.
        raise ConfigError(
            f"mqtt.brokers = {plain[0]}: must be encrypted (mqtts:// or wss://), since others are"
        )
    return brokers


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return a TLS context with the trusted authorities and the client certificate; TLS 1.2+.

    Raises:
        ConfigError: a file is missing or invalid, or other users can read the key.
    """
    key, path = "ca_file", settings.ca_file
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            key, path = "cert_file", settings.cert_file
            context.load_cert_chain(settings.cert_file, settings.key_file or None, _no_passphrase)
            _check_key(settings)
        elif settings.key_file:
            raise ConfigError(f"mqtt.key_file = {settings.key_file}: must come with mqtt.cert_file")
    except ssl.SSLError as error:
        text = (
            "must be PEM certificates"
            if key == "ca_file"
            else (
                "must be a PEM certificate that belongs to mqtt.key_file; "
                "the key must have no passphrase"
            )
        )
        raise ConfigError(f"mqtt.{key} = {path}: {text} ({error.reason or error})") from error
    except OSError as error:
        both = f" or mqtt.key_file = {settings.key_file}" if key == "cert_file" else ""
        text = f"must be a readable file ({error.strerror})"
        raise ConfigError(f"mqtt.{key} = {path}{both}: {text}") from error
    return context


def _no_passphrase() -> str:
    # Otherwise OpenSSL would prompt at the terminal, and a daemon has none.
    return ""


def read_password(path: str) -> str | None:
    """Return the password in the file ``path``, without the line end.

    If ``path`` is empty, read the systemd credential `CREDENTIAL`; without one return None.

    Raises:
        ConfigError: the file is unreadable, empty, longer than a line, or open to other users.
    """
    path = password_path(path)
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(65536)
    except OSError as error:
        raise _unfit(path, f"must be a readable file ({error.strerror})") from error
    if open_to := _open_to_others(path, mode):
        raise _unfit(path, open_to)
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unfit(path, "must be UTF-8 text") from None
    if not password or "\n" in password or "\0" in password:
        raise _unfit(path, "must contain only the password, on one line")
    return password


def password_path(path: str) -> str:
    """Return ``path``, or else that of the systemd credential; empty if there is none."""
    if path:
        return path
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder, CREDENTIAL) if folder else None
    return str(credential) if credential and credential.exists() else ""


def _check_key(settings: Mqtt) -> None:
    """Reject a private key that other users can read; without key_file it is in cert_file."""
    name, path = (
        ("key_file", settings.key_file) if settings.key_file else ("cert_file", settings.cert_file)
    )
    if open_to := _open_to_others(path, Path(path).stat().st_mode):
        raise ConfigError(f"mqtt.{name} = {path}: {open_to}")


def _open_to_others(path: str, mode: int) -> str:
    """Return what is wrong with a secret's file mode and what to do; empty if it is valid.

    With DynamicUser, systemd grants access to a credential by an ACL, whose mask takes the place
    of the group bits; others cannot enter its folder.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    forbidden = 0o007 if folder and Path(path).parent == Path(folder) else 0o077
    bits = stat.S_IMODE(mode)
    if not bits & forbidden:
        return ""
    return f"must be readable by its owner only, but has mode {bits:04o}; run: chmod 600 {path}"


def _unfit(path: str, rule: str) -> ConfigError:
    return ConfigError(f"mqtt.password_file = {path}: {rule}")


def _bad(url: str) -> ConfigError:
    text = _redact(url)
    scheme, separator, rest = text.partition("://")
    hint = ""
    if not separator:
        hint = f"; did you mean 'mqtt://{text}'?" if re.fullmatch(r"[\w.@:-]+", text) else ""
    elif scheme not in PORTS:
        near = ["mqtts"] if scheme in ("ssl", "tls") else ["mqtt"] if scheme == "tcp" else []
        near = near or difflib.get_close_matches(scheme, PORTS)
        hint = f"; did you mean '{near[0]}://{rest}'?" if near else ""
    form = WEBSOCKET_FORM if scheme in ("ws", "wss") else FORM
    return ConfigError(f"mqtt.brokers = {text}: {form}{hint}")


def _redact(url: str) -> str:
    """Hide whatever may be a password, also in an invalid address."""
    return re.sub(r"^([^:]*://)?([^:@]*):.*@", r"\1\2:***@", url, flags=re.DOTALL)
