import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from leadline.apps.web.access import OWN_NAMES, TOKEN_VARIABLE, guards, names_for, token_of_page, token_of_program
from leadline.errors import InputError


def _client(token, is_page, base_url="http://robot.local:8808"):
    async def socket(opened):
        await opened.accept()
        await opened.send_text("in")

    routes = [Route("/data", lambda _: PlainTextResponse("in")), WebSocketRoute("/live", socket)]
    app = Starlette(routes=routes, middleware=guards(token, names_for(token), is_page=is_page))
    return TestClient(app, base_url=base_url, follow_redirects=False)


def test_a_browser_brings_the_token_once_and_keeps_it_out_of_the_address():
    client = _client("secret", is_page=True)
    assert client.get("/data").status_code == 401
    assert client.get("/data?token=wrong").status_code == 401
    first = client.get("/data?frame=3&token=secret")
    assert (first.status_code, first.headers["location"]) == (303, "/data?frame=3")
    kept = first.headers["set-cookie"]
    assert kept.startswith("leadline-8808=secret;")
    assert "httponly" in kept.lower()
    assert "samesite=strict" in kept.lower()
    assert client.get("/data").text == "in"  # by the cookie
    with client.websocket_connect("ws://robot.local:8808/live") as socket:
        assert socket.receive_text() == "in"


def test_a_program_brings_it_in_a_header_alone():
    client = _client("secret", is_page=False)
    assert client.get("/data?token=secret").status_code == 401
    assert client.get("/data", headers={"cookie": "leadline-8808=secret"}).status_code == 401
    assert client.get("/data", headers={"authorization": "Basic secret"}).status_code == 401
    assert client.get("/data", headers={"authorization": "Bearer secret"}).text == "in"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live"):
        pass


@pytest.mark.parametrize("cookie", ["leadline-8808=wrong", "leadline-9999=secret", "a[]=1; leadline-8808"])
def test_other_cookies_are_no_token(cookie):
    assert _client("secret", is_page=True).get("/data", headers={"cookie": cookie}).status_code == 401


@pytest.mark.parametrize("path", ["//evil.example/?token=secret", "/%5Cevil.example?token=secret"])
def test_the_token_leads_to_no_other_server(path):
    place = _client("secret", is_page=True).get("http://robot.local:8808" + path).headers["location"]
    assert not place.startswith(("//", "/\\", "http"))


def test_pages_of_other_sites_are_refused():
    client = _client(None, is_page=False, base_url="http://localhost:8008")
    own, foreign = {"origin": "http://localhost:8008"}, {"origin": "http://evil.example"}
    assert client.get("/data", headers=own).status_code == 200
    for origin in (foreign, {"origin": "null"}):
        assert client.get("/data", headers=origin).status_code == 403
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=origin):
            pass
    # A program that was made for the purpose has the token.
    bearer = {**foreign, "authorization": "Bearer secret"}
    assert _client("secret", is_page=False).get("/data", headers=bearer).status_code == 200


def test_other_machines_need_a_token(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert token_of_program("127.0.0.1", None) is None
    assert token_of_page("localhost", None) is None
    with pytest.raises(InputError, match=r"got --host 0\.0\.0\.0 alone; add --token or set LEADLINE_TOKEN"):
        token_of_program("0.0.0.0", None)
    made = [token_of_page("0.0.0.0", None) for _ in range(2)]
    assert all(token is not None and len(token) >= 20 for token in made)
    assert made[0] != made[1]
    assert token_of_page("0.0.0.0", "mine") == "mine"
    monkeypatch.setenv(TOKEN_VARIABLE, "of the environment")
    assert token_of_program("0.0.0.0", None) == token_of_page("::", None) == "of the environment"
    assert (names_for(None), names_for("x")) == (OWN_NAMES, ())
