"""The report of an audit as one HTML page that needs nothing else: counts, plots, findings and the worst images."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.audit.judge import Finding, field_of_view_deg
from leadline.data.audit.measure import Sample, views_of
from leadline.data.audit.parts import Part
from leadline.data.audit.run import Audit
from leadline.errors import LeadlineError
from leadline.samples import DepthSample, FlowSample, StereoSample
from leadline.visual.colormap import plasma, plasma_depth
from leadline.visual.flow import colour_scale, flow_colours
from leadline.visual.histogram import histogram_svg

_MOST_SHOWN: Final = 60
_MOST_OF_A_KIND: Final = 6
_MOST_ROWS: Final = 500
_PANEL_PX: Final = 260
_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1180px;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #ddd}
table{border-collapse:collapse}td,th{padding:.25em .7em;text-align:left;border-bottom:1px solid #eee;vertical-align:top}
.error{color:#b00020;font-weight:600}.warning{color:#8a5a00}.fine{color:#1b6e2b;font-weight:600}
.plots{display:flex;flex-wrap:wrap;gap:14px}.case{margin:1em 0}.case img{margin:3px 6px 0 0;vertical-align:top}
.key{font-family:ui-monospace,monospace;font-size:.9em}.legend span{margin-right:1.2em}
"""
_COLOURS: Final = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#4a5568")


def audit_page(audit: Audit, parts: Sequence[Part]) -> str:
    """The page.

    Args:
        audit: What was found.
        parts: Where the images of the worst samples are read once more.
    """
    errors, warnings = (sum(found.values()) for found in audit.counts().values())
    verdict = f'<p class="error">{errors} errors, {warnings} warnings</p>'
    if not errors:
        verdict = f'<p class="fine">nothing is broken; {warnings} warnings</p>'
    body = [
        "<h1>Audit of data</h1>", verdict, _parts_table(audit), "<h2>Findings by kind</h2>", _counts_table(audit),
        "<h2>Distributions</h2>", _plots(audit), "<h2>Worst images</h2>", *_cases(audit, parts),
        "<h2>All findings</h2>", _findings_table(audit),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>Audit of data</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"


def _parts_table(audit: Audit) -> str:
    wrong = {(one.part, one.key) for one in audit.findings if one.weight == "error"}
    rows = [
        (escape(name), escape(what), str(count), str(sum(part == name for part, _ in wrong)))
        for name, what, count in audit.parts
    ]
    return _table(("part", "what", "samples", "samples with errors"), rows)


def _counts_table(audit: Audit) -> str:
    rows = [
        (f'<span class="{weight}">{weight}</span>', escape(kind), str(count))
        for weight, kinds in audit.counts().items()
        for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1])
    ]
    return _table(("weight", "kind", "findings"), rows) if rows else "<p>none</p>"


def _findings_table(audit: Audit) -> str:
    rows = [
        (
            f'<span class="{one.weight}">{one.weight}</span>',
            escape(one.kind),
            f'<span class="key">{escape(one.part)}: {escape(one.key)}</span>',
            escape(one.message),
        )
        for one in audit.findings[:_MOST_ROWS]
    ]
    rest = len(audit.findings) - len(rows)
    more = f"<p>and {rest} more, in audit.json</p>" if rest > 0 else ""
    return (_table(("weight", "kind", "sample", "why"), rows) if rows else "<p>none</p>") + more


def _plots(audit: Audit) -> str:
    names = [name for name, _, _ in audit.parts]
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    legend = "".join(f'<span style="color:{colour}">&#9632; {escape(name)}</span>' for name, colour in colours.items())
    plots = list[str]()
    for title, unit, logarithmic, value in _MEASURES:
        series = {name: list[float]() for name in names}
        for sample in audit.samples:
            if "damage" not in sample and (found := value(sample)) is not None:
                series[sample["part"]].append(found)
        if any(series.values()):
            plots.append(histogram_svg(series, title, unit, colours, logarithmic))
    return f'<p class="legend">{legend}</p><div class="plots">' + "\n".join(plots) + "</div>"


def _image(name: str) -> Any:  # noqa: ANN401 - a function of a sample's measurements
    return lambda sample: float(np.mean([image[name] for image in sample["images"]]))


def _truth(name: str, annotation: str | None) -> Any:  # noqa: ANN401 - likewise
    def value(sample: Mapping[str, Any]) -> float | None:
        if "truth" not in sample or (annotation is None) != ("annotation" not in sample):
            return None
        return sample["truth"][name] if annotation in (None, sample.get("annotation")) else None

    return value


def _nested(*names: str) -> Any:  # noqa: ANN401 - likewise
    def value(sample: Mapping[str, Any]) -> float | None:
        found: Any = sample
        for name in names:
            found = None if found is None else found.get(name)
        return found

    return value


_MEASURES: Final = (
    ("disparity or motion, median", "px", False, _truth("p50", None)),
    ("disparity or motion, largest 1 %", "px", False, _truth("p99", None)),
    ("metric depth, median", "m", True, _truth("p50", "metric")),
    ("metric depth, largest 1 %", "m", True, _truth("p99", "metric")),
    ("pixels with truth", "share", False, _nested("truth", "known")),
    ("brightness", "levels of 255", False, _image("brightness")),
    ("contrast (1 % to 99 %)", "levels of 255", False, _image("range")),
    ("edge blur", "px", False, _image("blur_px")),
    ("texture (deviation in 7x7)", "levels of 255", False, _image("texture")),
    ("points that the truth explains", "share", False, _nested("match", "share")),
    ("vertical offset by the truth", "px", False, _nested("match", "offset_y_px")),
    ("left-right agreement of the truth", "share", False, _nested("consistent", "share")),
    ("exposure gap of the views", "stops", False, _nested("pair", "exposure_gap_stops")),
    (
        "field of view, horizontal",
        "degrees",
        False,
        lambda s: field_of_view_deg(s["camera"]) if "camera" in s else None,
    ),
    ("baseline", "m", True, _nested("camera", "baseline_m")),
    ("image width", "px", False, lambda s: float(s["size"][1])),
)


def _cases(audit: Audit, parts: Sequence[Part]) -> Iterator[str]:
    """The first findings of each kind with their images; of copies the other sample's image, too."""
    by_name = {part.name: part for part in parts}
    places = {(sample["part"], sample["key"]): sample["index"] for sample in audit.samples}
    shown, of_kind = 0, dict[str, int]()
    for one in audit.findings:
        of_kind[one.kind] = of_kind.get(one.kind, 0) + 1
        if of_kind[one.kind] > _MOST_OF_A_KIND or shown >= _MOST_SHOWN or one.index < 0:
            continue
        images = _images_of(by_name[one.part], one.index)
        if one.other in places:
            images += _images_of(by_name[one.other[0]], places[one.other])[:1]
        if images:
            shown += 1
            yield _case(one, images)
    if not shown:
        yield "<p>none</p>"


def _case(one: Finding, images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> str:
    head = f'<span class="{one.weight}">{escape(one.kind)}</span> <span class="key">{escape(one.part)}: '
    pictures = "".join(f'<img alt="" src="data:image/jpeg;base64,{_jpeg(image)}">' for image in images)
    return f'<div class="case">{head}{escape(one.key)}</span>: {escape(one.message)}<br>{pictures}</div>'


def _images_of(part: Part, index: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    try:
        sample: Sample = part.source[index]
    except LeadlineError:
        return []
    images = list(views_of(sample))
    if isinstance(sample, StereoSample) and sample.truth is not None:
        images.append(plasma(sample.disparity, sample.valid))
    if isinstance(sample, DepthSample) and sample.truth is not None:
        images.append(plasma_depth(sample.truth))
    if isinstance(sample, FlowSample) and sample.truth is not None:
        images.append(flow_colours(sample.truth, colour_scale(sample.truth)))
    return images


def _jpeg(image: UInt8[np.ndarray, "h w 3"]) -> str:
    height = max(1, round(image.shape[0] * _PANEL_PX / image.shape[1]))
    small = cv2.resize(image, (_PANEL_PX, height), interpolation=cv2.INTER_AREA)
    done, code = cv2.imencode(
        ".jpg", np.ascontiguousarray(np.asarray(small)[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, 85)
    )
    assert done, "OpenCV writes every 8-bit image as JPEG"
    return base64.b64encode(code.tobytes()).decode()
