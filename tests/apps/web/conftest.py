"""A real browser that the tests drive: Chromium over its DevTools protocol, without a driver or download."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

_FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip
_NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """One tab."""

    def __init__(self, address):
        from websockets.sync.client import connect

        self._stack = ExitStack()
        self._socket = self._stack.enter_context(connect(address, max_size=None, proxy=None))
        self._numbers = itertools.count(1)
        self.complaints = []
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    def _note(self, told):
        method, about = told.get("method"), told.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(about["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append([entry.get("value", entry.get("description")) for entry in about["args"]])
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(about["entry"]["text"] + " " + about["entry"].get("url", ""))

    def size(self, width, height, is_phone=False, scheme="dark"):
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address):
        self.send("Page.navigate", url=address)

    def run(self, script):
        """The value of an expression, awaited."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition, seconds=30.0):
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, (
                f"{condition}; complaints: {self.complaints}; {self.run('document.body.innerText')}"
            )
            time.sleep(0.05)

    def pointer(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, begin, end):
        self.pointer("mouseMoved", *begin)
        self.pointer("mousePressed", *begin, button="left", clickCount=1)
        for share in (0.3, 0.6, 1.0):
            self.pointer("mouseMoved", *(a + share * (b - a) for a, b in zip(begin, end, strict=True)), button="left")
        self.pointer("mouseReleased", *end, button="left", clickCount=1)

    def key(self, key):
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def box(self, selector):
        """Left, top, width and height of an element."""
        return self.run(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )

    def hover_pixel(self, x, y):
        """Moves the pointer over a pixel of the image."""
        left, top, width, _ = self.box("#stage .layer.a canvas")
        scale = width / self.run("document.querySelector('#stage canvas').width")
        self.pointer("mouseMoved", left + (x + 0.5) * scale, top + (y + 0.5) * scale)

    def picture(self, path=None):
        """A screenshot as RGB, kept as a PNG if a path is given."""
        import cv2
        import numpy as np

        content = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            Path(path).write_bytes(content)
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def close(self):
        self._stack.close()


@pytest.fixture(scope="session")
def chromium():
    """Starts a browser; called, it gives a new page."""
    pytest.importorskip("websockets", reason="the browser is driven over websockets: leadline[web]")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        browser = subprocess.Popen(
            [program, f"--user-data-dir={folder}", *_FLAGS],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        try:
            port = _port(browser)
            pages = []

            def page(width=1280, height=800, is_phone=False, scheme="dark"):
                import urllib.request

                request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
                with urllib.request.urlopen(request, timeout=30) as answer:
                    pages.append(Page(json.load(answer)["webSocketDebuggerUrl"]))
                pages[-1].size(width, height, is_phone, scheme)
                return pages[-1]

            yield page
            for opened in pages:
                opened.close()
        finally:
            browser.terminate()
            browser.wait(20)
            browser.stderr.close()


def _port(browser):
    for line in browser.stderr:
        if "DevTools listening on" in line:
            return int(line.split("//")[1].split("/")[0].rsplit(":", 1)[1])
    pytest.skip("this Chromium does not start")
