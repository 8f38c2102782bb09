"""A Sphinx extension that writes formulas as MathML, so that pages need neither a network nor LaTeX."""

from typing import Final, Literal
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

_NAMESPACE: Final = "http://www.w3.org/1998/Math/MathML"
_BARS: Final = ("|", "\u2016")
_OVERLINES: Final = ("\u00af", "\u2015")
_HATS: Final = ("^", "~")


def mathml(formula: str, display: Literal["inline", "block"]) -> str:
    """A formula as MathML that browsers draw well without a mathematical font.

    Args:
        formula: LaTeX.
        display: Whether it stands in a line of text or on a line of its own.
    """
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.fromstring(convert(formula, display=display))
    for element in root.iter():
        text = element.text or ""
        if element.tag.endswith("}mo") and text in _BARS:
            # As an operator, a bar would have space around it and grow with the fractions beside it.
            element.attrib.update(lspace="0", rspace="0", stretchy="false")
        if element.tag.endswith("}mover") and len(element) == 2:
            _draw_overline(element)
    return ElementTree.tostring(root, encoding="unicode")


def _draw_overline(element: ElementTree.Element) -> None:
    """Replace a bar above something by a border, which needs no glyph that stretches."""
    below, mark = element
    if mark.text in _OVERLINES:
        element.remove(mark)
        element.tag = below.tag.replace(below.tag.rpartition("}")[2], "mrow")
        element.set("class", "overline")
    elif mark.text in _HATS:
        mark.set("stretchy", "false")


def write_inline(writer: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula that stands in a line of text."""
    writer.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def write_block(writer: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula that stands on a line of its own."""
    writer.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; `html_math_renderer = "mathml"` selects it."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
