"""Every error that is reported to the user, each with its exit code.

    EdgeFerError                70  internal error (EX_SOFTWARE)
    ├── ConfigError             78  a setting is wrong (EX_CONFIG)
    │   └── ModelError          78  model, card or landmark file is unusable
    ├── DataError               65  a data set or report cannot be read (EX_DATAERR)
    ├── CameraError             74  no frames (EX_IOERR)
    ├── BrokerError             69  no broker answers (EX_UNAVAILABLE)
    └── UnsteadyError           75  machine too busy to measure (EX_TEMPFAIL)

The codes are those of BSD's sysexits.h; the unit file names 78 in
RestartPreventExitStatus, so that systemd does not restart on a wrong setting.
A message is one lower-case line that names file, key and value and states the allowed value.
"""

from typing import Final

LONGEST_LINE: Final = 500
"""Longest message in characters; the middle of a longer one is left out."""


def printable(text: str) -> str:
    """Return the text for one line of a terminal, with other characters as escapes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class EdgeFerError(Exception):
    """Base of all errors that are printed as one line on stderr instead of a traceback.

    Text quoted from a file or a library stays on that line.
    """

    exit_code = 70

    def __init__(self, text: str) -> None:
        super().__init__(_one_line(text))


class ConfigError(EdgeFerError):
    """A setting is wrong; the text has one line per mistake."""

    exit_code = 78

    def __init__(self, *lines: str) -> None:
        Exception.__init__(self, "\n".join(map(_one_line, lines)))


class ModelError(ConfigError):
    """A model, its card or the landmark file is missing, damaged or does not match."""


class DataError(EdgeFerError):
    """A data set, clip or saved report cannot be read."""

    exit_code = 65


class CameraError(EdgeFerError):
    """A camera could not be opened, or returns no more frames."""

    exit_code = 74


class BrokerError(EdgeFerError):
    """No broker could be reached."""

    exit_code = 69


class UnsteadyError(EdgeFerError):
    """The machine was busy or slowed down during a measurement."""

    exit_code = 75


def _one_line(text: str) -> str:
    line = printable(" ".join(text.split("\n")))
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} … {line[-half:]}"
