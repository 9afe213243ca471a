from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_fer.config.broker_url import Broker, parse_broker, read_password
from edge_fer.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://localhost", Broker("localhost", 1883)),
        ("mqtt://cam@10.0.0.2:1884", Broker("10.0.0.2", 1884, "cam")),
        ("mqtt://a%40b@host/", Broker("host", 1883, "a@b")),
        ("mqtt://[::1]:1885", Broker("::1", 1885)),
        ("mqtts://host", Broker("host", 8883, scheme="mqtts")),
        ("wss://cam@host", Broker("host", 443, "cam", "wss", "/mqtt")),
        ("ws://host:9001/a/b", Broker("host", 9001, None, "ws", "/a/b")),
    ],
)
def test_an_address_is_read_and_written_alike(url: str, expected: Broker) -> None:
    assert expected == parse_broker(url)
    assert expected == parse_broker(str(expected))


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("mqqt://host", "must be mqtt://[user@]host[:port]; did you mean 'mqtt://host'?"),
        ("tcp://host:1", "must be mqtt://[user@]host[:port]; did you mean 'mqtt://host:1'?"),
        ("tls://host", "must be mqtt://[user@]host[:port]; did you mean 'mqtts://host'?"),
        ("mqtts://host/topic", "must be mqtt://[user@]host[:port]"),
        ("wss://ho st", "must be wss://[user@]host[:port][/path]"),
        ("localhost:1883", "did you mean 'mqtt://localhost:1883'?"),
        ("mqtt://", "must be mqtt://[user@]host[:port]"),
        ("mqtt://host:0", "must be mqtt://[user@]host[:port]"),
        ("mqtt://host:70000", "must be mqtt://[user@]host[:port]"),
        ("mqtt://a..b", "must be mqtt://[user@]host[:port]"),
        ("mqtt://ho st", "must be mqtt://[user@]host[:port]"),
        ("mqtt://host/topic", "must be mqtt://[user@]host[:port]"),
    ],
)
def test_a_wrong_address_is_told_with_what_would_be_right(url: str, end: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_broker(url)
    assert str(caught.value).startswith(f"mqtt.brokers = {url}: ")
    assert str(caught.value).endswith(end)


@settings(deadline=None)
@given(
    st.sampled_from(["mqtt://", "mqqt://", "", "mqtt:/", "://", "mqtt://["]),
    st.sampled_from(["", "me"]),
    st.sampled_from(["@host:1", "@host:99999", "@", "@a b/c"]),
)
@example("mqtt://", "me", "@host/x@y")
def test_no_message_repeats_a_password(scheme: str, user: str, rest: str) -> None:
    for password in ("s3cret", "s3cret/s3cret", "a@s3cret", "a:s3cret"):
        with pytest.raises(ConfigError) as caught:
            parse_broker(f"{scheme}{user}:{password}{rest}")
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in repr(caught.value)


def test_a_password_in_an_address_is_sent_to_the_password_file() -> None:
    with pytest.raises(ConfigError, match=r"must not contain a password.*mqtt\.password_file"):
        parse_broker("mqtt://me:s3cret@host")


def password_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "password"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_password_is_the_line_without_its_end(tmp_path: Path) -> None:
    assert " correct horse " == read_password(password_file(tmp_path, b" correct horse \r\n"))
    assert read_password("") is None


@pytest.mark.parametrize(
    ("content", "mode", "rule"),
    [
        (b"", 0o600, "must contain only the password, on one line"),
        (b"\n", 0o600, "must contain only the password, on one line"),
        (b"me\ns3cret\n", 0o600, "must contain only the password, on one line"),
        (b"\xff\xfe", 0o600, "must be UTF-8 text"),
        (b"s3cret", 0o640, "must be readable by its owner only, but has mode 0640; run: chmod 600"),
        (b"s3cret", 0o604, "must be readable by its owner only, but has mode 0604; run: chmod 600"),
    ],
)
def test_an_unfit_password_file_is_refused(
    tmp_path: Path, content: bytes, mode: int, rule: str
) -> None:
    path = password_file(tmp_path, content, mode)
    with pytest.raises(ConfigError) as caught:
        read_password(path)
    assert str(caught.value).startswith(f"mqtt.password_file = {path}: {rule}")
    assert "\n" not in str(caught.value)


def test_a_missing_password_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a readable file"):
        read_password(str(tmp_path / "none"))


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which systemd leaves a service's credentials."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_a_credential_of_systemd_may_show_its_acl_as_group_bits(credentials: Path) -> None:
    assert "s3cret" == read_password(password_file(credentials, b"s3cret", 0o440))
    with pytest.raises(ConfigError, match="owner only"):
        read_password(password_file(credentials, b"s3cret", 0o444))


def test_without_a_password_file_the_credential_of_its_name_is_taken(
    credentials: Path, tmp_path: Path
) -> None:
    assert read_password("") is None
    (credentials / "mqtt-password").write_text("s3cret\n")
    (credentials / "mqtt-password").chmod(0o400)
    assert "s3cret" == read_password("")
    assert "other" == read_password(password_file(tmp_path, b"other"))


def test_an_unfit_credential_is_refused_by_its_path(credentials: Path) -> None:
    (credentials / "mqtt-password").write_text("")
    (credentials / "mqtt-password").chmod(0o400)
    with pytest.raises(
        ConfigError, match=f"= {credentials}/mqtt-password: must contain only the password"
    ):
        read_password("")
