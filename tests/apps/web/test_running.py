"""A server starts, says where it is, and ends; a port that is taken is one line."""

import os
import signal
import socket
import subprocess
import sys
import threading
from urllib.request import urlopen

import pytest

from leadline.apps.web.access import is_loopback
from leadline.apps.web.running import run_app
from leadline.errors import InputError

PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start programs in the background without it
from leadline.apps.web.running import run_app
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})
try:
    run_app(app, ready=lambda url: print(url, flush=True), on_stop=lambda: print("stopping", flush=True))
except KeyboardInterrupt as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Terminated")])
def test_a_signal_ends_it(number: int, name: str):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        timer = threading.Timer(60, process.kill)
        timer.start()
        url = process.stdout.readline().strip()
        assert urlopen(url, timeout=10).read() == b"hi"
        process.send_signal(number)
        rest = process.stdout.read().split()
        timer.cancel()
    assert rest == ["stopping", name]


def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"expected a free port, got .* address already in use; give another"):
            run_app(lambda *_: None, port=taken.getsockname()[1])  # pyright: ignore[reportArgumentType]


def test_an_address_elsewhere_is_refused():
    with pytest.raises(InputError, match=r"expected a free port|expected an address of this machine"):
        run_app(lambda *_: None, host="192.0.2.1")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="expected a port from 0 to 65535, got 70000"):
        run_app(lambda *_: None, port=70000)  # pyright: ignore[reportArgumentType]
    assert is_loopback("127.0.0.2")
    assert not is_loopback("example.org")


def test_the_address_is_one_that_others_can_open():
    from leadline.apps.web.running import app_beside

    with app_beside(lambda *_: None, host="0.0.0.0") as url:  # pyright: ignore[reportArgumentType]
        assert url.startswith("http://")
        assert "0.0.0.0" not in url
