"""`edge-fer` with one camera more, `loop:PATH`: a video that begins anew when it ends.

    python -m tools.torture.looped run --camera loop:clip.mp4

The package has no such camera, since a file ends. Everything else is `edge-fer` as it is.
"""

import sys

from edge_fer.cameras import CAMERAS, Reading
from edge_fer.cameras.file import FileCamera
from edge_fer.cli import main


class LoopCamera(FileCamera):
    """Plays a file again and again; its time goes on, and the decoder is opened anew each time."""

    _began = _newest = _step = 0.0

    def _read(self) -> Reading | None:
        reading = super()._read()
        if reading is None:
            self._close()
            self._open()
            self._began = self._newest + self._step
            reading = super()._read()
            assert reading is not None, "a file that was played has a frame"
        luma, seconds = reading[:2]
        time = self._began + seconds
        self._step, self._newest = time - self._newest, time
        return Reading(luma, time, time)


if __name__ == "__main__":
    CAMERAS["loop"] = "tools.torture.looped:LoopCamera"
    sys.exit(main(sys.argv[1:]))
