"""Accept or refuse commands received over MQTT: one command, limited in size and in rate.

Anything else is refused with a reason. This module opens and closes no camera itself.
"""

import dataclasses
import logging
import time
from collections.abc import Callable

from edge_fer.mqtt.log_once import LogOnce
from edge_fer.mqtt.messages import Identity, Message
from edge_fer.mqtt.schema import SCHEMA, ResponsePayload

MAX_PAYLOAD_BYTES = 256
"""Longest payload of a command."""
MAX_COMMANDS, WITHIN_S = 10, 10.0
"""Most commands in that many seconds; responses, refusals included, may be twice as many."""
MAX_ECHO_CHARS = 40
"""Most characters of a received text that are repeated in a response or in the log."""
MAX_CORRELATION_BYTES = 64
MAX_RESPONSE_TOPIC_CHARS = 200

RETAINED = "must not be retained: an old command would be executed at each connect"
TOO_LONG = f"must be {MAX_PAYLOAD_BYTES} bytes or less"
TOO_MANY = f"must be {MAX_COMMANDS} commands in {WITHIN_S:g} s or less; OFF is always executed"
UNKNOWN = "unknown command; there is: enabled"
NO_SWITCH = "must be ON or OFF"

logger = logging.getLogger(__name__)


class TokenBucket:
    """Allow ``most`` actions at once, and refill as many in each ``within_s`` seconds."""

    def __init__(self, most: int, within_s: float, clock: Callable[[], float]) -> None:
        self._most, self._within_s, self._clock = most, within_s, clock
        self._left, self._filled = float(most), clock()

    def take(self) -> bool:
        """Take a token; return False if none is left."""
        now = self._clock()
        gained = (now - self._filled) * self._most / self._within_s
        self._left, self._filled = min(self._most, self._left + gained), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Commands:
    """Execute or refuse each message on `topic`, and pass the response to ``respond``.

    ``respond`` gets the response and the command that it belongs to.
    """

    def __init__(
        self,
        identity: Identity,
        on_enabled: Callable[[bool], None],
        respond: Callable[[ResponsePayload, Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topic = f"{identity.prefix}/{identity.device}/+/set"
        """Topic filter of this device's commands, known or not."""
        self._on_enabled, self._respond = on_enabled, respond
        self._commands = TokenBucket(MAX_COMMANDS, WITHIN_S, clock)
        self._responses = TokenBucket(2 * MAX_COMMANDS, WITHIN_S, clock)
        self._log_once = LogOnce(logger)
        self._counters = dict.fromkeys(("commands", "commands_refused", "commands_unanswered"), 0)

    def receive(self, message: Message) -> None:
        """Execute or refuse one command, on any thread."""
        name = _printable(message.topic.split("/")[-2].encode())
        enabled = parse_enabled(message.payload)
        got = _printable(message.payload)
        reason = self._refusal(message, name, enabled)
        if reason is not None:
            self._counters["commands_refused"] += 1
            self._log_once.warn(f"command {name} refused: {reason}; got '{got}'", kind="command")
        elif enabled is not None:
            self._counters["commands"] += 1
            self._on_enabled(enabled)
        if self._responses.take():
            response = ResponsePayload(
                schema=SCHEMA, command=name, ok=reason is None, reason=reason, got=got
            )
            self._respond(response, message)
        else:
            self._counters["commands_unanswered"] += 1

    def counters(self) -> dict[str, int]:
        """Return counts since the start: commands executed, refused, and without a response."""
        return dict(self._counters)

    def _refusal(self, message: Message, name: str, enabled: bool | None) -> str | None:
        """Return why a command is refused, or None if it is executed."""
        within_rate = self._commands.take()
        known = name == "enabled"
        if message.retain:
            return RETAINED
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            return TOO_LONG
        # A flood of commands must not be able to keep a camera open.
        if not within_rate and not (known and enabled is False):
            return TOO_MANY
        if not known:
            return UNKNOWN
        return NO_SWITCH if enabled is None else None


def parse_enabled(payload: bytes) -> bool | None:
    """Return True for ``ON``, False for ``OFF`` and None for anything else."""
    return {b"ON": True, b"OFF": False}.get(payload)


def address_response(response: Message, command: Message) -> Message:
    """Return ``response`` with the command's MQTT 5 response topic and correlation data.

    A response topic that is not below the device's own is ignored: the daemon would publish
    where the sender of the command may not.
    """
    topic, own = command.response_topic or "", f"{response.topic}/"
    # Publishing to a wildcard is an error, which the sender could otherwise cause.
    plain = topic.isprintable() and not {"+", "#"} & set(topic)
    valid = topic.startswith(own) and plain and len(topic) <= MAX_RESPONSE_TOPIC_CHARS
    correlation = command.correlation
    if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
        correlation = None
    return dataclasses.replace(
        response, topic=topic if valid else response.topic, correlation=correlation
    )


def _printable(text: bytes) -> str:
    """Return the beginning of a text in printable ASCII."""
    return repr(text[:MAX_ECHO_CHARS])[2:-1][:MAX_ECHO_CHARS]
