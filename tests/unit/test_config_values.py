"""What an option may be, and the answer to what it may not."""

import msgspec
import pytest

from tests.support.config import mistakes, read


@pytest.mark.parametrize(
    ("override", "path", "expected"),
    [
        ("camera.fps=10", "camera.fps", 10.0),
        ("camera.fps=1e1", "camera.fps", 10.0),
        ("vision.max_faces=0x10", "vision.max_faces", 16),
        ("device.name=7", "device.name", "7"),
        ("device.name=true", "device.name", "true"),
        ('device.name="hall"', "device.name", "hall"),
        ("device.name='hall'", "device.name", "hall"),
        ("device.name=", "device.name", ""),
        (" device.name =hall", "device.name", "hall"),
        ("camera.source=file:a=b #1.mp4", "camera.source", "file:a=b #1.mp4"),
        ("camera.source=1\n[log]", "camera.source", None),
        ("camera.pace=real", "camera.pace", "real"),
        ("privacy.acknowledge_use=home", "privacy.acknowledge_use", "home"),
        ("mqtt.brokers=mqtt://a", "mqtt.brokers", ["mqtt://a"]),
        ("mqtt.brokers='mqtt://a'", "mqtt.brokers", ["mqtt://a"]),
        ("mqtt.brokers=mqtt://a, mqtt://b:1", "mqtt.brokers", ["mqtt://a", "mqtt://b:1"]),
        ('mqtt.brokers=["mqtt://a", "mqtt://b"]', "mqtt.brokers", ["mqtt://a", "mqtt://b"]),
    ],
)
def test_an_override_takes_the_type_of_its_option(tmp_path, override, path, expected):
    section, name = path.split(".")
    if expected is None:
        assert "control characters" in mistakes(tmp_path, "", [override])[0]
    else:
        settings = read(tmp_path, "", [override])
        assert expected == getattr(getattr(settings, section), name)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[vision]\nmin_face_px = 5",
            "vision.min_face_px = 5: must be at least 20 and at most 1000",
        ),
        ("[camera]\nfps = 0", "camera.fps = 0: must be above 0 and at most 240"),
        ("[camera]\nfps = nan", "camera.fps = nan: must be above 0 and at most 240"),
        ("[tracking]\nmin_iou = 1.0", "tracking.min_iou = 1.0: must be above 0 and below 1"),
        ("[mqtt]\nmax_queued = 0", "mqtt.max_queued = 0: must be at least 1 and at most 1000000"),
        (
            "[vision]\nmax_faces = 2.5",
            "vision.max_faces = 2.5: must be a whole number, at least 1 and at most 64",
        ),
        (
            "[vision]\nmax_faces = true",
            "vision.max_faces = true: must be a whole number, at least 1 and at most 64",
        ),
        (
            "[stats]\ninterval_s = '9'",
            "stats.interval_s = '9': must be a number, above 0 and at most 3600",
        ),
        (
            "[stats]\ninterval_s = true",
            "stats.interval_s = true: must be a number, above 0 and at most 3600",
        ),
        ("[camera]\npace = 'slow'", "camera.pace = 'slow': must be one of fast, real"),
        ("[camera]\npace = 3", "camera.pace = 3: must be one of fast, real"),
        ("[camera]\nsource = 0", "camera.source = 0: must be a string"),
        ("[camera]\nsource = 2026-01-31", "camera.source = 2026-01-31: must be a string"),
        ("[camera]\nsource.file = 'a'", "camera.source = {…}: must be a string"),
        (
            '[camera]\nsource = "a\\u0000"',
            r"camera.source = 'a\x00': must be UTF-8 text without control characters",
        ),
        (
            "[camera]\nname = 'a b'",
            "camera.name = 'a b': must be a string that matches ^[A-Za-z0-9_.-]{1,64}$",
        ),
        ("[mqtt]\nbrokers = []", "mqtt.brokers = []: must be a list of strings, not empty"),
        (
            "[mqtt]\nbrokers = ['mqtt://a', 1, [2]]",
            "mqtt.brokers = ['mqtt://a', 1, …]: must be a list of strings, not empty",
        ),
        (
            "[mqtt]\nbrokers = 'mqtt://a'",
            "mqtt.brokers = 'mqtt://a': must be a list of strings, not empty",
        ),
        ("vision = 3", "vision = 3: must be a section, [vision]"),
        ("[[vision]]", "vision = […]: must be a section, [vision]"),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_must_be(tmp_path, text, line):
    assert [f"edge-fer.toml: {line}"] == mistakes(tmp_path, text)


@pytest.mark.parametrize(
    "value", ["hall\n", "\nhall", "a//b", "/a", "a/", "a b", "a/+/b", "#", ""], ids=repr
)
def test_a_prefix_that_would_break_topics_is_refused(tmp_path, value):
    text = msgspec.json.encode(value).decode()
    assert ["edge-fer.toml: mqtt.prefix ="] == [
        line[:28] for line in mistakes(tmp_path, f"[mqtt]\nprefix = {text}")
    ]


@pytest.mark.parametrize(
    "broker",
    [
        "localhost",
        "http://a",
        "mqtt://",
        "mqtt://a:0",
        "mqtt://a:65536",
        "mqtt://a b",
        "mqtt://a/x",
    ],
)
def test_a_broker_must_be_an_mqtt_address(tmp_path, broker):
    (line,) = mistakes(tmp_path, f"[mqtt]\nbrokers = ['mqtt://a', '{broker}']")
    start = f"edge-fer.toml: mqtt.brokers = {broker}: must be mqtt://[user@]host[:port]"
    assert start == line[: len(start)]


def test_every_wrong_broker_is_told(tmp_path):
    assert len(mistakes(tmp_path, overrides=["mqtt.brokers=http://a,mqtt://b,ftp://c"])) == 2


@pytest.mark.parametrize(
    "broker", ["mqtt://a", "mqtt://me@a.local:1", "mqtt://10.0.0.1/", "mqtt://[fe80::1]:65535"]
)
def test_a_broker_may_have_user_and_port(tmp_path, broker):
    assert [broker] == read(tmp_path, f"[mqtt]\nbrokers = ['{broker}']").mqtt.brokers


@pytest.mark.parametrize("password", ["secret", "sec@ret", "sec:ret", "sec/ret", "sec ret"])
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path, password):
    for value in (f"mqtt://me:{password}@host", f"['mqtt://me:{password}@host', 3]"):
        (line,) = mistakes(tmp_path, "", [f"mqtt.brokers={value}"])
        assert password not in line
        assert "mqtt://me:***@host" in line


def test_bytes_that_are_not_utf8_are_refused_in_variables(tmp_path):
    lines = mistakes(tmp_path, environ={"EDGE_FER_CAMERA__SOURCE": "file:\udcff"})
    expected = r"camera.source = 'file:\udcff': must be UTF-8 text without control characters"
    assert [f"EDGE_FER_CAMERA__SOURCE: {expected}"] == lines
    assert lines == [line.encode().decode() for line in lines]


def test_leave_is_checked_against_enter_across_sources(tmp_path):
    text = "[smoothing]\nleave = 0.45"
    lines = mistakes(tmp_path, text, ["smoothing.enter=0.4"])
    assert ["edge-fer.toml: smoothing.leave = 0.45: must be at most smoothing.enter (0.4)"] == lines
    assert 0.45 == read(tmp_path, text, ["smoothing.enter=0.45"]).smoothing.enter


def test_the_option_that_was_set_is_blamed_for_a_contradiction(tmp_path):
    lines = mistakes(tmp_path, overrides=["smoothing.enter=0.2"])
    assert ["--set: smoothing.enter = 0.2: must be at least smoothing.leave (0.3)"] == lines


@pytest.mark.parametrize(
    "value",
    ["9" * 5000, "0x" + "f" * 5000, "-0xf", "[" * 5000, "[" * 90 + "]" * 90, "1e999"],
    ids=["decimal", "hex", "sign", "open", "deep", "inf"],
)
def test_monstrous_values_are_mistakes_like_any_other(tmp_path, value):
    lines = mistakes(tmp_path, f"[model]\nthreads = {value}")
    assert 1 == len(lines)
    assert 250 > len(lines[0])
    assert 1 == len(mistakes(tmp_path, overrides=[f"model.threads={value}"]))


@pytest.mark.parametrize(
    "use", ["workplace", "Work", "education", "school", "office", "my classroom", "university"]
)
def test_work_and_education_are_refused_with_the_reason(tmp_path, use):
    (line,) = mistakes(tmp_path, f"[privacy]\nacknowledge_use = '{use}'")
    assert "; use at work and in education is refused, because inferring emotions" in line
    assert "(AI Act, article 5(1)(f))" in line


@pytest.mark.parametrize("use", ["artwork", "party", ""])
def test_other_words_are_not_taken_for_work(tmp_path, use):
    if use:
        (line,) = mistakes(tmp_path, f"[privacy]\nacknowledge_use = '{use}'")
        assert line.endswith("must be one of home, research, medical, safety, public-venue, art")
    else:
        assert "" == read(tmp_path, "[privacy]\nacknowledge_use = ''").privacy.acknowledge_use


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[smoothing]\nentre = 1", "unknown option 'entre' in [smoothing]; did you mean 'enter'?"),
        ("[smoothing]\nEnter = 1", "unknown option 'Enter' in [smoothing]; did you mean 'enter'?"),
        ("[smoothing]\nxyzzy = 1", "unknown option 'xyzzy' in [smoothing]"),
        (
            "[camera]\nmin_face_px = 60",
            "unknown option 'min_face_px' in [camera]; did you mean vision.min_face_px?",
        ),
        (
            "prefix = 'a'",
            "unknown option 'prefix' outside any section; "
            "did you mean mqtt.prefix or homeassistant.prefix?",
        ),
        (
            "name = 'a'",
            "unknown option 'name' outside any section; did you mean device.name or camera.name?",
        ),
        ("xyzzy = 1", "unknown option 'xyzzy' outside any section"),
        ("[vison]\na = 1\nb = 2", "unknown section [vison]; did you mean [vision]?"),
        ("[Vision]\n", "unknown section [Vision]; did you mean [vision]?"),
        ("[xyzzy]", "unknown section [xyzzy]"),
        ('["a\\nb"]', r"unknown section [a\nb]"),
        ("[log]\n'' = 1", "unknown option '' in [log]"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(tmp_path, text, line):
    assert [f"edge-fer.toml: {line}"] == mistakes(tmp_path, text)


def test_a_mistyped_variable_is_named_as_it_was_written(tmp_path):
    assert [
        "EDGE_FER_MQTT__PREFX: unknown option 'prefx' in [mqtt]; did you mean 'prefix'?",
        "EDGE_FER_MQT__PREFIX: unknown section [mqt]; did you mean [mqtt]?",
    ] == mistakes(tmp_path, environ={"EDGE_FER_MQTT__PREFX": "a", "EDGE_FER_MQT__PREFIX": "a"})


@pytest.mark.parametrize("override", ["", "foo", "foo=1", "mqtt.prefix"])
def test_an_override_must_name_section_option_and_value(tmp_path, override):
    expected = f"--set: '{override}': must be section.option=value"
    assert [expected] == mistakes(tmp_path, overrides=[override])
