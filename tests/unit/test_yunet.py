"""YuNet's model file: the one that was meant, or one line that says what is wrong."""

import hashlib

import pytest

from edge_fer.config.settings import Settings, Vision
from edge_fer.emotion.card import sha256_of
from edge_fer.errors import ModelError
from edge_fer.setup.checks import examine
from edge_fer.vision.yunet import YuNetDetector
from tests.support.config import mistakes, read
from tests.support.tiny_model import write_tiny_model

OTHER = "0" * 64


def refusal(path, sha256):
    with pytest.raises(ModelError) as caught:
        YuNetDetector(str(path), sha256)
    text = str(caught.value)
    assert 1 == len(text.splitlines())
    return text


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.onnx"
    assert f"vision.detector_model = {path}: no such file" == refusal(path, OTHER)


def test_a_folder_is_no_file(tmp_path):
    assert f"{tmp_path}: cannot be read (is a directory)" == refusal(tmp_path, OTHER)


def test_without_a_sha256_the_files_own_is_told(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"a network")
    text = refusal(path, "")
    assert text.startswith("vision.detector_sha256 = '': must be ")
    assert hashlib.sha256(b"a network").hexdigest() in text


def test_another_file_than_was_meant_is_refused_with_both_sums(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"a network")
    text = refusal(path, OTHER)
    assert text.startswith(f"{path}: sha256 is {sha256_of(path)} but ")
    assert f"vision.detector_sha256 = {OTHER};" in text


@pytest.mark.parametrize("kind", ["empty", "text", "half", "another network"])
def test_what_is_no_yunet_is_one_line_and_nothing_on_stderr(request, tmp_path, capfd, kind):
    path = tmp_path / "net.onnx"
    if kind == "half":
        content = request.getfixturevalue("yunet_file").read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif kind == "another network":
        path = write_tiny_model(tmp_path)
    else:
        path.write_bytes({"empty": b"", "text": b"not a network\n" * 99}[kind])
    text = refusal(path, sha256_of(path))
    assert text.startswith(f"{path}: OpenCV ")
    assert "cannot use it as a YuNet detector (" in text
    assert "" == capfd.readouterr().err


def test_a_good_file_loads_without_a_word(yunet_file, capfd):
    YuNetDetector(str(yunet_file), sha256_of(yunet_file))
    assert ("", "") == capfd.readouterr()


def test_yunet_without_its_file_is_a_mistake(tmp_path):
    expected = "requires the path of its model file in vision.detector_model"
    lines = mistakes(tmp_path, "[vision]\ndetector = 'yunet'")
    assert [f"edge-fer.toml: vision.detector = 'yunet': {expected}"] == lines


@pytest.mark.parametrize(
    ("name", "value"), [("detector_model", "net.onnx"), ("detector_sha256", OTHER)]
)
def test_a_file_that_nobody_would_read_is_a_mistake(tmp_path, name, value):
    (line,) = mistakes(tmp_path, "", [f"vision.{name}={value}"])
    assert (
        f"--set: vision.{name} = '{value}': must be empty unless vision.detector is 'yunet'" == line
    )


def test_a_sha256_has_64_digits(tmp_path):
    text = "[vision]\ndetector = 'yunet'\ndetector_model = 'net.onnx'\n"
    (line,) = mistakes(tmp_path, f"{text}detector_sha256 = 'abc'")
    assert line.startswith("edge-fer.toml: vision.detector_sha256 = 'abc': must be ")
    assert OTHER == read(tmp_path, f"{text}detector_sha256 = '{OTHER}'").vision.detector_sha256


def checked(**options):
    """What `edge-fer check` says of the detector."""
    findings = examine(Settings(vision=Vision(**options)))
    finding = next(finding for finding in findings if finding.name == "detector")
    return finding.level, finding.text


def test_check_names_the_detector_and_its_file(yunet_file):
    assert ("ok", "hog") == checked()
    options = {"detector": "yunet", "detector_model": str(yunet_file)}
    digest = sha256_of(yunet_file)
    level, text = checked(**options)
    assert "error" == level
    assert digest in text
    expected = ("ok", f"yunet: {yunet_file}, sha256 verified")
    assert expected == checked(**options, detector_sha256=digest)
