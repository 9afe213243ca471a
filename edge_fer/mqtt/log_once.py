"""Faults that repeat: told once as a warning, then only to those who debug. It decides nothing."""

import logging


class Faults:
    """Remembers what has been told, so that a broker away for a week is one line in the log."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._told: set[str] = set()

    def warn(self, text: str, *, kind: str = "") -> None:
        """Log ``text``, as WARNING the first time its ``kind`` (else the text itself) comes up."""
        level = logging.DEBUG if (kind or text) in self._told else logging.WARNING
        self._told.add(kind or text)
        self._logger.log(level, "%s", text)

    def clear(self) -> None:
        """Things went well again: the next fault is news."""
        self._told.clear()
