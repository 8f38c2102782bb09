"""Weights of the network that fuses time-of-flight zones with learned depth, fitted to rendered rooms.

    python benchmarks/fit_tof_fusion.py --output src/leadline/robotics/tof_fusion.json --cache rooms

Each room is seen by three simulated sensors: 8x8 or 4x4 zones, of which the mount is known or off by a centimetre and a
degree. The loss is the negative log likelihood of a Laplace distribution and three times the absolute error, of log
depth. A sixth of the rooms takes no part: on them the error bar is widened until it covers 80 %.
"""

import json
from itertools import pairwise
from pathlib import Path

import cyclopts
import numpy as np
import torch
from tof_scenes import Scene, rendered_rooms, simulated_frame

from leadline.errors import InputError
from leadline.robotics.tof_field import FieldSettings, correction_field
from leadline.robotics.tof_learned import EVIDENCE, fusion_evidence
from leadline.robotics.tof_match import FusionView, ZoneMatch
from leadline.robotics.tof_zones import TofZones

_BOUND = 5.0
_LEAST_ERROR = 0.01


def evidence(scene: Scene, rng: np.random.Generator, pixels: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Numbers of some pixels and the correction that they need; None where the zones do not suffice."""
    size = 4 if rng.random() < 0.2 else 8
    off = rng.random() < 0.5
    frame = simulated_frame(scene, rng, size=size, mounted_m=0.01 * off, tilted_deg=1.0 * off)
    if frame.blind:
        return None
    view = FusionView(scene.camera, TofZones(size))
    match = ZoneMatch.prepare(scene.relative, frame, view, scene.image)
    try:
        line = match.fit("line")
    except InputError:
        return None
    seen = match.compare(*line)
    plain = match.log_depth(*line)
    field = correction_field(seen, plain, match.places, FieldSettings())
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int)
        for count, side in zip(plain.shape, scene.depth.shape, strict=True)
    )
    truth, scored = scene.depth[np.ix_(rows, columns)], scene.scored[np.ix_(rows, columns)] & match.usable
    places = np.flatnonzero(scored)
    if len(places) < pixels // 4:
        return None
    chosen = rng.choice(places, pixels)
    numbers = fusion_evidence(match, seen, field, *line).reshape(-1, len(EVIDENCE))[chosen]
    return numbers, (np.log(truth) - plain - field.mean).ravel()[chosen].astype(np.float32)


def plain(numbers: np.ndarray) -> list:
    return np.round(numbers.astype(np.float64), 4).tolist()


def main(
    *,
    output: Path,
    cache: Path,
    first: tuple[int, ...] = (970000, 973000),
    count: tuple[int, ...] = (300, 600),
    views: int = 3,
    pixels: int = 400,
    steps: int = 8000,
) -> None:
    """Renders, simulates and fits.

    Args:
        output: The file of weights.
        cache: Folder of the rendered rooms.
        first: Seeds of first rooms.
        count: How many rooms follow from each of them.
        views: Simulated sensors of each room.
        pixels: Of each view.
        steps: Of Adam.
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rooms: list[list[tuple[np.ndarray, np.ndarray]]] = []
    for scene in (
        each for start, many in zip(first, count, strict=True) for each in rendered_rooms(start, many, cache)
    ):
        rng = np.random.default_rng(int(scene.name))
        found = [evidence(scene, rng, pixels) for _ in range(views)]
        if any(each is not None for each in found):
            rooms.append([each for each in found if each is not None])
    held = len(rooms) // 6
    groups = (rooms[:-held], rooms[-held:])
    (x, y), (held_x, held_y) = (
        tuple(np.stack([view[part] for room in group for view in room]) for part in (0, 1)) for group in groups
    )
    mean, deviation = x.reshape(-1, x.shape[-1]).mean(0), x.reshape(-1, x.shape[-1]).std(0) + 1e-6
    x, held_x = (torch.tensor(np.clip((each - mean) / deviation, -_BOUND, _BOUND)).float() for each in (x, held_x))
    y, held_y = torch.tensor(y), torch.tensor(held_y)
    sizes = (len(EVIDENCE), 48, 32, 2)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for _ in range(steps):
        view, pixel = torch.randint(0, len(x), (16,)), torch.randint(0, pixels, (128,))
        given, goal = x[view][:, pixel], y[view][:, pixel]
        said = network(given + 0.05 * torch.randn_like(given))
        error, spread = (said[..., 0] - goal).abs(), torch.nn.functional.softplus(said[..., 1]) + _LEAST_ERROR
        loss = (error / spread + spread.log()).mean() + 3.0 * error.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        said = network(held_x)
    error = (said[..., 0] - held_y).abs()
    spread = torch.nn.functional.softplus(said[..., 1]) + _LEAST_ERROR
    widening = float(np.quantile((error / spread).numpy(), 0.8) / np.log(5.0))
    print(f"{len(rooms)} rooms, {len(x)} views; held out: |log| {held_y.abs().mean():.4f} -> {error.mean():.4f}")
    print(f"widening {widening:.3f}")
    weights = [
        {"weights": plain(layer.weight.detach().numpy().T), "offset": plain(layer.bias.detach().numpy())}
        for layer in layers
    ]
    numbers = {"mean": plain(mean), "deviation": plain(deviation)}
    content = {"evidence": EVIDENCE, **numbers, "layers": weights, "widening": round(widening, 4)}
    output.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    cyclopts.run(main)
