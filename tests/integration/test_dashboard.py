"""The live web view as its users see it: real daemon, real broker, real browser, real page."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.dashboard import build
from edge_fer.mqtt.schema import EMOTIONS
from tests.support.browser import DEADLINE_MS, has, publish, websocket
from tests.support.wait import wait_until

HERE = Path(__file__).parents[1]
CLIP_OPTIONS = {
    "device.name": "porch",
    "privacy.acknowledge_use": "research",
    "camera.pace": "real",
    "vision.min_face_px": 40,
    "stats.interval_s": 0.3,
}
ONLINE = json.dumps({"state": "online", "session": "s1", "version": "1.0.0"})
LENGTH = (
    "Math.max(...[...document.querySelectorAll('.lanes rect')].map(r => r.width.baseVal.value))"
)
"""Of the longest block of the timeline, in px."""
FILLED = """card => {
  const bar = card.querySelector('.bar');
  return 100 * bar.firstChild.offsetWidth / bar.offsetWidth;
}"""
"""Of a face's bar, in percent."""


@pytest.fixture
def daemon(web_broker, carphone, landmarks):
    options = [f"--set={key}={value}" for key, value in CLIP_OPTIONS.items()]
    camera = ["--camera", f"file:{carphone}", "--mqtt", web_broker.url]
    command = [sys.executable, "-m", "edge_fer", "run", *camera, *options]
    started = []

    def start():
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["model", "settings", "contrast", "words"])
def test_the_logic_keeps_its_rules(name):
    if shutil.which("node") is None:
        pytest.skip("node is not installed (apt install nodejs)")
    file = HERE / "dashboard" / f"{name}.test.js"
    done = subprocess.run(["node", "--test", str(file)], capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout


def test_our_files_are_short_and_name_no_other_place():
    for file in (file for pattern in build.OURS for file in build.SOURCE.glob(pattern)):
        text = file.read_text()
        assert len(text.splitlines()) <= 250, file.name
        assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_another_archive_than_the_one_pinned_is_refused(tmp_path):
    (tmp_path / f"{build.PACKAGE.replace('@', '-')}.tgz").write_bytes(b"not mqtt.js")
    with pytest.raises(build.DashboardError, match=r"SHA-256 is .*, must be"):
        build.assemble(tmp_path / "page", tmp_path)
    assert not (tmp_path / "page").exists()


def test_a_run_is_shown_from_its_first_face_to_its_end(visit, web_broker, daemon):
    page = visit(websocket(web_broker))
    has(page, "#empty", "No device has spoken below edge-fer/ yet")
    process = daemon()
    has(page, ".badge", "online")
    page.locator(".card .emotion b").first.wait_for()
    word, confidence = page.locator(".card .emotion").first.inner_text().split("\n")
    assert word.split()[-1] in EMOTIONS
    bar = page.locator(".card").first.evaluate(FILLED)
    assert int(confidence.removesuffix(" %")) == pytest.approx(bar, abs=1)
    before = page.evaluate(LENGTH)
    wait_until(lambda: page.evaluate(LENGTH) > before, "grew")
    page.get_by_text("As a table").click()
    has(page, ".rolling tbody tr", "now")
    has(page, ".health", "ultralight")
    assert 0 == process.wait(timeout=60)
    has(page, ".badge", "stopped")
    has(page, ".now .none", "The daemon is stopped: nobody is looking.")
    assert 0 == page.locator(".card").count()
    rows = page.locator(".rolling tbody tr")
    assert rows.count() >= 2
    assert [] == [row for row in rows.all_inner_texts() if "now" in row]
    assert page.locator(".legend li").count() >= 1
    has(page, "#news", "porch is stopped")


def test_a_killed_daemon_is_offline_and_nobody_is_in_view(visit, web_broker, daemon):
    page = visit(websocket(web_broker))
    process = daemon()
    page.locator(".card").first.wait_for()
    process.kill()
    has(page, ".badge", "offline")
    has(page, ".now .none", "The daemon is offline: nobody is looking.")
    assert 0 == page.locator(".card").count()


def test_the_camera_is_switched_off_after_a_confirmation_only(visit, web_broker, daemon):
    page = visit(websocket(web_broker))
    daemon()
    switch = page.get_by_role("switch", name="Camera of porch")
    page.locator(".card").first.wait_for()
    switch.click()
    page.keyboard.press("Escape")
    assert "true" == switch.get_attribute("aria-checked")
    switch.click()
    page.get_by_role("button", name="Close it").click()
    page.locator(".switch[aria-checked=false]").wait_for()
    has(page, ".now .none", "The camera is switched off.")


def test_every_device_is_shown_and_nothing_of_a_message_becomes_markup(visit, web_broker):
    page = visit(websocket(web_broker))
    has(page, "#connection", "Connected to")
    online = json.dumps({"state": "online", "session": "<i>s</i>", "version": "<b>1</b>"})
    for name in ("porch", "<img src=x onerror=alert(1)>", "hall"):
        publish(web_broker, f"edge-fer/{name}/status", online, "-r")
    publish(web_broker, "edge-fer/hall/event", "{nonsense")
    has(
        page,
        "#ignored",
        "1 message not understood and left out; the last: edge-fer/hall/event: no JSON",
    )
    titles = page.locator("h2:visible").all_inner_texts()
    assert ["<img src=x onerror=alert(1)>", "hall", "porch"] == titles
    assert (
        0 == page.locator("main img, main i:not([aria-hidden] *, [aria-hidden]), main dd b").count()
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phone_and_wall_in_light_and_dark(visit, web_broker, scheme):
    page = visit(websocket(web_broker), color_scheme=scheme)
    publish(web_broker, "edge-fer/porch/status", ONLINE, "-r")
    has(page, ".badge", "online")
    for width in (320, 390, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        assert width == page.evaluate("document.documentElement.scrollWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(243, 244, 246)", "dark": "rgb(15, 17, 21)"}[scheme] == background


def test_settings_work_by_keyboard_and_are_remembered_without_the_password(visit, documented):
    page = visit(websocket(documented))
    log_in(page)
    has(page, "#connection", f"Connected to {websocket(documented)}")
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert (True, False) == ("viewer" in kept, "secret" in kept)


def test_the_documented_broker_lets_a_viewer_see_and_switch_and_nothing_else(visit, documented):
    camera = ("-u", "camera", "-P", "secret")
    publish(documented, "edge-fer/porch/status", ONLINE, "-r", *camera)
    publish(documented, "edge-fer/porch/enabled", "ON", "-r", *camera)
    publish(documented, "edge-fer/hall/status", ONLINE, "-r", "-u", "viewer", "-P", "secret")
    arguments = ["-p", str(documented.port), *camera, "-t", "edge-fer/+/enabled/set", "-C", "1"]
    listener = subprocess.Popen(["mosquitto_sub", *arguments], stdout=subprocess.PIPE, text=True)
    page = visit(websocket(documented))
    log_in(page)
    has(page, ".badge", "online")
    assert ["porch"] == page.locator("h2:visible").all_inner_texts()
    page.get_by_role("switch").click()
    page.get_by_role("button", name="Close it").click()
    has(page, ".answer", "Switching off")
    assert "OFF\n" == listener.communicate(timeout=DEADLINE_MS / 1000)[0]


def log_in(page):
    has(page, "#complaint", "refuses this user name or password")
    page.get_by_label("User name").fill("viewer")
    page.get_by_label("Password").fill("secret")
    page.keyboard.press("Enter")


def test_a_broker_that_is_away_is_named_and_found_again(visit, web_broker):
    page = visit(websocket(web_broker))
    publish(web_broker, "edge-fer/porch/status", ONLINE, "-r")
    has(page, ".badge", "online")
    web_broker.stop()
    has(page, "#connection", f"No answer from {websocket(web_broker)}")
    has(page, ".badge", "unknown")
    web_broker.start()
    has(page, "#connection", "Connected to")
