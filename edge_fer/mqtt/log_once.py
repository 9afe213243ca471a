"""Log a repeated fault once as a warning, and after that only at debug level."""

import logging


class LogOnce:
    """Remember the faults that were logged, so that a broker away for a week is one line."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._logged: set[str] = set()

    def warn(self, text: str, *, kind: str = "") -> None:
        """Log ``text``, as WARNING the first time its ``kind`` (or else the text) occurs."""
        level = logging.DEBUG if (kind or text) in self._logged else logging.WARNING
        self._logged.add(kind or text)
        self._logger.log(level, "%s", text)

    def reset(self) -> None:
        """Forget all faults after a success: the next one is a warning again."""
        self._logged.clear()
