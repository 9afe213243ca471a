"""Run GStreamer's RTSP server (`rtsp_server.py`) as a process."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).with_name("rtsp_server.py")
PYTHON = "/usr/bin/python3"


def _has_server() -> bool:
    code = (
        "import gi; gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst; Gst.init(None);"
        "assert all(Gst.ElementFactory.find(n) for n in ('x264enc', 'pngdec', 'rtph264pay'))"
    )
    ask = [PYTHON, "-c", code]
    return bool(shutil.which(PYTHON)) and not subprocess.run(ask, capture_output=True).returncode


needs_server = pytest.mark.skipif(
    not _has_server(),
    reason="apt install python3-gi gir1.2-gst-rtsp-server-1.0 "
    "gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly",
)


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [PYTHON, str(SERVER), str(port), str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        assert "ready\n" == server.stdout.readline()
        try:
            yield server
        finally:
            server.send_signal(signal.SIGCONT)
            server.kill()
