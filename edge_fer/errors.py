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


class EdgeFerError(Exception):
    """Base of all errors that end in one line on stderr instead of a traceback."""

    exit_code = 70


class ConfigError(EdgeFerError):
    """A setting is wrong; the text may hold several lines, one per mistake."""

    exit_code = 78


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
