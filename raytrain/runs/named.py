"""Trials and configurations of a run, found by their name or fingerprint."""

from raytrain.config.errors import unknown_name
from raytrain.runs.configurations import Configuration, configurations
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records

FEWEST = 4
"""Digits of a fingerprint that are enough."""


def named(run: RunDir, name: str) -> Configuration:
    """The configuration with all its repeats, or the one trial, that `name` is the name or the
    beginning of the fingerprint of. Members of the ensemble, which hold nothing out, are none.

    Raises ValueError with the nearest name for none, and listing them for several.
    """
    board = configurations(record for record in read_records(run) if record.station != "final")
    known = {each.key: each for each in board}
    known |= {record.fingerprint: Configuration(each.key, (record,))
              for each in board for record in each.records}  # fmt: skip
    exact = [each for key, each in known.items() if name in (key, each.name)]
    # A configuration that was trained once is its trial.
    found = exact or [
        each for key, each in known.items() if len(name) >= FEWEST and key.startswith(name)
    ]
    found = list({tuple(r.fingerprint for r in each.records): each for each in found}.values())
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{each.name} ({each.fingerprint})" for each in found)
        raise ValueError(f"{run.path.name}: {name!r} may be {listed}; give more of its fingerprint")
    if not board:
        raise ValueError(f"{run.path}: no trial has a record; run `raytrain search` first")
    names = [word for key, each in known.items() for word in (each.name, key)]
    raise ValueError(f"{run.path.name}: no such trial: {unknown_name(name, names)}")
