"""A YAML with a reason beside each value, and each open question above the value that it
concerns."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from raytrain.data.guess.said import Question, Said, Tree

WIDTH = 100
"""Longest line of values, in characters; comments are wrapped to it."""
_FLOW = 92
"""Longest value in one line; longer mappings and lists have a line for each item."""


def written(tree: Tree, head: Sequence[str], questions: Sequence[Question]) -> str:
    """Return the text of a YAML file: `head` as comments at the top, then the values of `tree`,
    each with the reason for it as a comment, and each question above the value that it concerns."""
    asked = {question.key: question for question in questions}
    lines = [f"# {line}".rstrip() for line in head]
    for key, node in tree.items():
        lines += ["", *_lines(key, node, "", "", asked)]
    return "\n".join(lines) + "\n"


def _lines(
    key: str, node: Said | Tree, indent: str, above: str, asked: dict[str, Question]
) -> Iterator[str]:  # fmt: skip
    path = f"{above}{key}"
    if path in asked:
        yield from _question(asked[path], indent)
    if not isinstance(node, Said):
        yield f"{indent}{key}:"
        for own, below in node.items():
            yield from _lines(own, below, f"{indent}  ", f"{path}.", asked)
        return
    text = flow(node.value)
    reasons = [" ".join(line.split()) for line in node.why.splitlines()]
    if len(indent) + len(key) + len(text) <= _FLOW:
        line = f"{indent}{key}: {text}"
        if len(reasons) == 1 and len(line) + len(reasons[0]) + 4 <= WIDTH:
            yield f"{line}  # {reasons[0]}"
            return
        for reason in reasons:
            yield from _comment(reason, indent)
        yield line
        return
    for reason in reasons:
        yield from _comment(reason, indent)
    yield f"{indent}{key}:"
    yield from _block(node.value, f"{indent}  ")


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            text = flow(item)
            nested = isinstance(item, list) and all(isinstance(each, dict | list) for each in item)
            if not nested and len(indent) + len(str(key)) + len(text) <= WIDTH - 2:
                yield f"{indent}{flow(key)}: {text}"
            else:
                yield f"{indent}{flow(key)}:"
                yield from _block(item, f"{indent}  ")
    elif isinstance(value, list):
        for item in value:
            yield f"{indent}- {flow(item)}"
    else:
        yield f"{indent}{flow(value)}"


def _question(question: Question, indent: str) -> Iterator[str]:
    yield from _comment(f"QUESTION: {question.text}", indent)
    for each in question.candidates:
        yield from _comment(f"  {each.line}    ({each.seen})", indent)


def _comment(text: str, indent: str) -> Iterator[str]:
    """Yield a text as comment lines."""
    lead = f"{indent}#{text[: len(text) - len(text.lstrip())]} "
    yield from textwrap.wrap(
        " ".join(text.split()), WIDTH, initial_indent=lead, subsequent_indent=lead,
        break_long_words=False, break_on_hyphens=False,
    ) or [lead.rstrip()]  # fmt: skip


def flow(value: Any) -> str:
    """Return a value in one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
