"""The findings as YAML: the nearest dialect, its differences, and open questions."""

from collections.abc import Iterable
from typing import Any

import yaml

from raytrain.config.competition import SubmissionSpec
from raytrain.config.dialects import DIALECTS, Dialect
from raytrain.config.formats import RleTableSpec
from raytrain.data.patterns import fields_in
from raytrain.submission.inference.infer import Inference, Split

Fields = dict[str, Any]


def yaml_block(found: Inference) -> str:
    """Return the findings as YAML text: the key `competition` with `submission` and, if there is a
    training table, `format`."""
    own = submission_fields(found)
    words = found["classes"].value
    lines = ["competition:"]
    if words and found["class_as"].value == "name":
        lines += _lines("  ", {"classes": ["background", *words]})
    elif words:
        lines.append(f"  # classes: name the background and these {len(words)}: {', '.join(words)}")
    lines += ["  submission:", *_lines("    ", own)]
    lines += [f"    # {note}" for note in undecided(found)]
    lines += _lines("    ", {"sample": str(found.sample.table.path.absolute())})
    if found.train is not None:
        lines += ["  format:", *_format_lines(found, found.train)]
    return "\n".join(lines)


def submission_fields(found: Inference) -> Fields:
    """Return the dialect that is nearest to the submission, and the fields that differ from it."""
    settled = _settled(found)
    name = nearest(settled)
    own = {"dialect": name, **_differing(settled, name)}
    SubmissionSpec(**own)
    return own


def table_fields(found: Inference, train: Split) -> Fields:
    """Return the dialect that is nearest to the training table, and the fields that differ from
    it."""
    table, settled = train.table, _settled(found)
    name = nearest(settled)
    columns = [table.id, *filter(None, [table.class_column]), table.encoding]
    own = {**settled, "class_column": table.class_column, "id": train.ids.template}
    if not set(found.sample.table.header) <= set(table.header):
        own["columns"] = tuple(columns)
    if found.train_empty is not None:
        own["empty"] = found.train_empty
    return {"dialect": name, "table": table.path.name, **_differing(own, name)}


def nearest(settled: Fields) -> str:
    """Return the name of the dialect with the fewest values that differ from these. On a tie, it is
    the one that is most like the default."""
    plain = Dialect()

    def distance(name: str) -> tuple[int, int]:
        dialect = DIALECTS[name]
        return (
            len(_differing(settled, name)),
            sum(
                getattr(dialect, field) != getattr(plain, field)
                for field in Dialect.model_fields
                if field not in settled
            ),
        )

    return min(DIALECTS, key=distance)


def _settled(found: Inference) -> Fields:
    return {
        finding.field: finding.value
        for finding in found.findings
        if finding.field in Dialect.model_fields and finding.sure != "cannot tell"
    }


def _differing(fields: Fields, name: str) -> Fields:
    return {
        field: value for field, value in fields.items() if getattr(DIALECTS[name], field) != value
    }


def undecided(found: Inference) -> list[str]:
    """Return a note for each field that is only likely, or that has the dialect's value because
    nothing is known."""
    name, notes = nearest(_settled(found)), []
    for item in found.findings:
        if item.field not in Dialect.model_fields or item.sure == "decided":
            continue
        own = f"{_shown(getattr(DIALECTS[name], item.field))}, as in {name}; "
        # The text may cite cells with line breaks, which would end the comment.
        why = " ".join(item.why.split())
        likely = item.sure == "likely"
        text = f"likely: {why}" if likely else f"{own}the files do not tell: {why}"
        notes.append(f"{item.field}: {text}")
    return notes


def _format_lines(found: Inference, train: Split) -> list[str]:
    table, fields = train.table, table_fields(found, train)
    notes = []
    pattern = found.images.pattern(set(train.names)) if found.images else None
    if pattern is None:
        notes.append(
            "image: the files do not tell; write the path of the images, such as train/{name}.png"
        )
    else:
        notes.append("image and table are relative to competition.data")
    for at, id in enumerate(table.column(table.id)):
        read = fields_in(id, train.ids.template)
        if read is None or read["name"] != train.names[at]:
            notes.append(
                f"id: raytrain would read {id!r} as {read}, with a wrong class; put "
                "the class into a separate column of the table"
            )
            break
    own = {"name": "rle_table", **fields, "image": pattern or "{name}.png"}
    RleTableSpec(**own)
    return [*(f"    # {note}" for note in notes), *_lines("    ", own)]


def _lines(indent: str, fields: Fields) -> Iterable[str]:
    return [f"{indent}{field}: {_shown(value)}" for field, value in fields.items()]


def _shown(value: Any) -> str:
    plain = [*value] if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
