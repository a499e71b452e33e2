"""Whether the sample submission agrees with the test images."""

from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.fault import Fault
from raytrain.data.report import DataReport
from raytrain.data.shown_classes import located, sample_words
from raytrain.data.tables import read_table
from raytrain.submission.checks import double_problems, header_problems, set_problems
from raytrain.submission.rows import key_of, keys_of


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
    unknown = _unknown_classes(competition)
    if unknown:
        return [*problems, Fault(spec.sample, unknown)]
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


def _unknown_classes(competition: CompetitionSpec) -> str | None:
    """Return the problem that the sample's rows name classes that the job does not have."""
    names = competition.classes[1:]
    by_name = competition.submission.class_as == "name"
    known = {*names} if by_name else {str(number) for number, _ in enumerate(names, 1)}
    unknown = [word for word in sample_words(competition) if word not in known]
    if not unknown:
        return None
    return (
        f"its rows name classes that competition.classes lacks: {', '.join(unknown[:10])}; add "
        "them, even if no mask shows them"
    )
