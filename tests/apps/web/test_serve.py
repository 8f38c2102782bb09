"""The server answers with the command line's own bytes, refuses what it cannot take, and stays up."""

import json
import struct
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from leadline.apps.web.running import app_beside, run_app
from leadline.apps.web.serve.app import make_app
from leadline.apps.web.serve.work import Limits, Models, Worker, Workers
from leadline.io.pfm import read_pfm

MODELS = Models("sgbm", "leadline-mono", threads=1)


@pytest.fixture(scope="module")
def workers():
    pool = Workers(MODELS, 1, Limits(most_bytes=2_000_000, max_pixels=40_000))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def client(workers):
    with TestClient(make_app(workers)) as found:
        yield found


@pytest.fixture
def parts(pair):
    """The files of a pair, as parts of a form; one was sent under a name that is a path."""
    left, right = pair
    return {"left": ("../../etc/left.png", left.read_bytes()), "right": ("right.png", right.read_bytes())}


def pfm(data: bytes, folder: Path) -> np.ndarray:
    (folder / "it.pfm").write_bytes(data)
    return read_pfm(folder / "it.pfm")


def test_a_pair_gets_the_bytes_of_the_command_line(client, parts, pair, leadline, tmp_path):
    words = ("--fov", 60, "--baseline-m", 0.1, "--model", "sgbm", "--max-disparity", 32, "--threads", 1)
    assert leadline("stereo", *pair, *words, "--output", tmp_path / "result").code == 0
    fields = {"fov": "60", "baseline_m": "0.1", "max_disparity": "32"}
    answer = client.post("/stereo?file=all", files=parts, data=fields)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        made = {path.name: path.read_bytes() for path in (tmp_path / "result").iterdir()}
        assert set(archive.namelist()) == set(made)
        assert all(archive.read(name) == data for name, data in made.items() if name != "summary.json")
    one = client.post("/stereo?file=disparity.pfm", files=parts, data=fields)
    assert one.content == made["disparity.pfm"]
    assert float(np.median(pfm(one.content, tmp_path))) == pytest.approx(7.0, abs=0.5)
    summary = client.post("/stereo", files=parts, data=fields).json()
    assert summary["model"] == "sgbm"
    assert "/tmp" not in json.dumps(summary)
    assert "etc" not in json.dumps(summary)


def test_an_image_gets_the_bytes_of_the_command_line(client, pair, leadline, tmp_path):
    words = ("--fov", 60, "--scale-from", "planes:1:10", "--threads", 1)
    assert leadline("mono", pair[0], *words, "--output", tmp_path / "result").code == 0
    fields = {"fov": "60", "scale_from": "planes:1:10"}
    files = {"image": ("left.png", pair[0].read_bytes())}
    answer = client.post("/mono?file=depth.pfm", files=files, data=fields)
    assert answer.content == (tmp_path / "result" / "depth.pfm").read_bytes()
    assert client.post("/mono", files=files, data=fields).json()["kind"] == "metric"
    refused = client.post("/mono", files=files, data={"scale_from": "points:/etc/passwd"})
    assert (refused.status_code, refused.json()["error"][:42]) == (422, "expected height:, ground: or planes: as sc")


def huge_png(width: int, height: int) -> bytes:
    """A PNG of one grey, whose pixels take far more room than its file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (width + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("files", "fields", "query", "status", "words"),
    [
        ({"left": b"not an image", "right": b"nor this"}, {}, "", 422, "expected"),
        ({"left": huge_png(20_000, 10_000)}, {}, "", 413, "at most 40000 pixels, got 20000x10000 in left"),
        ({"left": b"0" * 2_100_000}, {}, "", 413, "expected at most 2000000 bytes in a request"),
        ({}, {"fov": "60"}, "", 415, "expected a form as multipart/form-data"),
        ({"right": b"1"}, {}, "", 422, "expected a file as left, got none"),
        ({"left": b"1", "middle": b"2"}, {}, "", 422, "expected files as left, right, calibration, got 'middle'"),
        ({"left": None}, {"depth": "1"}, "", 422, "expected fields out of left, right, calibration"),
        ({"left": None}, {"fov": "wide"}, "", 422, "expected a number as fov, got 'wide'"),
        ({"left": None}, {"swap": "maybe"}, "", 422, "expected true or false as swap"),
        ({"left": None}, {"layout": "round"}, "", 422, "expected side-by-side, half-side-by-side"),
        ({"left": None}, {"fov": "60", "baseline_m": "60"}, "", 422, "baseline"),
        ({"left": None}, {}, "?file=../../etc/passwd", 422, "expected disparity.pfm"),
        ({"left": None}, {}, "?name=x", 422, "expected fields in the form"),
        ({"left": None}, {}, "?file=depth.pfm", 422, "of this result, which has no depth.pfm"),
    ],
)
def test_what_cannot_be_answered_is_one_line(client, parts, files, fields, query, status, words):
    sent = {**parts, **{name: (f"{name}.png", data) for name, data in files.items() if data is not None}}
    sent = sent if None in files.values() else {name: sent[name] for name in files}
    answer = client.post(f"/stereo{query}", files=sent or None, data=fields)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert words in error
    assert "\n" not in error
    assert "/tmp" not in error
    assert client.get("/health").json()["status"] == "ok"


def test_what_it_offers_and_counts(client):
    assert "POST /stereo" in client.get("/").text
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    form = described["paths"]["/stereo"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["left"]
    assert client.get("/nothing").status_code == 404
    text = client.get("/metrics").text
    assert 'leadline_requests_total{path="other",status="404"} 1' in text
    assert "leadline_waiting 0\n" in text


def test_a_token_is_needed_where_there_is_one(workers):
    with TestClient(make_app(workers, token="secret")) as guarded:
        assert guarded.get("/health").status_code == 200
        assert guarded.get("/metrics").status_code == 401
        assert guarded.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert guarded.get("/metrics", headers={"authorization": "Bearer secret"}).status_code == 200
    with TestClient(make_app(workers, hosts=("localhost",)), base_url="http://evil.example") as foreign:
        assert foreign.get("/health").status_code == 400


def test_a_full_queue_turns_away_and_a_stopping_server_too(parts, monkeypatch):
    hold, started = threading.Event(), threading.Event()
    run = Worker.run

    def slow(worker, request):
        started.set()
        hold.wait(20)
        return run(worker, request)

    monkeypatch.setattr(Worker, "run", slow)
    pool = Workers(MODELS, 1, Limits(waiting=1, timeout_s=0.5))
    with TestClient(make_app(pool)) as client, ThreadPoolExecutor(4) as at_once:
        first = at_once.submit(client.post, "/stereo", files=parts)
        assert started.wait(10)
        second = at_once.submit(client.post, "/stereo", files=parts)
        end = time.monotonic() + 10
        while not pool.waiting and time.monotonic() < end:
            time.sleep(0.01)
        third = client.post("/stereo", files=parts)
        assert (third.status_code, third.headers["retry-after"]) == (429, "1")
        assert second.result().status_code == 503  # it waits in vain
        pool.stop()
        assert client.post("/stereo", files=parts).status_code == 503
        assert client.get("/health").status_code == 503
        assert first.result().status_code == 503  # its time is over, though the worker still works
        hold.set()
    pool.close()


def test_a_stream_answers_the_newest_pair(client, pair, tmp_path):
    left, right = (path.read_bytes() for path in pair)
    message = len(left).to_bytes(4, "little") + left + right
    with client.websocket_connect("/stream?max_disparity=32") as socket:
        socket.send_bytes(message)
        assert socket.receive_json()["number"] == 0
        assert pfm(socket.receive_bytes(), tmp_path).shape == (120, 160)
        socket.send_bytes(b"\xff\xff\xff\x7f" + left)
        assert "expected 4 bytes with the length" in socket.receive_json()["error"]
        socket.send_bytes(message)
        assert socket.receive_json()["number"] == 2
        socket.receive_bytes()
    with client.websocket_connect("/stream?file=cloud.xyz") as socket:
        assert "expected disparity.pfm" in socket.receive_json()["error"]


def test_the_command_needs_a_token_for_other_machines(leadline, monkeypatch):
    monkeypatch.delenv("LEADLINE_TOKEN", raising=False)
    done = leadline("serve", "--host", "0.0.0.0")
    assert done.code == 2
    assert "expected a token for a server that other machines reach" in done.one_line
    assert leadline("serve", "--workers", 0, "--model", "sgbm").code == 2


def _form(parts):
    """The parts of a form, without its end."""
    return b"".join(
        b"--x\r\nContent-Disposition: form-data; name=%b; filename=a.png\r\n\r\n%b\r\n" % (name.encode(), data)
        for name, (_, data) in parts.items()
    )


def test_a_client_that_goes_away_leaves_no_trace(parts, monkeypatch, capfd):
    """It is counted, and the server's terminal stays quiet."""
    import socket
    from urllib.request import urlopen

    hold = threading.Event()
    monkeypatch.setattr(Worker, "run", lambda *_: hold.wait(20))
    pool = Workers(MODELS, 1, Limits())
    body = _form(parts) + b"--x--\r\n"
    with app_beside(make_app(pool)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            head = f"POST /stereo HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            client.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + body)
            end = time.monotonic() + 20
            while not pool.busy and time.monotonic() < end:
                time.sleep(0.01)
        while time.monotonic() < end:
            with urlopen(f"{url}/metrics", timeout=60) as answer:
                if b'path="/stereo",status="499"} 1' in answer.read():
                    break
        else:
            pytest.fail("it was not counted")
        hold.set()
    pool.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_hundred_clients_at_once(parts):
    from urllib.request import Request as Asked
    from urllib.request import urlopen

    pool, urls, ready = Workers(MODELS, 1, Limits()), [], threading.Event()
    body = _form(parts)
    fields = b'--x\r\nContent-Disposition: form-data; name="max_disparity"\r\n\r\n32\r\n--x--\r\n'

    def ask(_: int) -> bytes:
        asked = Asked(f"{urls[0]}/stereo?file=disparity.pfm", body + fields)
        asked.add_header("Content-Type", "multipart/form-data; boundary=x")
        return urlopen(asked, timeout=300).read()

    server = threading.Thread(
        target=run_app,
        args=(make_app(pool),),
        kwargs={"ready": lambda url: (urls.append(url), ready.set())},
        daemon=True,
    )
    server.start()
    assert ready.wait(20)
    with ThreadPoolExecutor(100) as clients:
        answers = set(clients.map(ask, range(100)))
    assert len(answers) == 1
    pool.close()
