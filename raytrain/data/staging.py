"""Copy a local data folder into a storage, so that machines without that folder can fetch it."""

from collections.abc import Iterator
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.config.storage import is_url
from raytrain.data.source import absolute
from raytrain.data.threads import in_threads
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.messages import counted, say
from raytrain.runs.objects import put, sizes
from raytrain.runs.store import StoredPath

GB = 1e9


def staged(job: JobSpec) -> JobSpec:
    """Copy the job's data folder or .zip into its storage, and return the job with the new address,
    `<storage>/data/<fingerprint>`. Files that are already there are not sent again.

    If the data has a URL, or the storage is a local folder, the job is returned unchanged. Raises
    ValueError when there is no file to send, or when a sent file has another size in the storage.
    """
    data = job.competition.data
    if is_url(data) or not is_url(job.storage):
        return job
    source = Path(absolute(data))
    root = source.parent if source.is_file() else source
    files = {path.relative_to(root).as_posix(): path for path in _files(source)}
    if not files:
        raise ValueError(
            f"{source}: there is nothing to send to {job.storage}; correct the path "
            "(competition.data)"
        )
    facts = {name: path.stat() for name, path in files.items()}
    key = fingerprint([[name, each.st_size, each.st_mtime_ns] for name, each in facts.items()])
    place = StoredPath(job.storage, f"data/{key}")
    wanted = {name: each.st_size for name, each in facts.items()}
    _send(place, files, wanted)
    address = f"{place.url}/{source.name}" if source.is_file() else place.url
    competition = job.competition.model_copy(update={"data": address})
    return job.model_copy(update={"competition": competition})


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    yield from (path for path in sorted(source.rglob("*")) if path.is_file())


def _send(place: StoredPath, files: dict[str, Path], wanted: dict[str, int]) -> None:
    there = sizes(place)
    missing = [name for name in wanted if there.get(name) != wanted[name]]
    if not missing:
        return
    size = sum(wanted[name] for name in missing) / GB
    rest = f" ({len(wanted) - len(missing)} are there already)" if there else ""
    say(f"data: {counted(len(missing), 'file')}, {size:.2f} GB, to {place.url}{rest}")

    def send(name: str) -> None:
        put(files[name], StoredPath(place.storage, f"{place.below}/{name}"))

    in_threads("sending the data", send, missing, wanted.__getitem__)
    there = sizes(place)
    lost = [name for name in wanted if there.get(name) != wanted[name]]
    if lost:
        raise ValueError(
            f"{place.url}: {counted(len(lost), 'file')} have another size there than in the "
            f"folder, such as {lost[0]}; run the same command again"
        )
