"""Nothing leaves a running daemon but what is listed, and to the broker alone.

Under strace, a daemon reads a clip as a live camera, in each mode of `privacy.mode`; the broker
stops for a while, so that the outbox is written, and commands arrive, good and bad. Every byte
that the process wrote must be accounted for. A daemon that leaks on purpose must be found out.
"""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_fer.mqtt.publisher import event_message
from edge_fer.types import Box, Event, Phase
from tests.integration.privacy import trace
from tests.integration.privacy.contents import Contents, Pixels
from tests.integration.privacy.ledger import Ledger, account
from tests.integration.privacy.packets import Packet, packets
from tests.integration.privacy.run import run
from tests.integration.privacy.verdict import Verdict
from tests.support.mqtt import ME

MODES = ("faces", "aggregate")
GROUP = "face-demographics-walking-and-pause.gif"
"""A clip with three faces, in $EDGE_FER_MEDIA; without it mode aggregate publishes no group."""
LEAKS = {
    "file": "frame.raw",
    "log": "log: holds a picture, in Base64",
    "address": "127.0.0.1:53",
}
"""What `tests.support.cameras` leaks if asked to -> how that is found."""
RUN_S, LEAK_RUN_S = 40.0, 8.0

EVENT = Event("t1", Phase.BEGIN, "happy", None, 0.9, {"happy": 0.9}, Box(1, 2, 3, 4), 0)


@pytest.fixture(scope="module")
def strace_installed():
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (apt install strace)")


def judged(folder, code, allowed=()):
    """What is said of a Python program, that may write these files and reach these addresses."""
    record = folder / "trace"
    command = [*trace.strace(record), sys.executable, "-S", "-E", "-c", code]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    names = {str(folder / name) if "." in name and ":" not in name else name for name in allowed}
    verdict = Verdict(
        lambda path: "allowed" if path in names else "",
        lambda address: "allowed" if address in names else "",
    )
    verdict.take(trace.read(record))
    return verdict


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("pass", ""),
        ("open('x.raw', 'wb').write(b'12345')", "changes x.raw"),
        ("import os; os.mkdir('x')", "changes x"),
        ("import os; open('x', 'w').close(); os.rename('x', 'y')", "changes y"),
        ("import os; os.memfd_create('x')", "memfd_create"),
        ("import socket; socket.socket(2, 2).sendto(b'12345', ('127.0.0.1', 53))", "127.0.0.1:53"),
        ("import socket; socket.socket(2, 2).connect(('127.0.0.1', 53))", "127.0.0.1:53"),
        ("import socket; socket.socket(10, 2).sendto(b'1', ('::1', 53))", "reaches ::1:53"),
        ("import socket; socket.socket(1, 2).connect('/run/x')", "reaches /run/x"),
        ("import mmap; mmap.mmap(-1, 4096)", "maps something shared"),
        ("import os; os.posix_spawn('/bin/true', ['true'], {})", "execve"),
    ],
)
def test_a_program_cannot_let_anything_out_unseen(strace_installed, tmp_path, code, found):
    try_it = f"try:\n  exec({code!r})\nexcept OSError: pass"
    findings = judged(tmp_path, try_it).findings
    assert bool(found) == bool(findings), findings
    assert not found or any(found in finding for finding in findings), findings


def test_bytes_are_counted_where_they_went(strace_installed, tmp_path):
    code = "import os; f = os.open('log.txt', 65); os.write(f, b'a\\0\\n\"\\xff' * 100)"
    verdict = judged(tmp_path, code, ["log.txt"])
    assert {"allowed": b'a\0\n"\xff' * 100} == {
        name: bytes(it) for name, it in verdict.bytes.items()
    }


def test_a_line_that_is_no_system_call_is_an_error(tmp_path):
    (tmp_path / "trace").write_text("12 write(1, \n")
    with pytest.raises(ValueError, match="no system call"):
        list(trace.read(tmp_path / "trace"))


def test_a_call_that_another_thread_interrupts_is_put_together(tmp_path):
    (tmp_path / "trace").write_text(
        '1 write(2</log>, "a", 1 <unfinished ...>\n2 write(2</log>, "b", 1) = 1\n'
        "1 <... write resumed>) = 1\n1 +++ exited with 0 +++\n"
    )
    calls = list(trace.read(tmp_path / "trace"))
    assert [([b"a"], 1, "/log"), ([b"b"], 1, "/log")] == [
        (call.strings, call.result, call.target) for call in calls
    ]


def published(topic, content, properties=b"", flags=2):
    """A PUBLISH packet of QoS 1, as MQTT 5 has it."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + b"\0\1" + bytes([len(properties)]) + properties
    body += content
    length = bytes([len(body) % 128 | 128, len(body) // 128])
    return bytes([0x30 | flags]) + length + body


def test_a_stream_is_taken_apart_packet_by_packet():
    stream = b"\xe0\0" + published("a/b", b"c" * 130, b"\3\0\1t\x26\0\1k\0\1v") + b"\xc0\0"
    assert [
        Packet("DISCONNECT", 2),
        Packet(
            "PUBLISH",
            len(stream) - 4,
            "a/b",
            b"c" * 130,
            False,
            (("content type", b"t"), ("user", b"k=v")),
        ),
        Packet("PINGREQ", 2),
    ] == list(packets(stream))
    with pytest.raises(ValueError, match="no packet of a client"):
        list(packets(b"\xe0\0\x77raw"))


def said(mode, topic, content, properties=(), retain=False):
    contents = Contents("edge-fer/porch", mode)
    contents.message(Packet("PUBLISH", 0, topic, content, retain, properties))
    return contents


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ((b"", b""), ""),
        ((b'"track"', b'"chip":"abc","track"'), "chip is not in the list"),
        ((b'"left":1', b'"left":1,"landmarks":[[1,2]]'), "box.landmarks[][] is not in the list"),
        ((b'"t1"', b'"' + b"x" * 129 + b'"'), "track is a text of 129 characters"),
        ((b'"happy":0.9', b'"happy":"Zm9v"'), "is not of type"),
        ((b'"schema":2', b'"schema":2' + b" " * 5000), "bytes"),
    ],
)
def test_a_message_with_anything_beyond_the_list_is_found(change, found):
    content = event_message(ME, EVENT, (640, 480), 1).payload.replace(*change)
    findings = said("faces", "edge-fer/porch/event", content).findings
    assert bool(found) == bool(findings), findings
    assert not found or any(found in finding for finding in findings), findings


def test_an_event_of_a_single_face_is_found_where_only_groups_may_be_told():
    content = event_message(ME, EVENT, (640, 480), 1).payload
    assert ["edge-fer/porch/event: is not in the list"] == (
        said("aggregate", "edge-fer/porch/event", content).findings
    )
    contents = Contents("edge-fer/porch", "aggregate")
    assert 1 == contents.kept(b"\0page" + content + b"\0\0")
    assert ["outbox: holds an event"] == contents.findings


def test_a_property_that_is_not_ours_is_found():
    findings = said("faces", "edge-fer/porch/enabled", b"ON", (("user", b"a=b"),), True).findings
    assert ["edge-fer/porch/enabled: property user b'a=b'"] == findings


def test_pixels_are_found_raw_in_hex_and_in_base64():
    luma = np.random.default_rng(1).integers(0, 256, (48, 64), np.uint8)
    pixels = Pixels([luma])
    row = luma[8].tobytes()
    forms = {
        form: pixels.found_in(b"head " + text + b" tail")
        for form, text in {
            "raw": luma[5:30, 10:50].tobytes(),
            "in hex": row.hex().encode(),
            "in Base64": base64.b64encode(b"x" + row),
        }.items()
    }
    assert {form: form for form in forms} == forms
    assert "" == pixels.found_in(luma.T.tobytes() + bytes(range(256)))


def ledger(folder, mode, clip, seconds, leak=""):
    return account(run(folder, mode, clip, seconds, leak), mode, clip)


@pytest.mark.usefixtures("landmarks", "strace_installed")
def test_a_daemon_lets_nothing_out_but_what_it_leaks_on_purpose(carphone, tmp_path):
    # A third of it without a broker: long enough for a message on a busy machine.
    found = ledger(tmp_path, "faces", carphone, 9.0, " ".join(LEAKS))
    expected = [*LEAKS.values(), "somewhere else"]
    assert [] == [text for text in found.findings if not any(sign in text for sign in expected)]
    for sign in LEAKS.values():
        assert any(sign in finding for finding in found.findings), (sign, found.findings)
    assert {"event", "state", "stats", "status", "enabled", "response"} <= found.messages.keys()
    assert found.kept > 0


@pytest.fixture(scope="module")
def ledgers(record):
    ledgers: dict[str, Ledger] = {}
    yield ledgers
    if len(ledgers) == len(MODES) + len(LEAKS):
        modes = [ledgers[mode] for mode in MODES]
        fields = " and ".join(f"{len(each.fields)} with mode {each.mode}" for each in modes)
        record(
            "privacy",
            f"0 bytes or calls beyond the list; {len(LEAKS)} of {len(LEAKS)} deliberate leaks "
            f"found; different fields: {fields}",
            [row for each in modes for row in each.rows()],
        )


@pytest.mark.integration
@pytest.mark.usefixtures("landmarks", "strace_installed")
@pytest.mark.parametrize("mode", MODES)
def test_nothing_leaves_but_what_is_listed(mode, carphone, ledgers, tmp_path):
    group = Path(os.environ.get("EDGE_FER_MEDIA", ""), GROUP)
    clip = group if mode == "aggregate" and group.is_file() else carphone
    found = ledgers[mode] = ledger(tmp_path, mode, clip, RUN_S)
    assert [] == found.findings


@pytest.mark.integration
@pytest.mark.usefixtures("landmarks", "strace_installed")
@pytest.mark.parametrize("leak", LEAKS)
def test_each_leak_is_found(leak, carphone, ledgers, tmp_path):
    found = ledgers[leak] = ledger(tmp_path, "faces", carphone, LEAK_RUN_S, leak)
    assert any(LEAKS[leak] in finding for finding in found.findings), found.findings
