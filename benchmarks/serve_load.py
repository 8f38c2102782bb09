"""Many clients of `leadline serve` at once: failures, requests a second, latency and memory.

    python benchmarks/serve_load.py --clients 100 --requests 500

Starts a server, sends Motorcycle at half its size again and again, and compares every answer with the first.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import cyclopts
import numpy as np

from leadline.io.images import write_image
from leadline.protocols.stereo.motorcycle import motorcycle

_BOUNDARY = "leadline"


def main(*, clients: int = 100, requests: int = 500, model: str = "leadline-fast", damaged: int = 20) -> None:
    """Prints the table.

    Args:
        clients: At once.
        requests: In all, after as many as there are clients to warm up.
        model: Method of the server.
        damaged: Requests with a damaged image, sent in between.
    """
    with tempfile.TemporaryDirectory() as folder:
        body = form(folder)
        command = [sys.executable, "-m", "leadline", "serve", "--port", "0", "--model", model]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            threading.Thread(target=server.stdout.read, daemon=True).start()
            try:
                measure(url, server.pid, body, clients, requests, damaged)
            finally:
                server.terminate()


def measure(url: str, pid: int, body: bytes, clients: int, requests: int, damaged: int) -> None:
    """Sends all and prints what came of it."""
    answers: set[bytes] = set()
    failures: dict[int, int] = {}

    def ask(number: int) -> float:
        begun = time.perf_counter()
        try:
            answers.add(sent(f"{url}/stereo?file=disparity.pfm", body))
        except HTTPError as error:
            failures[error.code] = failures.get(error.code, 0) + 1
        return time.perf_counter() - begun

    def spoil(number: int) -> int:
        try:
            sent(f"{url}/stereo", body[: len(body) // 2] + f"\r\n--{_BOUNDARY}--\r\n".encode())
        except HTTPError as error:
            return error.code
        return 200

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, range(clients)))
        before, begun = resident_mb(pid), time.perf_counter()
        spoilt = [pool.submit(spoil, number) for number in range(damaged)]
        seconds = list(pool.map(ask, range(requests)))
        spent = time.perf_counter() - begun
        codes = sorted({each.result() for each in spoilt})
    health = json.loads(urlopen(f"{url}/health", timeout=10).read())
    print(f"clients {clients}, requests {requests}, failures {failures or 0}, different answers {len(answers) - 1}")
    middle, slow = np.quantile(seconds, (0.5, 0.95))
    print(f"requests/s {requests / spent:.2f}; latency p50 {middle:.2f} s, p95 {slow:.2f} s")
    print(f"memory {before:.0f} MB after the first {clients}, {resident_mb(pid):.0f} MB at the end")
    print(f"damaged requests answered with {codes}; the server is {health['status']}")


def form(folder: str) -> bytes:
    """The request's body."""
    scene, _ = motorcycle()
    parts = []
    for name, image in (("left", scene.left), ("right", scene.right)):
        path = Path(folder, f"{name}.png")
        write_image(path, np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8))
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.png"\r\n\r\n'
        parts.append(head.encode() + path.read_bytes() + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def sent(url: str, body: bytes) -> bytes:
    """The answer to a request."""
    request = Request(url, body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})
    with urlopen(request, timeout=120) as answer:
        return answer.read()


def resident_mb(pid: int) -> float:
    """Memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    cyclopts.run(main)
