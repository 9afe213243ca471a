"""What may be asked over MQTT, and what is answered: one command, bounded in size and in rate.

Anything else is refused with a reason. It opens and closes nothing itself.
"""

import dataclasses
import logging
import time
from collections.abc import Callable

from edge_fer.mqtt import messages
from edge_fer.mqtt.log_once import Faults
from edge_fer.mqtt.message import Message
from edge_fer.mqtt.messages import Identity

MOST_BYTES = 256
"""Of a command's payload."""
MOST, WITHIN_S = 10, 10.0
"""Most commands in that time; answers, refusals among them, may be twice as many."""
SHOWN = 40
"""Most characters of what somebody sent that go into an answer or the log."""
MOST_CORRELATION_BYTES = 64
MOST_RESPONSE_TOPIC = 200

RETAINED = "must not be retained: an old command would be obeyed at each connect"
TOO_LONG = f"must be {MOST_BYTES} bytes or less"
TOO_MANY = f"must be {MOST} commands in {WITHIN_S:g} s or less; OFF is always obeyed"
UNKNOWN = "unknown command; there is: enabled"
NO_SWITCH = "must be ON or OFF"

logger = logging.getLogger(__name__)


class Bucket:
    """Lets ``most`` through at once, and that many again in each ``within_s``."""

    def __init__(self, most: int, within_s: float, clock: Callable[[], float]) -> None:
        self._most, self._within_s, self._clock = most, within_s, clock
        self._left, self._filled = float(most), clock()

    def take(self) -> bool:
        """One more: whether it may."""
        now = self._clock()
        gained = (now - self._filled) * self._most / self._within_s
        self._left, self._filled = min(self._most, self._left + gained), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Commands:
    """Obeys or refuses each message on `topic`, and has ``answer`` send what it says to it."""

    def __init__(
        self,
        identity: Identity,
        on_enabled: Callable[[bool], None],
        answer: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topic = messages.command_topic(identity, "+")
        """Of all devices' commands those of this one, known or not."""
        self._identity, self._on_enabled, self._answer = identity, on_enabled, answer
        self._commands = Bucket(MOST, WITHIN_S, clock)
        self._answers = Bucket(2 * MOST, WITHIN_S, clock)
        self._faults = Faults(logger)
        self._counters = dict.fromkeys(("commands", "commands_refused", "commands_unanswered"), 0)

    def receive(self, message: Message) -> None:
        """Take in one message, on whatever thread."""
        name = _shown(message.topic.split("/")[-2].encode())
        wanted = messages.parse_enabled(message.payload)
        reason = self._refuse(message, name, wanted)
        if reason is not None:
            self._counters["commands_refused"] += 1
            got = _shown(message.payload)
            self._faults.warn(f"command {name} refused: {reason}; got '{got}'", kind="command")
        elif wanted is not None:
            self._counters["commands"] += 1
            self._on_enabled(wanted)
        self._respond(message, name, reason)

    def counters(self) -> dict[str, int]:
        """Commands obeyed and refused since the start, and those of them without an answer."""
        return dict(self._counters)

    def _refuse(self, message: Message, name: str, wanted: bool | None) -> str | None:
        """Why it is not obeyed; None where it is."""
        within = self._commands.take()
        known = name == "enabled"
        if message.retain:
            return RETAINED
        if len(message.payload) > MOST_BYTES:
            return TOO_LONG
        # Whoever floods must not be able to keep a camera open.
        if not within and not (known and wanted is False):
            return TOO_MANY
        if not known:
            return UNKNOWN
        return NO_SWITCH if wanted is None else None

    def _respond(self, message: Message, name: str, reason: str | None) -> None:
        if not self._answers.take():
            self._counters["commands_unanswered"] += 1
            return
        got = _shown(message.payload)
        answer = messages.response_message(self._identity, name, reason, got)
        self._answer(addressed(answer, message))


def addressed(answer: Message, command: Message) -> Message:
    """``answer`` as MQTT 5 asks for it: to the command's response topic, with its correlation.

    A topic beyond our own `response` is not obeyed: it would have us write where the sender of
    the command may not.
    """
    topic, own = command.response_topic or "", f"{answer.topic}/"
    # Publishing to a wildcard is an error, which the sender could make us meet.
    plain = topic.isprintable() and not {"+", "#"} & set(topic)
    takes = topic.startswith(own) and plain and len(topic) <= MOST_RESPONSE_TOPIC
    correlation = command.correlation
    if correlation is not None and len(correlation) > MOST_CORRELATION_BYTES:
        correlation = None
    return dataclasses.replace(
        answer, topic=topic if takes else answer.topic, correlation=correlation
    )


def _shown(text: bytes) -> str:
    """The beginning of a text in printable ASCII."""
    return repr(text[:SHOWN])[2:-1][:SHOWN]
