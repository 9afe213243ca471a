"""Every error a user can cause or meet, each with the exit code it ends in.

    EdgeFerError                70  something of ours broke (EX_SOFTWARE)
    ├── ConfigError             78  a setting is wrong (EX_CONFIG)
    │   └── ModelError          78  model, card or landmark file does not fit
    ├── DataError               65  a data set or report cannot be read (EX_DATAERR)
    ├── CameraError             74  no frames to be had (EX_IOERR)
    ├── BrokerError             69  no broker answers (EX_UNAVAILABLE)
    └── UnsteadyError           75  the machine was too busy to be measured (EX_TEMPFAIL)

The codes are those of BSD's sysexits.h; the unit file names 78 in
RestartPreventExitStatus, so that systemd does not loop on a typo.
A message is one lower-case line that names file, key and value and says what would be right.
"""

from typing import Final

LONGEST_LINE: Final = 500
"""Characters of a message; where a file's content has made it longer, the middle is left out."""


def printable(text: str) -> str:
    """Return the text fit for one line of a terminal, odd characters as escapes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class EdgeFerError(Exception):
    """Base of all errors that end in one line on stderr instead of a traceback.

    Whatever is quoted from a file or a library stays on that line.
    """

    exit_code = 70

    def __init__(self, text: str) -> None:
        super().__init__(_one_line(text))


class ConfigError(EdgeFerError):
    """A setting is wrong; the text has a line for each mistake."""

    exit_code = 78

    def __init__(self, *lines: str) -> None:
        Exception.__init__(self, "\n".join(map(_one_line, lines)))


class ModelError(ConfigError):
    """A model, its card or the landmark file is missing, damaged or does not fit."""


class DataError(EdgeFerError):
    """A data set, clip or saved report cannot be read."""

    exit_code = 65


class CameraError(EdgeFerError):
    """A camera could not be opened, or stopped giving frames."""

    exit_code = 74


class BrokerError(EdgeFerError):
    """No broker could be reached where one was needed."""

    exit_code = 69


class UnsteadyError(EdgeFerError):
    """Figures were measured on a machine that did something else, or slowed down, meanwhile."""

    exit_code = 75


def _one_line(text: str) -> str:
    line = printable(" ".join(text.split("\n")))
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} … {line[-half:]}"
