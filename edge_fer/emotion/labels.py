"""The one label vocabulary, shared by every model, event and data set.

A model may have labels of its own beside it, if its card names them as such.
"""

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Final

LABELS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
"""Every name a model may use without declaring it. The first seven, in this order, are
FER-2013's (Goodfellow et al. 2013, arXiv 1307.0414); contempt comes with FER+."""

FER2013_LABELS: Final = LABELS[:7]

UNCERTAIN: Final = "uncertain"
"""What is published when no label is confident enough: abstention, not an emotion."""

OWN_LABEL: Final = re.compile("[a-z0-9_-]{1,32}")
"""What a label of somebody's own looks like."""

_SYNONYMS: Final = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
}


def plain(name: str) -> str:
    """The label that data sets and other people's models also call ``name``."""
    lower = name.strip().lower()
    return _SYNONYMS.get(lower, lower)


def fault_of(labels: Sequence[str], own: Collection[str] = ()) -> str | None:
    """What is wrong with a model's ``labels``, of which ``own`` are outside `LABELS`."""
    for name in own:
        if not OWN_LABEL.fullmatch(name) or name == UNCERTAIN:
            return f"own label {name!r} must be 1 to 32 of a-z, 0-9, _ and -, not {UNCERTAIN!r}"
        if name not in labels or name in LABELS:
            return f"own label {name!r} must be in labels, and none of {', '.join(LABELS)}"
    for name in labels:
        if name not in LABELS and name not in own:
            near = difflib.get_close_matches(name, LABELS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else " or stand in own_labels"
            return f"{name!r} must be one of {', '.join(LABELS)}{hint}"
    return None if len(set(labels)) == len(labels) else "each may be named only once"
