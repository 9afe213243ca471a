"""TLS with a real broker: trusted authorities, client certificates, and error texts."""

import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_fer.config.broker_url import parse_broker, tls_context
from edge_fer.config.settings import Mqtt
from edge_fer.errors import BrokerError, ConfigError
from edge_fer.mqtt.connection import probe
from tests.support import ports
from tests.support.broker import Mosquitto
from tests.support.mqtt import publisher, send, until_acked, warnings
from tests.support.wait import wait_until

UNCLOSED = "ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"
"""Paho leaves a socket whose handshake failed to the garbage collector."""


def openssl(*arguments: str) -> None:
    try:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


def key(folder: Path, name: str) -> str:
    path = str(folder / f"{name}.key")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    return path


def authority(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pem"
    new = ("req", "-x509", "-new", "-key", key(folder, name), "-subj", f"/CN={name}")
    # Python 3.13 requires the key usage (RFC 5280, 4.2.1.3).
    openssl(*new, "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", str(path))
    return path


CONFIG = """\
[ca]
default_ca = signing
[signing]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical,CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternative}
"""

VALID = ("-days", "2")
EXPIRED = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")


def certificate(
    folder: Path, name: str, ca: Path, alternative: str, valid: Sequence[str] = VALID
) -> Path:
    request, path = str(folder / f"{name}.csr"), folder / f"{name}.crt"
    openssl("req", "-new", "-key", key(folder, name), "-subj", f"/CN={name}", "-out", request)
    config = folder / f"{name}.cnf"
    config.write_text(CONFIG.format(folder=folder, alternative=alternative))
    (folder / "index").touch()
    signer = ("-cert", str(ca), "-keyfile", str(ca.with_suffix(".key")))
    order = ("ca", "-batch", "-notext", "-config", str(config), *signer, "-in", request)
    openssl(*order, *valid, "-out", str(path))
    return path


class Encrypted(Mosquitto):
    """The certificate is for ``name``; with ``asks`` the broker requires a client certificate."""

    name = "IP:127.0.0.1"
    asks = False
    valid = VALID

    @property
    def url(self) -> str:
        return f"mqtts://{self.host}:{self.port}"

    def _config(self) -> Path:
        config = super()._config()
        ca = authority(self.folder, "ca")
        server = certificate(self.folder, "server", ca, self.name, self.valid)
        certificate(self.folder, "client", ca, "DNS:client")
        lines = [
            f"cafile {ca}",
            f"certfile {server}",
            f"keyfile {server.with_suffix('.key')}",
            f"require_certificate {str(self.asks).lower()}",
        ]
        config.write_text(config.read_text() + "\n".join(lines) + "\n")
        return config


@pytest.fixture
def encrypted(tmp_path: Path, free_port: int) -> Any:
    brokers = []

    def start(**options: Any) -> Encrypted:
        broker = Encrypted(tmp_path, free_port)
        for name, value in options.items():
            setattr(broker, name, value)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.stop()


Start = Callable[..., Encrypted]


def refusal(broker: Encrypted, **options: str) -> str:
    with pytest.raises(BrokerError) as caught:
        probe(parse_broker(broker.url), tls=tls_context(Mqtt(**options)))  # type: ignore[arg-type]
    return str(caught.value).removeprefix(f"{broker.url}: ")


def test_events_arrive_where_we_trust_the_brokers_authority(encrypted: Start) -> None:
    broker = encrypted()
    with publisher(broker.url, ca_file=str(broker.folder / "ca.pem")) as out:
        send(out, 20)
        until_acked(out, 20)


def test_events_arrive_where_the_broker_wants_our_certificate(encrypted: Start) -> None:
    broker = encrypted(asks=True)
    files = {"ca_file": "ca.pem", "cert_file": "client.crt", "key_file": "client.key"}
    options = {name: str(broker.folder / file) for name, file in files.items()}
    with publisher(broker.url, **options) as out:
        send(out, 20)
        until_acked(out, 20)
    text = refusal(broker, ca_file=str(broker.folder / "ca.pem"))
    assert text.startswith("hung up; does it require a client certificate (mqtt.cert_file)")


@pytest.mark.filterwarnings(UNCLOSED)
def test_an_unknown_authority_is_told_and_nothing_is_sent(
    encrypted: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = encrypted()
    other = str(authority(tmp_path, "other"))
    text = (
        "its certificate is not signed by a trusted authority; "
        "name the authority that signed it in mqtt.ca_file"
    )
    assert text == refusal(broker, ca_file=other)
    with publisher(broker.url, ca_file=other, drain_s=0) as out:
        send(out, 1)
        wait_until(lambda: warnings(caplog), "told")
    assert ([f"{broker.url}: {text}"], 1) == (warnings(caplog), out.undelivered)


@pytest.mark.filterwarnings(UNCLOSED)
def test_a_certificate_for_another_name_is_told(encrypted: Start) -> None:
    broker = encrypted(name="DNS:elsewhere.example")
    text = refusal(broker, ca_file=str(broker.folder / "ca.pem"))
    assert text.startswith("its certificate is for another name (")


@pytest.mark.filterwarnings(UNCLOSED)
def test_an_expired_certificate_is_told(encrypted: Start) -> None:
    broker = encrypted(valid=EXPIRED)
    text = refusal(broker, ca_file=str(broker.folder / "ca.pem"))
    assert text == "its certificate is refused (certificate has expired)"


@pytest.mark.parametrize("apart", [True, False])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, apart: bool) -> None:
    path = authority(tmp_path, "ours")
    private = path.with_suffix(".key")
    if not apart:
        path.write_text(private.read_text() + path.read_text())
        private = path
    options = {"cert_file": str(path), "key_file": str(private) if apart else ""}
    private.chmod(0o600)
    tls_context(Mqtt(**options))  # type: ignore[arg-type]
    private.chmod(0o640)
    with pytest.raises(ConfigError) as caught:
        tls_context(Mqtt(**options))  # type: ignore[arg-type]
    name = "key_file" if apart else "cert_file"
    rule = "must be readable by its owner only, but has mode 0640; run: chmod 600"
    assert f"mqtt.{name} = {private}: {rule} {private}" == str(caught.value)


@pytest.mark.filterwarnings(UNCLOSED)
def test_a_port_without_tls_is_told(broker: Any) -> None:
    with pytest.raises(BrokerError, match=r"mqtts://.*(TLS failed|cannot be reached)"):
        probe(parse_broker(f"mqtts://127.0.0.1:{broker.port}"), timeout_s=2)


def test_encrypted_and_plain_brokers_do_not_mix() -> None:
    with pytest.raises(ConfigError) as caught:
        publisher("mqtts://a", "mqtt://b")
    expected = "mqtt.brokers = mqtt://b:1883: must be encrypted (mqtts:// or wss://), since others"
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("name", ["ca_file", "cert_file"])
def test_a_file_that_is_none_is_told_by_its_setting(name: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(ConfigError, match=f"mqtt.{name} = {missing}.*: must be a readable file"):
        publisher("mqtts://host", **{name: missing})
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=f"mqtt.{name} = .*must be (a )?PEM certificate"):
        publisher("mqtts://host", **{name: str(tmp_path / "text.pem")})


@pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 X\r\nsec-websocket-accept\r\n\r\n",
        b"\xff sec-websocket-accept: \xff\n\n",
        b"HTTP/1.1 400 no\r\n\r\n",
        b"",
    ],
)
def test_a_server_that_answers_a_websocket_with_nonsense_is_told(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            caller, _ = server.accept()
            with caller:
                caller.recv(1000)
                caller.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(BrokerError, match="cannot be reached"):
            probe(parse_broker(f"ws://127.0.0.1:{server.getsockname()[1]}/mqtt"))
        thread.join()


@pytest.mark.filterwarnings(UNCLOSED)
def test_an_encrypted_websocket_goes_through(tmp_path: Path, free_port: int) -> None:
    port = ports.free_port()
    # What comes last in its configuration is for the listener that comes last.
    broker = Encrypted(tmp_path, free_port, websockets=port)
    broker.start()
    try:
        url, ca = f"wss://127.0.0.1:{port}/mqtt", str(tmp_path / "ca.pem")
        with publisher(url, ca_file=ca, drain_s=10) as out:
            send(out, 20)
            until_acked(out, 20)
        other = str(authority(tmp_path, "other"))
        with pytest.raises(BrokerError, match="not signed by a trusted authority"):
            probe(parse_broker(url), tls=tls_context(Mqtt(ca_file=other)))
    finally:
        broker.stop()


def test_a_websocket_goes_through(tmp_path: Path, free_port: int) -> None:
    port = ports.free_port()
    broker = Mosquitto(tmp_path, free_port, websockets=port)
    broker.start()
    try:
        with publisher(f"ws://127.0.0.1:{port}/mqtt") as out:
            send(out, 20)
            until_acked(out, 20)
    finally:
        broker.stop()
