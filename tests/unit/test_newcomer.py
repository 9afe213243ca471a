"""What the walk of the package believes: a page that shows the event, a broker as documented."""

import json

import pytest
from release import ReleaseError

from tests.integration.debian.broker import documented
from tests.integration.debian.webview import Chromium, Node
from tests.support.browser import websocket
from tests.support.mqtt import EVENT, SIZE, listening, publisher
from tests.support.wait import DEADLINE_S, wait_until

A_MOMENT_MS = 2000
"""To wait for what will not come."""


@pytest.fixture
def event(web_broker):
    """Send an event once there is somebody to see it; its JSON."""

    def send():
        with listening(web_broker, "event") as inbox, publisher(web_broker.url) as out:
            wait_until(lambda: out.connected, "connected")
            out.publish_event(EVENT, SIZE)
            return inbox.get(timeout=DEADLINE_S).payload.decode()

    return send


def changed(event, **fields):
    return json.dumps({**json.loads(event), **fields})


def test_the_page_shows_that_event_and_no_other(visit, web_broker, event):
    page = visit(websocket(web_broker))
    guest = Chromium(page)
    assert "Connected to" in guest.arrive()
    sent = event()
    assert ["t1", "happy"] == [guest.see(sent).split("\t")[column] for column in (0, 3)]
    page.set_default_timeout(A_MOMENT_MS)
    for other in (changed(sent, emotion="sad"), changed(sent, track="t2")):
        with pytest.raises(ReleaseError, match=r"the web view: .rolling.* in: .*edge-fer live"):
            guest.see(other)


def test_a_page_without_its_broker_is_refused(visit, free_port):
    page = visit(f"ws://127.0.0.1:{free_port}")
    page.set_default_timeout(A_MOMENT_MS)
    with pytest.raises(ReleaseError, match=r"the web view: #connection.*: no 'Connected to'"):
        Chromium(page).arrive()


def test_without_a_browser_the_pages_code_takes_the_event_and_refuses_another(site, event):
    try:
        guest = Node(site.address("").partition("#")[0], "no browser")
    except ReleaseError as error:
        pytest.skip(str(error))
    sent = event()
    assert "happy" == json.loads(guest.see(sent))["emotion"]
    with pytest.raises(ReleaseError, match="the web view refuses the event"):
        guest.see(changed(sent, confidence="much"))


def test_the_broker_is_set_up_as_the_page_says_but_for_its_ports():
    assert documented(1, 2).splitlines() == [
        "listener 1",
        "listener 2",
        "protocol websockets",
        "allow_anonymous true",
    ]
