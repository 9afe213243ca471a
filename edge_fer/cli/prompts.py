"""Questions on a terminal; the answers may as well come through a pipe, a line each."""

import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_fer.errors import ConfigError

if TYPE_CHECKING:
    from edge_fer.setup.discover import Choice


def ask(question: str, default: str = "") -> str:
    """Return an answer that is not empty; Enter alone takes the default.

    Raises:
        ConfigError: nobody answers.
    """
    prompt = f"{question} [{default}]: " if default else f"{question}: "
    while not (answer := _line(prompt) or default):
        pass
    return answer


def confirm(question: str, *, default: bool) -> bool:
    """Return whether the answer is yes; anything but yes and no is asked again.

    Raises:
        ConfigError: nobody answers.
    """
    words = {"y": True, "yes": True, "n": False, "no": False, "": default}
    while (answer := _line(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()) not in words:
        pass
    return words[answer]


def choose(question: str, choices: Sequence["Choice"], present: str, default: str) -> str:
    """Show what was found; return the one whose number is given, or what was typed instead.

    Enter alone takes ``present``; where that is the default, what was found first.

    Raises:
        ConfigError: nobody answers.
    """
    for number, choice in enumerate(choices, start=1):
        print(f"  {number}  {choice.value}  {choice.name}".rstrip())
    if not choices:
        print("  none found")
    first = choices[0].value if choices else default
    answer = ask(question, first if present == default else present)
    numbers = {str(number): choice.value for number, choice in enumerate(choices, start=1)}
    return numbers.get(answer, answer)


def ask_password(user: str, *, kept: bool) -> str | None:
    """Return it, None for an empty one; a terminal does not show it.

    Raises:
        ConfigError: nobody answers.
    """
    prompt = f"password of {user}{' (Enter: as before)' if kept else ''}: "
    if not sys.stdin.isatty():
        return _line(prompt) or None
    try:
        return getpass.getpass(prompt) or None
    except EOFError as error:
        raise _silence() from error


def _line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError as error:
        print()
        raise _silence() from error


def _silence() -> ConfigError:
    return ConfigError("setup: nobody answers; `edge-fer setup --from FILE` asks nothing")
