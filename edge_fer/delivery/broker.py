"""Where a broker is and what opens it: addresses and the password file. It connects to nothing.

Passwords live in files alone. They are refused in addresses, because addresses end up in
logs, process lists and bug reports; no text made here repeats one.
"""

import dataclasses
import difflib
import os
import re
import stat
import urllib.parse
from pathlib import Path

from edge_fer.errors import ConfigError

DEFAULT_PORT = 1883


@dataclasses.dataclass(frozen=True, slots=True)
class Broker:
    """One broker; `str()` gives the address as it is written in mqtt.brokers."""

    host: str
    port: int = DEFAULT_PORT
    user: str | None = None

    def __str__(self) -> str:
        user = f"{urllib.parse.quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt://{user}{host}:{self.port}"


def parse_broker(url: str) -> Broker:
    """Read ``mqtt://[user@]host[:port]``; a user name may be percent-encoded.

    Raises:
        ConfigError: the address has another form, or holds a password.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        port = DEFAULT_PORT if parts.port is None else parts.port
        host = parts.hostname or ""
        # paho looks the name up on its own thread, where a name that IDNA refuses would end it.
        host.encode("idna")
    except ValueError:
        raise _bad(url) from None
    if parts.password is not None:
        raise ConfigError(
            f"mqtt.brokers = {_redact(url)}: must not hold a password; "
            "put it in a file and name that in mqtt.password_file"
        )
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "mqtt" or not host or not port or extra or re.search(r"[\s\x00-\x1f]", url):
        raise _bad(url)
    return Broker(host, port, urllib.parse.unquote(parts.username or "") or None)


def read_password(path: str) -> str | None:
    """Return the one line of ``path``, without its line end; None where ``path`` is empty.

    Raises:
        ConfigError: unreadable, empty, more than a line, or open to other users.
    """
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(65536)
    except OSError as error:
        raise _unfit(path, f"must be a readable file ({error.strerror})") from error
    if stat.S_IMODE(mode) & _forbidden(path):
        raise _unfit(path, f"must be readable by its owner only; run: chmod 600 {path}")
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unfit(path, "must be UTF-8 text") from None
    if not password or "\n" in password or "\0" in password:
        raise _unfit(path, "must hold the password alone, on one line")
    return password


def _forbidden(path: str) -> int:
    """Mode bits that must not be set.

    With DynamicUser, systemd 254 and later grant access to a credential by an ACL, whose mask
    stands where the group's bits would; others cannot enter its folder.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return 0o007 if folder and Path(path).parent == Path(folder) else 0o077


def _unfit(path: str, rule: str) -> ConfigError:
    return ConfigError(f"mqtt.password_file = {path}: {rule}")


def _bad(url: str) -> ConfigError:
    text = _redact(url)
    scheme, separator, rest = text.partition("://")
    hint = ""
    if not separator:
        hint = f"; did you mean 'mqtt://{text}'?" if re.fullmatch(r"[\w.@:-]+", text) else ""
    elif scheme == "mqtts":
        hint = "; TLS is not supported"
    elif scheme != "mqtt" and (scheme == "tcp" or difflib.get_close_matches(scheme, ["mqtt"])):
        hint = f"; did you mean 'mqtt://{rest}'?"
    return ConfigError(f"mqtt.brokers = {text}: must be mqtt://[user@]host[:port]{hint}")


def _redact(url: str) -> str:
    """Hide whatever might be a password, also in an address that cannot be read."""
    return re.sub(r"^([^:]*://)?([^:@]*):.*@", r"\1\2:***@", url, flags=re.DOTALL)
