"""Ports of this machine for servers that are started in a moment."""

import random
import socket

PORTS = range(10_000, 32_768)
"""Below those that Linux gives to callers (net.ipv4.ip_local_port_range): one of these could
become somebody's connection before the server takes it."""


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        try:
            socket.create_server(("", port)).close()
        except OSError:
            continue
        return port
