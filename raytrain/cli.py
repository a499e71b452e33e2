"""The commands: parse, call one function, print. Nothing heavy is imported before it is needed."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from raytrain import __version__
from raytrain.config.job import JobSpec, Place
from raytrain.config.load import load_job
from raytrain.runs.layout import RunDir, run_dir


class _Commands(TyperGroup):
    """Ends a user's mistake in its message, never in a traceback.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except ValueError as error:
            print(f"raytrain: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print(
                "raytrain: interrupted; everything up to the last epoch is kept, run the same "
                "command to continue",
                file=sys.stderr,
            )
            sys.exit(130)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From the raw folder of an image-segmentation competition to a scored leaderboard entry.",
)

JobFile = Annotated[Path, typer.Argument(help="The competition's YAML, such as jobs/cardiac.yaml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a field: --set trial.optimizer.lr=3e-4 (repeatable)."),
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="One of the file's `profiles`, laid over it.")
]
Local = Annotated[
    bool, typer.Option("--local", help="Without Ray, in this process: for debuggers and profilers.")
]


def main() -> None:
    """Run a command."""
    app(prog_name="raytrain")


@app.command()
def fetch(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Download and unpack a Kaggle competition into competition.data."""
    from raytrain.pipeline.fetch import fetch as station

    spec = load_job(job, set, profile)
    print(f"fetched: {station(spec, Path(spec.competition.data))}")


@app.command()
def check(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Read all data once, list every problem, and save data.json and folds.json."""
    from raytrain.data.folds import load_or_make_folds
    from raytrain.pipeline.check import check as station
    from raytrain.pipeline.check import draw_contact_sheet, summary

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    report = station(spec, run)
    load_or_make_folds(run.folds, report, spec.folds)
    sheet = draw_contact_sheet(run, report)
    print(f"{summary(report)}\nwritten: {run.data_report}, {run.folds}, {sheet}")


@app.command()
def train(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Train the job's trial on the given split."""
    from raytrain.pipeline.run import train_only

    record = train_only(*_opened(job, set, profile, local))
    best = f"best val Dice {record.best['val_dice']:.4f}, " if record.best else ""
    print(f"{record.name}: {best}{record.epochs} epochs, fingerprint {record.fingerprint}")


@app.command()
def search(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only build every value of every factor, and step.")
    ] = False,
) -> None:
    """Search models, losses and rates with early stopping; leaves leaderboard.csv."""
    from raytrain.pipeline.run import search_only, smoke_only

    station = smoke_only if smoke else search_only
    station(*_opened(job, set, profile, local))


@app.command()
def cv(job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False) -> None:
    """Train the best configurations on all folds; leaves out-of-fold maps in oof/."""
    from raytrain.pipeline.run import cv_only

    cv_only(*_opened(job, set, profile, local))


@app.command()
def finalize(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Retrain the members on train+val; leaves the ensemble, its masks and submission.csv."""
    from raytrain.pipeline.run import finalize_only

    finalize_only(*_opened(job, set, profile, local))


@app.command()
def ensemble(
    job: JobFile,
    add: Annotated[
        list[Path] | None,
        typer.Option("--add", help="A folder with member.json, oof/ and test/ (repeatable)."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="The name of one who joined (repeatable).")
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
) -> None:
    """Let team-mates' probability maps join the ensemble or leave it; score, masks and CSV anew."""
    from raytrain.pipeline.run import ensemble_only

    ensemble_only(*_opened(job, set, profile, local), add or [], remove or [])


@app.command()
def submit(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but sending.")] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Wait for tomorrow's submissions where need be.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also late, or not expected to beat the best sent.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also a file that was sent.")] = False,
) -> None:
    """Send submission.csv to Kaggle, exactly once, and follow it until it is scored."""
    from raytrain.pipeline import submit as station

    if dry_run and queue:
        raise typer.BadParameter("choose one of --dry-run and --queue")
    spec = load_job(job, set, profile)
    run = run_dir(spec)
    consent = [*(("late", "unlikely") if yes else ()), *(("again",) if again else ())]
    if dry_run:
        station.dry_run(spec, run, consent)
    elif queue:
        station.submit_queue(spec, run, consent, time.sleep)
    else:
        station.submit(spec, run, consent)


@app.command()
def report(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Write report.html: one page that needs no network."""
    from raytrain.pipeline.prepare import ledger_of
    from raytrain.pipeline.report import report as station

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    print(f"written: {station(run, ledger_of(spec, run))}")


@app.command()
def run(job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False) -> None:
    """The whole line, from the folder to the checked CSV; run again, it continues."""
    from raytrain.pipeline.run import run as line

    line(*_opened(job, set, profile, local))


@app.command()
def demo(
    job: Annotated[Path, typer.Argument(help="jobs/phantom.yaml, or a copy of it.")],
    set: Overrides = None,
) -> None:
    """The whole line on a small drawn competition whose true test masks are known."""
    from raytrain.pipeline.demo import demo as station

    spec = load_job(job, set, None)
    sys.exit(station(spec, run_dir(spec)))


@app.command()
def launch(
    command: Annotated[str, typer.Argument(help="The command to run there: run, search, ...")],
    job: JobFile,
    address: Annotated[str, typer.Option(help="The cluster's dashboard, http://HOST:8265.")],
    set: Overrides = None,
    profile: Profile = None,
    python: Annotated[str, typer.Option(help="The interpreter on the cluster.")] = "python",
) -> None:
    """Run a command as a Ray job on a cluster, follow its log, and return its exit code."""
    from raytrain.cluster.jobs import launch as submit_job

    sys.exit(submit_job(command, load_job(job, set, profile), address, python))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint file, such as .../last.pt.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to; beside the checkpoint if not.")
    ] = None,
) -> None:
    """Write a checkpoint's network as a torch.export program, checked for parity."""
    from raytrain.pipeline.export import export as station

    print(station(checkpoint, out))


@app.command()
def ledger(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="First merge Kaggle's own list into it.")
    ] = False,
) -> None:
    """Show what was prepared and sent for this competition."""
    from raytrain.pipeline import ledger as station
    from raytrain.pipeline.prepare import ledger_of

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    if reconcile:
        print(station.reconcile(spec, run))
    print(station.ledger_table(ledger_of(spec, run)))


@app.command()
def reproduce(
    ref: Annotated[str, typer.Argument(help="Kaggle's number of a submission, or its tag.")],
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
) -> None:
    """Build a submission's CSV again from its record, and compare the two."""
    from raytrain.pipeline.reproduce import reproduce as station

    spec = load_job(job, set, profile)
    print(station(spec, run_dir(spec), ref))


@app.command()
def picks(
    job: JobFile,
    public: Annotated[
        float, typer.Option(help="Share of the test images that the public score is taken on.")
    ] = 0.3,
    set: Overrides = None,
    profile: Profile = None,
) -> None:
    """Say which two of the sent files to choose as the final ones, and why."""
    from raytrain.pipeline.picks import picks_text

    spec = load_job(job, set, profile)
    print(picks_text(spec, run_dir(spec), public))


@app.command()
def models(
    network: Annotated[
        str | None, typer.Argument(help="A name, or YAML such as '{name: smp, decoder: fpn}'.")
    ] = None,
) -> None:
    """List the networks, their parameters and the YAML to use them; of one, also what it costs."""
    from raytrain.pipeline.catalogue import model_text, models_text

    print(model_text(network) if network else models_text())


@app.command()
def losses() -> None:
    """List the losses, their parameters and the YAML to use them."""
    from raytrain.pipeline.catalogue import losses_text

    print(losses_text())


@app.command()
def metrics() -> None:
    """List the metrics, their parameters and the YAML to use them."""
    from raytrain.pipeline.catalogue import metrics_text

    print(metrics_text())


@app.command()
def dialect(
    sample: Annotated[Path, typer.Option(help="The competition's sample submission, a CSV.")],
    train: Annotated[Path | None, typer.Option(help="Its CSV of training masks.")] = None,
    images: Annotated[Path | None, typer.Option(help="The folder of its images.")] = None,
) -> None:
    """Infer how masks become the CSV, and print the YAML that says it."""
    from raytrain.pipeline.dialect import dialect as station

    print(station(sample, train, images))


@app.command()
def schema() -> None:
    """Print the JSON schema of a job file."""
    print(json.dumps(JobSpec.model_json_schema(), indent=1))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def _opened(
    path: Path, overrides: list[str] | None, profile: str | None, local: bool
) -> tuple[JobSpec, RunDir, Place]:
    """The job, its run directory, and where to work."""
    spec = load_job(path, overrides, profile)
    return spec, run_dir(spec), "local" if local else "ray"
