"""edge-fer: recognize facial expressions on the device; a daemon for MQTT, and a library.

The names below are loaded on first use, so that `import edge_fer` stays quick.
"""

import os

TYPE_CHECKING = False  # Type checkers take it for true; importing typing would take time.
if TYPE_CHECKING:
    from edge_fer.config.settings import Settings
    from edge_fer.errors import EdgeFerError
    from edge_fer.recognizer import Face, Recognizer, WatchedFrame, open_camera
    from edge_fer.types import Event

# onnxruntime 1.29 and later send telemetry unless this is set before the first import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"

__all__ = [
    "EdgeFerError",
    "Event",
    "Face",
    "Recognizer",
    "Settings",
    "WatchedFrame",
    "open_camera",
]

_HOMES = {
    "EdgeFerError": "edge_fer.errors",
    "Event": "edge_fer.types",
    "Face": "edge_fer.recognizer",
    "Recognizer": "edge_fer.recognizer",
    "Settings": "edge_fer.config.settings",
    "WatchedFrame": "edge_fer.recognizer",
    "open_camera": "edge_fer.recognizer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
