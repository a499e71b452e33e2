"""`check`: read all data once, refuse faulty data, and write `data.json`."""

from collections.abc import Callable

from pydantic import TypeAdapter

from raytrain.backend.counting import show_stations
from raytrain.config.competition import CompetitionSpec
from raytrain.config.errors import config_error
from raytrain.config.job import JobSpec
from raytrain.config.losses import loss_problems
from raytrain.config.metrics import MetricSpec
from raytrain.config.models import PixelsBase, PretrainedSpec
from raytrain.config.space import Given, covering, resolve, with_values
from raytrain.config.space_check import combinations
from raytrain.config.space_draws import sample_trials
from raytrain.config.target import outputs
from raytrain.config.trial import OF_STEPS, TrialSpec
from raytrain.data.contact_sheet import cell, contact_sheet
from raytrain.data.folds import Folds, load_or_make_folds
from raytrain.data.index import SPLITS
from raytrain.data.report import DataReport, named_ids, read_report, write_report
from raytrain.data.samples import SampleFiles
from raytrain.data.stamp import keep_stamp, read_anew, stamp
from raytrain.runs.ensemble import GROUPS
from raytrain.runs.extensions import keep_extensions, load_extensions
from raytrain.runs.files import atomic_path
from raytrain.runs.jobs import keep_job, read_config
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.runs.mirror import send
from raytrain.submission.sample import sample_problems

PER_SPLIT = 16
"""Number of images of each split on the contact sheet."""
COLUMNS = 8

Read = Callable[[CompetitionSpec, RunDir], DataReport]


def check(job: JobSpec, run: RunDir, read: Read = read_anew) -> DataReport:
    """Verify the job and the data that `read` reads, save the report of the data, and return it.

    Raises ValueError that lists every problem, or when the run directory has results of other data
    or of another metric.
    """
    keep_extensions(run)
    load_extensions(run)
    before_it = stamp(job.competition)
    report = read(job.competition, run)
    problems = [*job_problems(job, report), *weights_problems(job, report)]
    if problems:
        raise config_error("the job", problems)
    if run.data_report.is_file() and run.trials.is_dir():
        before = read_report(run.data_report).fingerprint
        if before != report.fingerprint:
            raise ValueError(
                f"{run.path}: its results belong to other data (fingerprint {before}, now "
                f"{report.fingerprint}); use another run name, such as --set run=second"
            )
    refuse_another_metric(job, run)
    write_report(run.data_report, report)
    keep_stamp(run, before_it)
    if changed := keep_job(run, job):
        say(changed)
    return report


def check_all(job: JobSpec, run: RunDir) -> tuple[DataReport, Folds]:
    """Verify the job and all data, save the report, the folds and the contact sheet, and return the
    report and the folds.

    Raises ValueError that lists every problem, or when the run directory has results of other data
    or of another metric.
    """
    if problems := ensemble_problems(job):
        raise config_error("the job", problems)
    show_stations(run)
    report = check(job, run)
    folds = load_or_make_folds(run, report, job.folds)
    draw_contact_sheet(run, report)
    send(run.path)
    return report, folds


def refuse_another_metric(job: JobSpec, run: RunDir) -> None:
    """Raise ValueError if the run's trials were stopped and ranked by another metric."""
    tree = read_config(run)
    if tree is None or not run.trials.is_dir():
        return
    before: MetricSpec = TypeAdapter(MetricSpec).validate_python(tree["competition"]["metric"])
    if before != job.competition.metric:
        now = job.competition.metric
        shown = f"{before.label}, now {now.label}"
        if before.label == now.label:
            shown = f"{now.label} with other parameters, or from another file"
        raise ValueError(
            f"{run.path}: its results belong to another metric ({shown}); use another run name, "
            "such as --set run=second"
        )


def draw_contact_sheet(run: RunDir, report: DataReport) -> None:
    """Draw some images of each split with their masks as one picture."""
    files, classes = SampleFiles(report), len(report.classes)
    pictures, titles = [], []
    for split in SPLITS:
        ids = report.ids(split)
        for place in range(min(PER_SPLIT, len(ids))):
            id = ids[place * len(ids) // min(PER_SPLIT, len(ids))]
            mask_HW = files.mask(id) if files.has_mask(id) else None
            pictures.append(cell(files.frame(id), mask_HW, classes, report.target))
            titles.append(f"{split} {id}")
    with atomic_path(run.contact_sheet) as temporary:
        contact_sheet(pictures, titles, COLUMNS).save(temporary)


def job_problems(job: JobSpec, report: DataReport) -> list[str]:
    """Return the problems of the job that matter for every station."""
    space, classes = job.search.space, job.competition.classes
    specs = [with_values(job.trial, values) for values in combinations(space)]
    losses = dict.fromkeys(spec.loss for spec in specs)
    found = [line for loss in losses for line in loss_problems(loss, report.target, len(classes))]
    if job.predict.tta not in ((), ("auto",)):
        from raytrain.ensemble.tta import tta_problems

        found += tta_problems(job, specs, report)
    groups = report.labeled["group"].nunique()
    if job.self_train is not None and groups < GROUPS:
        found.append(
            f"self_train: students replace members only if at least {GROUPS} groups score "
            f"differently, but the labeled images form {groups}; set self_train to null, or "
            "correct competition.group"
        )
    _, unknown = named_ids(report, job.report.images)
    return [*dict.fromkeys(found), *unknown, *sample_problems(job.competition, report)]


def ensemble_problems(job: JobSpec) -> list[str]:
    """Return a problem if `finalize.members` is larger than the number of configurations in the
    space."""
    search = job.search
    drawn = sample_trials(search.space, job.trial, search.trials, search.seed)
    count = len({_told_apart(spec) for spec in drawn})
    if count >= (job.finalize.members or 1):
        return []
    return [
        f"finalize.members: {job.finalize.members} members need as many configurations, but "
        f"search.space and search.trials give {count}; lower finalize.members, or widen the space"
    ]


def _told_apart(spec: TrialSpec) -> str:
    """Return the fields of a spec that distinguish configurations. Pixel classifiers ignore some
    fields."""
    unused = (
        {"epochs", *TrialSpec.marked(OF_STEPS)} if isinstance(spec.model, PixelsBase) else set()
    )
    return spec.model_dump_json(exclude=unused)


def weights_problems(job: JobSpec, report: DataReport) -> list[str]:
    """Return the problems of the weights files that the trial or the search space names. Networks
    are built without memory, and only if a file is named."""
    models = {job.trial.model: None}
    for point in covering(job.search.space):
        try:
            spec = with_values(job.trial, resolve(job.search.space, Given(point)))
        except ValueError:
            continue  # these values are incompatible; the space has its own check
        models[spec.model] = None
    named = [
        model
        for model in models
        if isinstance(model, PretrainedSpec) and model.weights not in (None, "imagenet")
    ]
    if not named:
        return []
    from raytrain.models import without_memory
    from raytrain.models.weights import file_note

    problems = []
    for model in named:
        maps = outputs(len(report.classes), report.target)
        try:
            note = file_note(model, without_memory(model, report.channels, maps))
            if note is not None:
                say(f"trial.{note}")
        except ValueError as error:
            problems.append(f"trial.{error}")
    return problems
