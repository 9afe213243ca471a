"""The first start: questions and answers, real files, a real broker."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge_fer.cli import main
from edge_fer.config.load import load
from edge_fer.config.settings import Settings
from edge_fer.demo.demo import PrivateBroker
from edge_fer.errors import ConfigError
from edge_fer.setup import discover
from edge_fer.setup.install import read_present, write_config, write_password


@pytest.fixture(scope="module")
def broker():
    with PrivateBroker() as private:
        yield private.url


@pytest.fixture
def picture(face_file):
    return f"file:{face_file}"


@pytest.fixture(scope="module")
def face_file(tmp_path_factory):
    # A grey picture: a camera that gives frames, without a face.
    file = tmp_path_factory.mktemp("camera") / "grey.pgm"
    file.write_bytes(b"P5 320 240 255\n" + bytes([128]) * 320 * 240)
    return file


def setup(target, *arguments, answers=""):
    command = [sys.executable, "-m", "edge_fer", "setup", "-c", str(target), *arguments]
    done = subprocess.run(command, input=answers, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_answers_become_a_configuration(tmp_path, picture, broker):
    target = tmp_path / "new" / "edge-fer.toml"
    code, out, _ = setup(target, answers=f"home\n{picture}\n{broker}\n\n")
    settings = load(target, environ={})
    assert 0 == code, out
    assert "home" == settings.privacy.acknowledge_use
    assert picture == settings.camera.source
    assert [broker] == settings.mqtt.brokers
    assert "# Name of the camera in events." in target.read_text()


def test_workplace_is_refused_with_the_law_and_asked_again(tmp_path, picture, broker):
    target = tmp_path / "edge-fer.toml"
    code, out, _ = setup(target, answers=f"office\nart\n{picture}\n{broker}\n\n")
    assert 0 == code
    assert "AI Act, article 5(1)(f)" in out
    assert "art" == load(target, environ={}).privacy.acknowledge_use


def test_a_camera_that_does_not_work_is_asked_again(tmp_path, picture, broker):
    target = tmp_path / "edge-fer.toml"
    answers = f"home\nfile:/nowhere.mp4\nn\n{picture}\n{broker}\n\n"
    code, out, _ = setup(target, answers=answers)
    assert 0 == code
    assert "/nowhere.mp4: does not exist" in out
    assert picture == load(target, environ={}).camera.source


def test_what_does_not_work_is_taken_where_it_is_wanted(tmp_path, picture):
    target = tmp_path / "edge-fer.toml"
    answers = f"home\n{picture}\nmqtt://localhost:1\nyes\nno\n"
    assert 0 == setup(target, answers=answers)[0]
    assert ["mqtt://localhost:1"] == load(target, environ={}).mqtt.brokers


@pytest.mark.parametrize(
    ("present", "answer", "expected"),
    [("off", "", "off"), ("off", "y", "on"), ("on", "", "on"), ("on", "n", "remove")],
)
def test_home_assistant_is_told_where_it_is_wanted_and_has_it_taken_back(
    tmp_path, picture, broker, present, answer, expected
):
    target = tmp_path / "edge-fer.toml"
    target.write_text(f'[homeassistant]\ndiscovery = "{present}"\n')
    given = ("--use", "home", "--camera", picture, "--mqtt", broker, "--force")
    code, out, _ = setup(target, *given, answers=f"{answer}\n")
    assert 0 == code, out
    assert expected == load(target, environ={}).homeassistant.discovery


def test_silence_ends_in_one_line_and_writes_nothing(tmp_path):
    target = tmp_path / "edge-fer.toml"
    code, _, err = setup(target, answers="home\n")
    assert 78 == code
    assert "no answer; " in err
    assert not target.exists()


def test_a_file_of_answers_asks_nothing(tmp_path, picture, broker):
    answers, target = tmp_path / "answers.toml", tmp_path / "edge-fer.toml"
    answers.write_text('[privacy]\nacknowledge_use = "home"\n[mqtt]\nprefix = "hall"\n')
    given = ("--from", str(answers), "--camera", picture, "--mqtt", broker, "--discovery=on")
    assert 0 == setup(target, *given)[0]
    assert "on" == load(target, environ={}).homeassistant.discovery
    assert "hall" == load(target, environ={}).mqtt.prefix


def test_answers_without_a_use_write_nothing(tmp_path, picture, broker):
    answers, target = tmp_path / "answers.toml", tmp_path / "edge-fer.toml"
    answers.write_text("")
    code, _, err = setup(target, "--from", str(answers), "--camera", picture, "--mqtt", broker)
    assert 78 == code
    assert "privacy.acknowledge_use" in err
    assert not target.exists()


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--camera", "file:/nowhere.mp4", 74), ("--mqtt", "mqtt://localhost:1", 69)],
)
def test_unasked_nothing_is_written_that_does_not_work(
    tmp_path, picture, broker, option, value, code
):
    target, answers = tmp_path / "edge-fer.toml", tmp_path / "answers.toml"
    answers.write_text(
        f'[privacy]\nacknowledge_use = "home"\n[camera]\nsource = "{picture}"\n'
        f'[mqtt]\nbrokers = ["{broker}"]\n'
    )
    assert code == setup(target, "--from", str(answers), option, value)[0]
    assert not target.exists()
    assert 0 == setup(target, "--from", str(answers), option, value, "--untried")[0]
    assert target.exists()


def test_a_changed_configuration_is_not_replaced_unasked(tmp_path, picture, broker):
    target, answers = tmp_path / "edge-fer.toml", tmp_path / "answers.toml"
    target.write_text('[mqtt]\nprefix = "mine"\n')
    answers.write_text('[privacy]\nacknowledge_use = "home"\n')
    given = ("--from", str(answers), "--camera", picture, "--mqtt", broker)
    code, _, err = setup(target, *given)
    assert 78 == code
    assert "--force replaces it" in err
    assert '[mqtt]\nprefix = "mine"\n' == target.read_text()
    assert 0 == setup(target, *given, "--force")[0]
    assert '[mqtt]\nprefix = "mine"\n' == target.with_name("edge-fer.toml.old").read_text()


def test_answers_change_what_was_asked_and_keep_the_rest(tmp_path, picture, broker):
    target = tmp_path / "edge-fer.toml"
    target.write_text('[mqtt]\nprefix = "mine"\n')
    assert 0 == setup(target, answers=f"home\n{picture}\n{broker}\n\ny\n")[0]
    assert "mine" == load(target, environ={}).mqtt.prefix


def test_enter_to_every_question_keeps_what_is_there(tmp_path, picture, broker):
    target = tmp_path / "edge-fer.toml"
    brokers = [broker, "mqtt://second.example"]
    assert 0 == setup(target, answers=f"home\n{picture}\n{broker}\ny\n")[0]
    options = ("--set", f"mqtt.brokers={json.dumps(brokers)}", "--set", "camera.name=hall")
    assert 0 == setup(target, *options, "--untried", "--force", answers="\n\n\n\n")[0]
    before = target.read_text()
    code, out, _ = setup(target, answers="\n\n\n\n")
    settings = load(target, environ={})
    assert 0 == code, out
    assert before == target.read_text()
    assert ("home", picture) == (settings.privacy.acknowledge_use, settings.camera.source)
    assert (brokers, "on") == (settings.mqtt.brokers, settings.homeassistant.discovery)
    assert "hall" == settings.camera.name


def test_a_cameras_password_is_kept_and_not_shown(tmp_path, broker):
    target, source = tmp_path / "edge-fer.toml", "rtsp://me:hunter2@127.0.0.1:1/faces"
    target.write_text(f'[camera]\nsource = "{source}"\ntimeout_s = 1\n')
    given = ("--use", "home", "--mqtt", broker, "--discovery", "on", "--force")
    code, out, err = setup(target, *given, answers="\nyes\n")
    assert 0 == code, out
    assert source == load(target, environ={}).camera.source
    assert "camera [rtsp://me:***@127.0.0.1:1/faces]: " in out
    assert "hunter2" not in out + err


def test_enter_keeps_the_brokers_password(tmp_path, picture, broker):
    target, url = tmp_path / "edge-fer.toml", broker.replace("mqtt://", "mqtt://bob@")
    assert 0 == setup(target, answers=f"home\n{picture}\n{url}\nhunter2\n\n")[0]
    code, out, _ = setup(target, answers="\n\n\n\n\n")
    assert 0 == code, out
    assert "password of bob (Enter: keep the stored one): " in out
    assert "hunter2\n" == (tmp_path / "mqtt-password").read_text()
    assert str(tmp_path / "mqtt-password") == load(target, environ={}).mqtt.password_file


def test_a_password_is_put_beside_the_file_for_its_owner_alone(tmp_path, picture, broker):
    target, password = tmp_path / "edge-fer.toml", tmp_path / "given"
    write_password(password, "hunter2")
    url = broker.replace("mqtt://", "mqtt://bob@")
    code, out, _ = setup(
        target,
        "--use",
        "home",
        "--camera",
        picture,
        "--mqtt",
        url,
        "--password-file",
        str(password),
        "--discovery",
        "on",
    )
    kept = tmp_path / "mqtt-password"
    assert 0 == code, out
    assert "hunter2\n" == kept.read_text()
    assert 0o600 == stat.S_IMODE(kept.stat().st_mode)
    assert str(kept) == load(target, environ={}).mqtt.password_file
    assert "hunter2" not in target.read_text() + out


def test_an_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be writable"):
        write_config(tmp_path / "file" / "edge-fer.toml", Settings())


def test_a_written_configuration_reads_the_same(tmp_path):
    target = tmp_path / "edge-fer.toml"
    assert write_config(target, Settings()) is None
    assert Settings() == read_present(target)
    assert 0o644 == stat.S_IMODE(target.stat().st_mode)


def node(root, number, name, index=0):
    folder = root / f"sys/class/video4linux/video{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "index").write_text(f"{index}\n")


def test_cameras_are_found_in_the_order_of_their_numbers(tmp_path):
    node(tmp_path, 10, "Other")
    node(tmp_path, 2, "HD Webcam")
    node(tmp_path, 3, "HD Webcam", index=1)
    node(tmp_path, 19, "bcm2835-isp")
    expected = [
        discover.Choice("v4l2:/dev/video2", "HD Webcam"),
        discover.Choice("v4l2:/dev/video10", "Other"),
    ]
    assert expected == discover.find_cameras(tmp_path)


def test_brokers_of_mdns_are_offered_once(tmp_path, monkeypatch):
    # What avahi-browse 0.8 prints; the real one needs a system bus and a network that answers.
    program = tmp_path / "avahi-browse"
    program.write_text(
        "#!/bin/sh\ncase $4 in _mqtt._tcp) cat <<'END'\n"
        "+;eth0;IPv4;Broker\\032one;_mqtt._tcp;local\n"
        "=;eth0;IPv4;Broker\\032one;_mqtt._tcp;local;one.local;192.0.2.7;1884;\n"
        "=;eth0;IPv6;Broker\\032one;_mqtt._tcp;local;one.local;2001:db8::7;1884;\n"
        "=;wlan0;IPv4;Broker\\032one;_mqtt._tcp;local;one.local;192.0.2.7;1884;\nEND\n;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = [choice for choice in discover.find_brokers() if "localhost" not in choice.value]
    assert [discover.Choice("mqtt://192.0.2.7:1884", "Broker one")] == found


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit):
        main(["setup", "--help"])
    text = capsys.readouterr().out
    for flag in (
        "--from",
        "--use",
        "--untried",
        "--force",
        "--no-start",
        "--password-file",
        "--discovery",
    ):
        assert flag in text


def test_the_password_goes_where_the_unit_looks_for_it():
    unit = Path(__file__).parents[2] / "deploy/systemd/edge-fer.service"
    assert "LoadCredential=mqtt-password:edge-fer.mqtt-password\n" in unit.read_text()
