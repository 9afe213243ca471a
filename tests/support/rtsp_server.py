"""A real RTSP server, GStreamer's, for the system's Python.

    /usr/bin/python3 rtsp_server.py PORT FOLDER

Plays 000.png, 001.png, … of the folder again and again, as H.264, 15 a second, at /faces.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main() -> None:
    port, folder = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( multifilesrc location={folder}/%03d.png loop=true caps=image/png,framerate=15/1 ! "
        "pngdec ! videoconvert ! video/x-raw,format=I420 ! identity sync=true ! "
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 )"
    )
    factory.set_shared(True)
    server.get_mount_points().add_factory("/faces", factory)
    server.attach(None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main()
