import json
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from leadline.apps.web.view.app import make_app
from leadline.apps.web.view.live import MOST_CLIENTS, LiveView
from leadline.cameras import FrameMeta, StereoFrame
from leadline.geometry.rig import StereoRig
from leadline.streaming.stream import LiveFrame

ADDRESS = "ws://127.0.0.1/api/live"


@pytest.fixture
def live(scene):
    """A view, and a function that gives it the result of a number."""
    shown = LiveView("uvc:0", (("method", "mine"),))
    image, disparity = scene
    rig = StereoRig.from_focal(48, 64, 100.0, 0.1)

    def publish(number):
        frame = StereoFrame(image, image, 0.1 * number, rig, FrameMeta(number, 0.0, "device"))
        shown.publish(LiveFrame(frame, disparity, disparity.to_depth(rig), 0.05, 0.04, number), "9 fps")

    return shown, publish


@pytest.fixture
def client(live):
    with TestClient(make_app((), live[0]), base_url="http://127.0.0.1") as opened:
        yield opened


def test_the_newest_frame_wins(live, client, unpack):
    shown, publish = live
    assert client.get("/api/view").json()["live"] is True
    with client.websocket_connect(ADDRESS) as page:
        name = page.receive_json()["client"]
        publish(0)
        page.send_text("next")
        first = unpack(page.receive_bytes())
        assert first.head["live"] == {"number": 0, "latency_s": 0.05, "line": "9 fps"}
        assert first.layer("depth")[20, 20] == 2.5
        for number in range(1, 6):  # while the page draws
            publish(number)
        page.send_text("next")
        assert unpack(page.receive_bytes()).head["live"]["number"] == 5
        saved = client.get(f"/api/live/{name}/files/depth_mm.png")
        assert saved.status_code == 200
        assert 'filename="frame_5_depth_mm.png"' in saved.headers["content-disposition"]
        shown.end("unplugged")
        page.send_text("next")
        assert page.receive_json() == {"end": "unplugged"}
    assert client.get(f"/api/live/{name}/files/depth.pfm").status_code == 404


def test_a_page_that_asks_for_nothing_gets_nothing(live, client):
    shown, publish = live
    with client.websocket_connect(ADDRESS) as page:
        page.receive_json()
        for number in range(50):
            publish(number)
        assert shown._packed is None  # nothing was encoded


def test_pages_of_other_sites_are_refused(client):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(ADDRESS, headers={"origin": "http://evil.example"}),
    ):
        pass
    with client.websocket_connect(ADDRESS, headers={"origin": "http://127.0.0.1", "host": "127.0.0.1"}) as page:
        assert page.receive_json()["client"]


def test_pages_have_a_bound_and_are_forgotten(live, client):
    shown, _ = live
    names = [shown.enter() for _ in range(MOST_CLIENTS)]
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(ADDRESS):
        pass
    for name in names:
        shown.leave(name)
    assert shown.enter() is not None


def test_a_page_that_asks_twice_is_let_go(live, client):
    with client.websocket_connect(ADDRESS) as page:
        page.receive_json()
        page.send_text("next")
        page.send_text("next")
        with pytest.raises(WebSocketDisconnect):
            page.receive_text()


def test_the_command_shows_its_stream(leadline, pair, calibration, monkeypatch):
    """While the stream runs, a page gets its frames over the network."""
    from websockets.sync.client import connect

    from leadline.apps.cli import live as command

    got = []

    def look(address, no_browser):
        assert address.startswith("http://127.0.0.1:")
        assert no_browser
        page = stack.enter_context(connect(address.replace("http", "ws") + "/api/live", proxy=None))
        assert json.loads(page.recv())["client"]
        got.append(page)

    original = command._run

    def run(stream, recording, screen, shown, frames, seconds):
        original(stream, recording, screen, shown, frames, seconds)
        got[0].send("next")
        got.append(got[0].recv(timeout=20))

    monkeypatch.setattr(command, "show_address", look)
    monkeypatch.setattr(command, "_run", run)
    words = ("--calibration", calibration, "--model", "bm", "--view", "--port", 0, "--frames", 1, "--no-browser")
    with ExitStack() as stack:
        done = leadline("live", f"file:{pair[0]}", pair[1], *words)
    assert done.code == 0, done.err
    assert got[1][:4] == b"LLV1"
