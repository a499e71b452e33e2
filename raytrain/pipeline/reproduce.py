"""`reproduce`: rebuild a submission's CSV from the record in the ledger's folder."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from raytrain.config.job import JobSpec
from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport, read_report
from raytrain.data.shown_classes import located
from raytrain.engine.checkpoint import is_there
from raytrain.pipeline.predict import predict_shard, shards
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.files import sha256_of
from raytrain.runs.joined import read_joined
from raytrain.runs.layout import RunDir
from raytrain.submission.change import change
from raytrain.submission.events import Event, latest
from raytrain.submission.ledger import Ledger, ledger_of
from raytrain.submission.prepare import read_kept
from raytrain.submission.table import build_table, write_table


@dataclass(frozen=True)
class Reproduced:
    """A submission whose CSV was rebuilt, and equals the original bit for bit."""

    tag: str
    rows: int | None
    sha256: str

    @property
    def text(self) -> str:
        return f"{self.tag}: the CSV is the same, {self.rows} rows, SHA-256 {self.sha256}"


def reproduce(asked: JobSpec, run: RunDir, ref: str) -> Reproduced:
    """Rebuild the CSV of a submission, given by its tag or Kaggle's number, with the members in its
    record.

    Raises ValueError when there is no such submission, when data or weights differ from those of
    the record, and when the CSV differs, with the number of pixels that do.
    """
    ledger = ledger_of(asked, run)
    event = _event(ledger, ref)
    job, ensemble = _recorded(ledger, event)
    assert event.run is not None
    source = RunDir(run.path.parent / event.run)
    report = _same_data(source, ensemble)
    _refuse_lost_members(source, ensemble)
    spec = located(job.competition)
    with tempfile.TemporaryDirectory() as folder:
        for shard in shards(source, ensemble, report.ids("test"), Path(folder)):
            predict_shard(shard)

        def masks() -> Iterator[tuple[str, np.ndarray]]:
            for id in report.ids("test"):
                yield id, decode_mask(Path(folder) / f"{id}.png")

        built = Path(folder) / "submission.csv"
        write_table(built, build_table(masks(), report.classes, spec, report.target), spec)
        digest = sha256_of(built)
        if digest == event.sha256:
            return Reproduced(event.tag, event.rows, digest)
        sent = ledger.kept(f"{event.tag}.csv")
        found = change(sent, masks(), report.classes, report.target, spec)
    raise ValueError(
        f"{event.tag}: the CSV differs (SHA-256 {digest[:12]}, sent {str(event.sha256)[:12]}): "
        f"{found.pixels} px differ in {found.keys} of {found.of} masks; to get the same bits, use "
        f"the same commit ({event.commit}), library versions and kind of processor"
    )


def _recorded(ledger: Ledger, event: Event) -> tuple[JobSpec, Ensemble]:
    record = read_kept(ledger, event)
    try:
        return (
            JobSpec.model_validate(record["job"]),
            Ensemble.model_validate(record["ensemble"]),
        )
    except ValidationError:
        raise ValueError(
            f"{event.tag}: another version of raytrain wrote its record; reproduce it with the "
            f"commit {event.commit}"
        ) from None


def _event(ledger: Ledger, ref: str) -> Event:
    events = latest(ledger.read())
    for event in events.values():
        if ref in (event.tag, str(event.ref)):
            if event.run is None:
                raise ValueError(
                    f"{ref}: it was entered by hand, so there is no record of it; give a "
                    "submission that raytrain prepared"
                )
            return event
    known = [str(e.ref) for e in events.values() if e.ref is not None] or [*events]
    remedy = f"give one of {', '.join(known)}" if known else "prepare one with `raytrain run`"
    raise ValueError(f"{ref}: not in {ledger}; {remedy}")


def _same_data(source: RunDir, ensemble: Ensemble) -> DataReport:
    if not source.data_report.is_file():
        raise ValueError(f"{source.data_report}: missing; run `raytrain check` for this run again")
    report = read_report(source.data_report)
    if report.fingerprint != ensemble.data:
        raise ValueError(
            f"{source.path}: its data has the fingerprint {report.fingerprint}, but the "
            f"submission's data had {ensemble.data}; run `raytrain check` on the submission's data"
        )
    return report


def _refuse_lost_members(source: RunDir, ensemble: Ensemble) -> None:
    lost = [
        f"{member.name}: {source.path / network.checkpoint} is missing"
        for member, _, _ in ensemble.members
        for network in member.networks
        if not is_there(source.path / network.checkpoint)
    ]
    there = {joined.fingerprint for joined in read_joined(source).values()}
    gone = [
        f"{member.name}: the maps {member.fingerprint} are not in the ensemble any more"
        for member, _, _ in ensemble.members
        if member.maps is not None and member.fingerprint not in there
    ]
    if lost or gone:
        raise ValueError(
            "members of the submission are missing; `raytrain finalize` with the job in the record "
            "trains them again, `raytrain ensemble --add` adds a teammate's maps again\n  "
            + "\n  ".join(lost + gone)
        )
