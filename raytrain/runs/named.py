"""Find trials and configurations of a run by their name or fingerprint."""

from raytrain.config.errors import unknown_name
from raytrain.runs.configurations import Configuration, configurations
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records

FEWEST = 4
"""Fewest digits that identify a fingerprint."""


def named(run: RunDir, name: str) -> Configuration:
    """Return the configuration, or the single trial, with this name or beginning of a fingerprint.

    Members of the ensemble are not found, because they hold no images out. Raises ValueError with
    the nearest name if none matches, and with a list if several do.
    """
    board = configurations(record for record in read_records(run) if record.station != "final")
    known = {each.key: each for each in board}
    known |= {record.fingerprint: Configuration(each.key, (record,))
              for each in board for record in each.records}  # fmt: skip
    exact = [each for key, each in known.items() if name in (key, each.name)]
    # A configuration with a single repeat is the same as its trial.
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
