"""`check`: read all data once, refuse what is wrong, and leave `data.json`."""

from raytrain.config.job import JobSpec
from raytrain.data.checks import inspect
from raytrain.data.report import DataReport
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir


def check(job: JobSpec, run: RunDir) -> DataReport:
    """Verify the data and save what was learnt.

    Raises ValueError listing every problem, or when the run directory holds results of other
    data.
    """
    report = inspect(job.competition)
    if run.data_report.is_file() and run.trials.is_dir():
        before = DataReport.model_validate(read_json(run.data_report)).fingerprint
        if before != report.fingerprint:
            raise ValueError(
                f"{run.path}: its results belong to other data ({before}, now "
                f"{report.fingerprint}); name another run, e.g. --set run=second"
            )
    write_json(run.data_report, report.model_dump(mode="json"))
    write_json(run.config, job.model_dump(mode="json"))
    return report


def summary(report: DataReport) -> str:
    """The report in a few lines."""
    size = f"{report.width}x{report.height}, {report.channels} channel(s), {report.dtype}"
    lines = [f"data {report.fingerprint}: {size}"]
    for name, facts in report.splits.items():
        mean = "/".join(f"{value:.3f}" for value in facts.mean)
        std = "/".join(f"{value:.3f}" for value in facts.std)
        line = f"  {name:<10} {facts.images:>6} images, mean {mean}, sd {std}"
        if facts.class_pixels:
            total = sum(facts.class_pixels)
            shares = [
                f"{label} {100 * pixels / total:.1f} %"
                for label, pixels in zip(report.classes, facts.class_pixels, strict=True)
            ]
            line += "; " + ", ".join(shares)
        lines.append(line)
    lines += [f"  {first} and {other} are the same image" for first, other in report.duplicates]
    return "\n".join(lines)
