"""A chart of pygal's, stripped to shapes, labels, tooltips and classes.

What goes is its own style and scripts, the boxes of the tooltips that its scripts would fill, and the figures these
would read.
"""

import re
from xml.etree import ElementTree  # nosec B405 # it reads our own charts

REMOVED_TAGS = {"defs", "desc"}
REMOVED_CLASSES = {"background", "titles", "plot overlay", "plot text-overlay", "plot tooltip-overlay", "axis x line"}
ALLOWED_ATTRIBUTES = {"class", "d", "height", "rx", "ry", "transform", "viewBox", "width", "x", "y"}
LONG_NUMBER = re.compile(r"\d+\.\d+")


def strip_svg(rendered: str | bytes) -> str:
    """Convert ``rendered``, an SVG document of pygal's, to an element of an HTML page."""
    root = ElementTree.fromstring(rendered)  # nosec B314 # a chart of our own
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _strip(root)
    root.set("aria-hidden", "true")
    return ElementTree.tostring(root, encoding="unicode")


def _strip(element: ElementTree.Element) -> None:
    for name in set(element.attrib) - ALLOWED_ATTRIBUTES:
        del element.attrib[name]
    for name, value in element.attrib.items():
        element.set(name, LONG_NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), value))
    for child in list(element):
        if _is_invisible(child, element):
            element.remove(child)
        else:
            _strip(child)


def _is_invisible(element: ElementTree.Element, parent: ElementTree.Element) -> bool:
    """Tell whether an element is invisible, such as a bar of no height."""
    if element.tag in REMOVED_TAGS or element.get("class") in REMOVED_CLASSES:
        return True
    if element.tag == "title":
        return parent.get("class") != "bar"
    if element.get("class") == "bar":
        return all(float(rect.get("height", 0)) == 0 for rect in element.iter("rect"))
    if element.get("class") == "guides" and parent.get("class") == "axis x":
        return not any(text.text for text in element.iter("text"))
    return False
