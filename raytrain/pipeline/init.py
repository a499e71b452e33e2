"""`init`: write the YAML of an unknown folder, or find the YAML that was written before."""

from pathlib import Path

from raytrain.config.competition import name_of
from raytrain.config.errors import number_of, shortened
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.data.source import absolute
from raytrain.pipeline.check import check
from raytrain.pipeline.data_text import summary
from raytrain.pipeline.draft import Draft, draft_of
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted


def init(folder: str, sample: Path | None, out: Path | None) -> tuple[Draft, Path]:
    """Write the YAML of a folder, by default as `<name>.yaml` in the working directory, and return
    it with its path.

    Raises ValueError when the file exists, or when no masks are found in the folder.
    """
    path = out or Path(f"{name_of(absolute(folder))}.yaml")
    if path.exists():
        raise ValueError(
            f"{path}: exists already and is not overwritten; remove it, or write another file with "
            "--out"
        )
    draft = draft_of(folder, sample, str(path))
    write_bytes(path, draft.text.encode())
    return draft, path


def file_of(folder: str) -> Path | None:
    """Return the YAML that was written for a folder before, or None if the working directory has
    none.

    Raises ValueError when a file of this name is for another folder.
    """
    path = Path(f"{name_of(absolute(folder))}.yaml")
    if not path.exists():
        return None
    data = load_job(path).competition.data
    if absolute(data) != absolute(folder):
        raise ValueError(
            f"{path}: is for {data}, not for {folder}; write another file: raytrain init {folder} "
            "--out FILE"
        )
    return path


def keep_report(draft: Draft, job: JobSpec, run: RunDir) -> None:
    """Save the data report of `init` for the run, if the job is for the same data."""
    if draft.report is not None and job.competition == draft.job.competition:
        report = draft.report
        check(job, run, lambda competition, folder: report)


def draft_text(draft: Draft, path: Path) -> str:
    """Return, as text for the user, what was written and which questions are open."""
    lines = [f"written: {path}"]
    if draft.report is not None:
        lines.append(summary(draft.report))
    if draft.problems:
        count = counted(number_of(draft.problems), "problem")
        lines += [f"{count} that `raytrain check` will list, too:"]
        lines += [f"  {problem}" for problem in shortened([*draft.problems])]
    if draft.questions:
        lines.append("only a person can answer this (the file has the first answer to each):")
        lines += ["  " + str(question).replace("\n", "\n  ") for question in draft.questions]
    return "\n".join(lines)
