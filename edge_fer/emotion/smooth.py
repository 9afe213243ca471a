"""Turn scores over time into one steady emotion per track: EMA, hysteresis, abstention.

The EMA is defined by a half-life in seconds, so the result does not depend on the frame rate.
"""

import dataclasses

from edge_fer.config import settings
from edge_fer.emotion.card import UNCERTAIN
from edge_fer.types import Outcome, Phase, Scores


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """The smoothed state of one track in one frame."""

    outcome: Outcome
    smooth: Scores
    emotion: str | None
    """As published; None before the first event."""
    previous: str | None = None
    phase: Phase | None = None
    """Set if this is an event."""

    @property
    def confidence(self) -> float:
        """Smoothed score of the emotion; of the strongest label while uncertain."""
        known = self.smooth.get(self.emotion) if self.emotion else None
        return max(self.smooth.values()) if known is None else known


@dataclasses.dataclass(slots=True)
class _State:
    """State of one track."""

    smooth: dict[str, float]
    started: float
    updated: float
    looks: int = 0
    emotion: str | None = None
    candidate: str | None = None
    candidate_since: float = 0.0


class Smoother:
    """Keeps one state per track. All times are stream seconds."""

    def __init__(self, options: settings.Smoothing) -> None:
        self._options = options
        self._states: dict[str, _State] = {}

    def update(self, track: str, scores: Scores, time: float) -> Judgement:
        """Add one frame's scores and return the new state of the track."""
        state = self._states.get(track)
        if state is None:
            state = self._states[track] = _State(dict(scores), time, time)
        self._average(state, scores, time)
        label = self._pick(state)
        if state.emotion is None:
            if time - state.started < self._options.settle_s:
                return Judgement(Outcome.NEW_TRACK, dict(state.smooth), None)
            state.emotion = label
            return Judgement(Outcome.PUBLISHED, dict(state.smooth), label, None, Phase.BEGIN)
        return self._change(state, label, time)

    def skip(self, track: str, time: float) -> Judgement | None:
        """Return the state of a track without new scores; None before its first event.

        After smoothing.stale_s without scores the emotion becomes uncertain.
        """
        current, state = self.current(track), self._states.get(track)
        if current is None or state is None or current.emotion == UNCERTAIN:
            return current
        if time - state.updated <= self._options.stale_s:
            return current
        state.emotion, state.candidate = UNCERTAIN, None
        smooth = dict(state.smooth)
        return Judgement(Outcome.STALE, smooth, UNCERTAIN, current.emotion, Phase.CHANGE)

    def current(self, track: str) -> Judgement | None:
        """Return the state of a track unchanged; None before its first event."""
        state = self._states.get(track)
        if state is None or state.emotion is None:
            return None
        return Judgement(Outcome.UNCHANGED, dict(state.smooth), state.emotion)

    def end(self, track: str) -> Judgement | None:
        """Forget the track and return its closing event; None if it never had a first one."""
        state = self._states.pop(track, None)
        if state is None or state.emotion is None:
            return None
        return Judgement(Outcome.PUBLISHED, state.smooth, state.emotion, state.emotion, Phase.END)

    def _average(self, state: _State, scores: Scores, time: float) -> None:
        passed, half_life = time - state.updated, self._options.half_life_s
        gain = 1.0 - 0.5 ** (passed / half_life) if half_life else 1.0
        # A plain mean at first: the first scores would weigh most in the first event.
        gain = max(gain, 1.0 / (state.looks + 1))
        state.looks += 1
        for label, value in scores.items():
            state.smooth[label] += gain * (value - state.smooth[label])
        state.updated = time

    def _pick(self, state: _State) -> str:
        """Return the strongest label if it may replace the present one, else the present one.

        Without a present label, or once it is below `leave`, the strongest label must reach
        `enter`; otherwise it must also lead the present one by `lead`.
        """
        label, present = max(state.smooth, key=state.smooth.__getitem__), state.emotion
        strength = state.smooth[label]
        if present is None or state.smooth.get(present, 0.0) < self._options.leave:
            return label if strength >= self._options.enter else UNCERTAIN
        leads = strength - state.smooth[present] >= self._options.lead
        return label if leads and strength >= self._options.enter else present

    def _change(self, state: _State, label: str, time: float) -> Judgement:
        if label == state.emotion:
            state.candidate = None
            outcome = Outcome.UNSURE if label == UNCERTAIN else Outcome.UNCHANGED
            return Judgement(outcome, dict(state.smooth), label)
        if label != state.candidate:
            state.candidate, state.candidate_since = label, time
        if time - state.candidate_since < self._options.hold_s:
            return Judgement(Outcome.HELD, dict(state.smooth), state.emotion)
        previous, state.emotion, state.candidate = state.emotion, label, None
        return Judgement(Outcome.PUBLISHED, dict(state.smooth), label, previous, Phase.CHANGE)
