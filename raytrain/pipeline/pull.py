"""`pull`: bring a run home from a storage, with its weights."""

import shutil
from pathlib import Path

from raytrain.config.codes import CodedError
from raytrain.config.storage import is_url, usable_storage
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.mirror import fetch_files, fetch_whole
from raytrain.runs.store import working_folder


def pull(url: str, to: Path | None) -> RunDir:
    """Copy a run, given as <storage>/<competition>/<run>, to a folder, by default
    `runs/<competition>/<run>`. Run again, it fetches what has changed.

    Raises ValueError when there is no run.
    """
    storage, competition, name = ["", "", *url.rstrip("/").rsplit("/", 2)][-3:]
    if not is_url(storage) or storage.endswith("//"):
        raise ValueError(
            f"{url}: give a run as <storage>/<competition>/<run>, such as "
            "s3://bucket/runs/cardiac/default"
        )
    run = RunDir(working_folder(usable_storage(storage)) / competition / name)
    fetch_files(run.path)
    if not run.data_report.is_file():
        raise CodedError(
            "missing", f"{url}: there is no run here, because it has no data.json; correct the URL"
        )
    fetch_whole(run.path)
    target = RunDir(Path("runs") / competition / name if to is None else to)
    hidden = shutil.ignore_patterns(".*")
    shutil.copytree(run.path, target.path, symlinks=True, ignore=hidden, dirs_exist_ok=True)
    say(f"{url} is in {target.path}")
    return target
