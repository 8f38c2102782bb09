"""Rate, latency and memory of `leadline live` against the matcher alone, with a simulated raw camera.

    python benchmarks/live_soak.py --threads 2 --rounds 5 --frames 20
    python benchmarks/live_soak.py --rounds 1 --frames 10000 --model sgbm-3way --json soak.json

The camera delivers Middlebury's Motorcycle, resized and seen through lenses with distortion, at a steady rate, so that
every pair is rectified. Rounds of the matcher alone and of the whole stream take turns: whoever else uses the
processors slows both. Processor time a result does not depend on them.
"""

import time
from pathlib import Path
from typing import Any

import cv2
import cyclopts
import numpy as np
from skimage.data import stereo_motorcycle

from leadline.apps.cli.sizes import parse_size
from leadline.cameras.frame import FrameMeta, StereoFrame
from leadline.cameras.source import StereoSource
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.rig import UnrectifiedRig
from leadline.loading import load_model
from leadline.results.stereo import versions, write_json
from leadline.runtime.onnx_session import default_threads
from leadline.streaming import LiveStream
from leadline.streaming.ready import FrameMaker


class SimulatedCamera:
    """A raw stereo camera that delivers one pair at a steady rate.

    Args:
        views: Left and right image.
        rig: The cameras.
        fps: Pairs a second.
    """

    notes: tuple[str, ...] = ()
    unpaired = 0

    def __init__(self, views: tuple[np.ndarray, np.ndarray], rig: UnrectifiedRig, fps: float) -> None:
        self.views, self.rig, self.step_s = views, rig, 1.0 / fps
        self.number, self.begun = 0, time.monotonic()

    def grab(self) -> StereoFrame:
        self.number = max(self.number + 1, int((time.monotonic() - self.begun) / self.step_s))
        time.sleep(max(0.0, self.begun + self.number * self.step_s - time.monotonic()))
        left, right = (view.copy() for view in self.views)
        meta = FrameMeta(self.number, time.monotonic(), "device")
        return StereoFrame(left, right, self.number * self.step_s, self.rig, meta)

    def interrupt(self) -> None:
        return

    def close(self) -> None:
        return


def raw_pair(height: int, width: int) -> tuple[tuple[np.ndarray, np.ndarray], UnrectifiedRig]:
    """The pair and cameras whose lenses bend it slightly."""
    views = [cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA) for view in stereo_motorcycle()[:2]]
    lens = DistortedCamera(
        Pinhole(0.7 * width, 0.7 * width, width / 2, height / 2, height, width), (0.001, 0.0, 0.0, 0.0), "radtan"
    )
    right_from_left = np.eye(4)
    right_from_left[0, 3] = -0.12
    return (np.asarray(views[0]), np.asarray(views[1])), UnrectifiedRig(lens, lens, right_from_left)


def resident_mb() -> float:
    """Memory of this process, MB; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


def main(
    *,
    model: str = "leadline-fast",
    size: str = "640x480",
    threads: int | None = None,
    camera_fps: float = 30.0,
    rounds: int = 5,
    frames: int = 20,
    json: Path | None = None,
) -> None:
    """Measures rounds of the matcher alone and of the stream, in turns.

    Args:
        model: As for `leadline live`.
        size: Of one view.
        threads: Threads to use; all processors if absent.
        camera_fps: Pairs a second of the camera.
        rounds: Pairs of rounds.
        frames: Results of each round.
        json: File for all numbers.
    """
    height, width = parse_size(size)
    views, rig = raw_pair(height, width)
    method = load_model(model, "stereo", threads=threads)
    camera = SimulatedCamera(views, rig, camera_fps)
    ready = FrameMaker().ready(StereoFrame(*views, 0.0, rig, FrameMeta(0, 0.0, "device"))).pair
    method(ready.left, ready.right)
    rows = list[dict[str, Any]]()
    for number in range(rounds):
        alone = matcher_alone(method, ready.left, ready.right, frames)
        row = {**alone, **live_round(method, camera, frames), "memory_mb": round(resident_mb(), 1)}
        rows.append(row)
        print(
            f"round {number}: matcher alone {row['matcher_s'] * 1e3:.0f} ms, stream {row['frame_s'] * 1e3:.0f} ms a "
            f"result (rate {row['matcher_s'] / row['frame_s']:.3f} of the matcher's, in processor time "
            f"{row['matcher_cpu_s'] / row['frame_cpu_s']:.3f}), latency {row['latency_s'] * 1e3:.0f} ms, "
            f"{row['memory_mb']} MB",
            flush=True,
        )
    told = {
        "model": model, "size": size, "threads": threads or default_threads(), "camera_fps": camera_fps,
        "rate_ratio": float(np.median([row["matcher_s"] / row["frame_s"] for row in rows])),
        "cpu_ratio": float(np.median([row["matcher_cpu_s"] / row["frame_cpu_s"] for row in rows])),
        "latency_frames": float(np.median([row["latency_s"] / row["frame_s"] for row in rows])),
        "rounds": rows, "versions": versions(),
    }  # fmt: skip
    print(
        f"median: rate {told['rate_ratio']:.3f} of the matcher's, {told['cpu_ratio']:.3f} in processor time, latency "
        f"{told['latency_frames']:.2f} frame times"
    )
    if json is not None:
        write_json(json, told)


def matcher_alone(method: Any, left: np.ndarray, right: np.ndarray, frames: int) -> dict[str, float]:
    """Seconds, and processor time, of one call, the matcher being called again and again."""
    count, begun, cpu = min(frames, 50), time.perf_counter(), time.process_time()
    for _ in range(count):
        method(left, right)
    return {
        "matcher_s": (time.perf_counter() - begun) / count,
        "matcher_cpu_s": (time.process_time() - cpu) / count,
    }


def live_round(method: Any, camera: SimulatedCamera, frames: int) -> dict[str, float]:
    """Seconds between two results, and median latency, after the first two results."""
    moments, cpu, latencies, matches, memory = (list[float]() for _ in range(5))
    with LiveStream(StereoSource("simulated:", lambda: camera, is_live=True), method) as stream:
        for count, result in enumerate(stream):
            if count >= 2:
                moments.append(time.perf_counter())
                cpu.append(time.process_time())
                matches.append(result.match_s)
                latencies.append(result.latency_s)
            if count % max(1, frames // 20) == 0:
                memory.append(round(resident_mb(), 1))
                if frames >= 200:
                    print(f"{count} results, {memory[-1]} MB", flush=True)
            if count == frames + 2:
                break
    return {
        "frame_s": (moments[-1] - moments[0]) / (len(moments) - 1),
        "frame_cpu_s": (cpu[-1] - cpu[0]) / (len(cpu) - 1),
        "match_s": float(np.median(matches)),
        "latency_s": float(np.median(latencies)),
        "latency_p95_s": float(np.percentile(latencies, 95.0)),
        "memory_course_mb": memory,
    }


if __name__ == "__main__":
    cyclopts.run(main)
