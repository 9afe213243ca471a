"""picamera2 on libcamera's virtual camera, which lacks what picamera2 takes for granted.

It has no raw modes, its buffers come from libcamera alone, and picamera2 imports a module for
screens that a machine without one need not have. It also has no rate. Nothing else is changed.
"""

from __future__ import annotations

import importlib
import sys
import time
import types
from typing import Any
from unittest.mock import MagicMock

FRAME_S = 1 / 30
"""Time from one frame to the next, as a real camera takes it."""

RAW_MODE = {"format": "SRGGB10", "size": (640, 480)}


def module(stall_at: int = 0) -> Any:
    """What stands for the picamera2 module.

    At the ``stall_at``-th frame of the process all buffers are kept, as by a client that forgets
    to release them, so that the camera gives no frame any more until it is opened anew.
    """
    sys.modules.setdefault("kms", MagicMock())
    real = importlib.import_module("picamera2")
    allocators = importlib.import_module("picamera2.allocators")
    captures = 0
    kept = []

    class Virtual(real.Picamera2):  # type: ignore[name-defined, misc]
        def __init__(self, index: int) -> None:
            # picamera2 counts backwards by name.
            super().__init__(len(real.Picamera2.global_camera_info()) - 1 - index)
            self.allocator = allocators.LibcameraAllocator(self.camera)

        def _get_raw_modes(self) -> list[dict[str, Any]]:
            return [RAW_MODE]

        def process_requests(self, display: Any) -> None:
            # The virtual camera gives frames as fast as it can, and so leaves no time for others.
            time.sleep(FRAME_S)
            super().process_requests(display)

        def capture_request(self, wait: float) -> Any:
            nonlocal captures
            captures += 1
            if captures == stall_at:
                # Ends with a TimeoutError of picamera2's own, the capture still in its queue.
                while True:
                    kept.append(super().capture_request(wait=wait))
            return super().capture_request(wait=wait)

    return types.SimpleNamespace(Picamera2=Virtual)
