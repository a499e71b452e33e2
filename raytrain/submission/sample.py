"""The sample submission: its location, and its agreement with the test images."""

from pathlib import Path

from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.config.fault import Fault
from raytrain.data.report import DataReport
from raytrain.data.source import local_folder
from raytrain.data.tables import read_table
from raytrain.submission.checks import double_problems, header_problems, set_problems
from raytrain.submission.rows import key_of, keys_of


def located(competition: CompetitionSpec) -> SubmissionSpec:
    """Return the competition's submission spec. A relative path of its sample is taken relative to
    competition.data, and made absolute."""
    spec = competition.submission
    if spec.sample is None:
        return spec
    path = Path(spec.sample).expanduser()
    path = path if path.is_absolute() else local_folder(competition.data) / path
    return spec.model_copy(update={"sample": str(path)})


def sample_problems(competition: CompetitionSpec, report: DataReport) -> list[str]:
    """Return the differences between the sample and the rows that the test images will have."""
    spec = located(competition)
    if spec.sample is None:
        return []
    try:
        sample = read_table(Path(spec.sample))
    except ValueError as error:
        return [f"{line} (competition.submission.sample)" for line in str(error).split("\n")]
    problems = header_problems(sample, spec.columns, "competition.submission")
    rows = report.samples[report.samples["split"] == "test"]
    sizes = zip(rows["id"], rows["height"], rows["width"], strict=True)
    wanted = [
        key for id, *size_HW in sizes for key in keys_of(id, (*size_HW,), report.classes, spec)
    ]
    keys = [key_of(row) for row in sample.rows]
    problems += set_problems(keys, wanted, "the sample", "the rows of the test images")
    problems += double_problems(keys, spec)
    remedy = "`raytrain dialect --sample` prints the competition.submission that fits the sample"
    return [Fault(spec.sample, f"{problem}; {remedy}") for problem in problems]
