"""Contact sheets: what the renderer makes of some seeds, to be looked at."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import UInt8

from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.generate import Sequences
from leadline.data.synthetic.mono import render_mono
from leadline.data.synthetic.moving_worlds import MovingWorlds
from leadline.data.synthetic.stereo import Worlds, render_stereo
from leadline.data.synthetic.video import render_video
from leadline.visual.colormap import plasma
from leadline.visual.flow import colour_scale, flow_colours
from leadline.visual.sheet import Panel, sheet

_HIDDEN_RGB: Final = (220, 60, 60)
_MOVING_RGB: Final = (60, 200, 60)


def contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (320, 640), sensor: bool = True, worlds: Worlds = "first"
) -> UInt8[np.ndarray, "h w 3"]:
    """Left, right, disparity and occlusion of some seeds, a row each."""
    rows: list[list[Panel]] = []
    for seed in seeds:
        sample, rig = render_stereo(seed, size, sensor, worlds=worlds)
        assert sample.occluded is not None, "the renderer knows it"
        hidden = np.repeat(sample.occluded[..., None].astype(np.uint8) * 255, 3, -1)
        top = float(np.quantile(sample.disparity, 0.995))
        rows.append(
            [
                Panel(f"{seed}, {rig.world}: left", sample.left, photo=True),
                Panel("right", sample.right, photo=True),
                Panel(f"disparity, up to {top:.0f} px", plasma(sample.disparity, sample.valid)),
                Panel("hidden from the right view (white)", hidden),
            ]
        )
    return sheet(rows, panel_width=min(size[1], 480))


def mono_contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (288, 384), sensor: bool = True, across: int = 3
) -> UInt8[np.ndarray, "h w 3"]:
    """Images of some seeds, each beside its inverse depth (bright is near, black is unknown), some across."""
    panels: list[Panel] = []
    for seed in seeds:
        sample, view = render_mono(seed, size, sensor)
        inverse = np.where(sample.valid, 1.0 / np.where(sample.valid, sample.depth, 1.0), 0.0)
        near, far = np.quantile(sample.depth[sample.valid], [0.01, 0.99])
        panels.append(Panel(f"{seed}, {view.world}", sample.image, photo=True))
        panels.append(Panel(f"{near:.1f} to {far:.1f} m", plasma(inverse, sample.valid)))
    rows = [panels[i : i + 2 * across] for i in range(0, len(panels), 2 * across)]
    return sheet(rows, panel_width=min(size[1], 320))


def flow_contact_sheet(
    seeds: Sequence[int], size: tuple[int, int] = (320, 640), sensor: bool = True, worlds: MovingWorlds = "first"
) -> UInt8[np.ndarray, "h w 3"]:
    """Both frames, flow, and occlusion with what moves by itself, of some seeds, a row each."""
    rows: list[list[Panel]] = []
    for seed in seeds:
        sample, truth, notes = render_flow(seed, size, sensor, worlds)
        assert sample.truth is not None, "the renderer knows it"
        assert sample.occluded is not None, "the renderer knows it"
        scale = colour_scale(sample.truth)
        marks = np.where(truth.moving[0][..., None], _MOVING_RGB, sample.first // 3).astype(np.uint8)
        marks[sample.occluded] = _HIDDEN_RGB
        rows.append(
            [
                Panel(f"{seed}, {notes.world}, {notes.path}: first", sample.first, photo=True),
                Panel("second", sample.second, photo=True),
                Panel(f"flow, full colour at {scale:.0f} px", flow_colours(sample.truth, scale)),
                Panel("hidden in the second (red), moves by itself (green)", marks),
            ]
        )
    return sheet(rows, panel_width=min(size[1], 480))


def video_contact_sheet(
    seeds: Sequence[int], sequence: Sequences, size: tuple[int, int] = (160, 480), sensor: bool = True
) -> UInt8[np.ndarray, "h w 3"]:
    """First and last frame of some sequences, and depth, flow and moving bodies of the first one, a row each."""
    rows: list[list[Panel]] = []
    for seed in seeds:
        sample, notes = render_video(seed, size, sequence.frames, sequence.objects, sequence.views, sensor)
        depth, flow = sample.depths[0], sample.forward[0]
        near, far = np.quantile(depth.depth[depth.valid], [0.01, 0.99])
        inverse = np.where(depth.valid, 1.0 / np.where(depth.valid, depth.depth, 1.0), 0.0)
        scale = colour_scale(flow)
        marks = np.where(sample.moving[0][..., None], _MOVING_RGB, sample.frames[0] // 3).astype(np.uint8)
        marks[sample.hidden_after[0]] = _HIDDEN_RGB
        row = [
            Panel(f"{seed}, {notes.world}, {notes.path}: first", sample.frames[0], photo=True),
            Panel("last frame", sample.frames[-1], photo=True),
            Panel(f"{near:.1f} to {far:.1f} m", plasma(inverse, depth.valid)),
            Panel(f"flow, full colour at {scale:.0f} px", flow_colours(flow, scale)),
            Panel("red: hidden next, green: moves", marks),
        ]
        if sample.rights:
            row.insert(2, Panel("first frame, right view", sample.rights[0], photo=True))
        rows.append(row)
    return sheet(rows, panel_width=min(size[1], 320))
