"""A report page taken apart."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements and text of a page; fails where an element is closed that is not open."""

    def __init__(self, path: Path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.part = ""
        self.parts: dict[str, str] = {}
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag in ("section", "header", "footer"):
            self.part = dict(attrs).get("id") or tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)
            self.parts[self.part] = self.parts.get(self.part, "") + " " + data.strip()

    def found(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, part: str) -> str:
        return re.sub(r"\s+", " ", self.parts[part])

    def pictures(self, alt: str) -> list[np.ndarray]:
        """The pictures whose alternative text matches."""
        found = [image["src"] for image in self.found("img") if re.fullmatch(alt, image["alt"])]
        return [decoded(source) for source in found]


def decoded(source: str) -> np.ndarray:
    """The pixels of a data address."""
    head, _, body = source.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
