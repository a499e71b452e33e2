"""Tables of a cluster's jobs and nodes for the terminal."""

from typing import TYPE_CHECKING, Any

from rich.table import Table

from raytrain.report.terminal import as_text
from raytrain.runs.messages import counted

if TYPE_CHECKING:  # its module imports Ray
    from raytrain.cluster.doctor import Node


def jobs_table(jobs: list[dict[str, Any]], others: int) -> str:
    """Return the Ray jobs of a cluster as text; `others` is the number of jobs of other
    programs."""
    table = Table(title="jobs", title_justify="left")
    for column in ("id", "state", "started (UTC)", "ended (UTC)"):
        table.add_column(column, overflow="fold")
    for job in jobs:
        times = [f"{job[key]:%m-%d %H:%M:%S}" if job[key] else "" for key in ("started", "ended")]
        table.add_row(job["id"], job["state"], *times)
    text = as_text(table) if jobs else "no jobs of raytrain"
    return f"{text}\n{counted(others, 'job')} that other programs submitted" if others else text


def nodes_table(nodes: list["Node"]) -> str:
    """Return the measurements of a cluster's nodes as text."""
    table = Table(title="nodes", title_justify="left")
    for column in ("node", "host", "versions", "GPUs", "shm GB", "cache GB", "storage MB/s"):
        table.add_column(column, overflow="fold")
    table.add_column("faults", justify="right")
    for node in nodes:
        facts = node.facts
        cells = ["no answer", *[""] * 5]
        if facts is not None:
            numbers = (facts.shm_gb, facts.cache_gb, facts.storage_mb_s)
            cells = [
                facts.host,
                ", ".join(f"{name} {value}" for name, value in facts.versions.items()),
                "\n".join(facts.gpus) or "none",
                *("" if number is None else f"{number:.1f}" for number in numbers),
            ]
        table.add_row(node.address, *cells, str(len(node.faults)))
    return as_text(table)
