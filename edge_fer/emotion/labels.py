"""The one label vocabulary, shared by every model, event and data set."""

from typing import Final

LABELS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
"""Every name a model may use. The first seven, in this order, are FER-2013's
(Goodfellow et al. 2013, arXiv 1307.0414); contempt comes with FER+."""

FER2013_LABELS: Final = LABELS[:7]

UNCERTAIN: Final = "uncertain"
"""What is published when no label is confident enough: abstention, not an emotion."""
