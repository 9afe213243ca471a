"""Free TCP ports for servers that are about to start."""

import random
import socket

PORTS = range(10_000, 32_768)
"""Below the range for outgoing connections (net.ipv4.ip_local_port_range), so that no other
process gets the port before the server binds it."""


def free_port() -> int:
    """Return a port on which nothing listens."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        try:
            socket.create_server(("", port)).close()
        except OSError:
            continue
        return port


def accepts(host: str, port: int) -> bool:
    """Return True if a server accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
