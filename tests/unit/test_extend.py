"""`extend`: parts of a user's file, from the YAML to the built objects, here and elsewhere."""

import json
import pickle
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.own import current_sources
from raytrain.engine.checkpoint import save_weights
from raytrain.ensemble.predictor import load_predictor
from raytrain.ensemble.source import Source, write_bundle
from raytrain.losses import build_loss
from raytrain.metrics import gathered, score
from raytrain.metrics.evidence import Evidence
from raytrain.models import build_model, refusal
from raytrain.models.tensors import load_tensors
from raytrain.pipeline.check import refuse_another_metric
from raytrain.runs.bundle import Bundle, BundleMember
from raytrain.runs.extensions import keep_extensions, load_extensions, run_of, write_job
from raytrain.runs.files import write_bytes, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import task_fingerprint
from tests.commands import quick_processes
from tests.unit.own_job import JOB, own_job


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A job and its file."""
    with own_job(tmp_path) as job_folder:
        yield job_folder


def changed(folder: Path) -> None:
    """Another text of the file."""
    file = folder / "mine" / "own_parts.py"
    file.write_text(file.read_text().replace("nn.ReLU()", "nn.Tanh()"))


def layers(spec: JobSpec) -> list[str]:
    network = build_model(spec.trial.model, 1, 2, None)
    return [type(layer).__name__ for layer in network.children()]


def test_the_parts_are_built_from_the_file(folder: Path) -> None:
    job = load_job(folder / "job.yaml", ["trial.model.width=5"])
    network = build_model(job.trial.model, 2, 4, None)
    assert isinstance(network, nn.Sequential)
    assert network[0].weight.shape == (5, 2, 3, 3)
    assert network(torch.zeros(1, 2, 7, 9)).shape == (1, 4, 7, 9)
    assert refusal(job.trial.model, 2, 4, 8, 8) is None
    logits = torch.zeros(1, 2, 2, 2)
    mask = torch.tensor([[[0, 1], [1, 1]]])
    # Each probability is 1/2: -log(2 x .5 + 1) / (2 + 1 + 1) and -log(2 x 1.5 + 1) / (2 + 3 + 1).
    expected = np.log(2) + 0.5 * -np.mean(np.log([2 / 4, 4 / 6]))
    built = build_loss(job.trial.loss, "single_label", (1, 3))
    assert float(built(logits, mask)) == pytest.approx(expected)
    counts = np.array([[[9, 0, 0], [2, 1, 1]], [[9, 0, 0], [1, 1, 1]]])
    assert score(job.competition.metric, Evidence(counts)) == pytest.approx(6 / 10)
    assert gathered(job.competition.metric) == ()
    assert job.trial.label.startswith("two_convolutions_cross_entropy+log_dice_")


def test_their_place_in_a_search_and_in_weighted_metrics(folder: Path) -> None:
    space = "search.space={model: {choice: [{name: two_convolutions, width: 2}, {name: unet}]}}"
    metric = "competition.metric={name: weighted, terms: [{metric: worst_dice}, {metric: dice}]}"
    job = load_job(folder / "job.yaml", [space, metric])
    assert job.competition.metric.label == "1 worst_dice + 1 Dice"
    perfect = Evidence(np.array([[[9, 0, 0], [2, 0, 0]]]))
    assert score(job.competition.metric, perfect) == 2
    assert JobSpec.model_validate_json(job.model_dump_json()) == job
    assert load_job(folder / "job.yaml", ["competition.metric=worst_dice"]).competition.metric


def test_another_text_is_another_trial_and_the_old_one_is_kept(folder: Path) -> None:
    run = RunDir(folder / "run")
    first = load_job(folder / "job.yaml")
    keep_extensions(run)
    dump = json.loads(json.dumps(first.model_dump(mode="json")))
    assert dump["trial"]["model"]["extend"] == current_sources()[0].hash
    changed(folder)
    second = load_job(folder / "job.yaml")
    keep_extensions(run)
    prints = {task_fingerprint(job.trial, "data", "split", 1) for job in (first, second)}
    assert len(prints) == 2
    # What was recorded is built as it was, what the job says now as it is now.
    load_extensions(run)
    assert layers(JobSpec.model_validate(dump)) == ["Conv2d", "ReLU", "Conv2d"]
    assert layers(second) == ["Conv2d", "Tanh", "Conv2d"]
    assert len(list(run.extend.glob("*/own_parts.py"))) == 2


def _predict(checkpoint: Path, trust: bool, out: Path) -> None:
    try:
        prob_BKHW = load_predictor(checkpoint, trust)(torch.zeros(1, 1, 8, 8))
        out.write_text(str(tuple(prob_BKHW.shape)))
    except ValueError as error:
        out.write_text(str(error))


@pytest.mark.slow
def test_a_checkpoint_in_its_run_brings_its_file_along(folder: Path) -> None:
    """In processes that have read no file of the user's."""
    run = RunDir(folder / "run")
    spec = load_job(folder / "job.yaml").trial
    keep_extensions(run)
    card = {
        "spec": spec.model_dump(mode="json"), "target": "single_label", "channels": 1,
        "classes": ["background", "organ"], "size": [8, 8], "dtype": "uint8",
        "scaling": {"mean": [0.0], "std": [1.0], "per_image": False},
    }  # fmt: skip
    state = {"model": build_model(spec.model, 1, 2, None).state_dict(), "epoch": 1}
    here, elsewhere = run.trial("abc").checkpoints / "last.pt", folder / "elsewhere" / "last.pt"
    told = []
    for place, trust in ((here, True), (elsewhere, True), (here, False)):
        save_weights(place, state, card)
        process = quick_processes().Process(target=_predict, args=(place, trust, folder / "out"))
        process.start()
        process.join(timeout=120)
        assert process.exitcode == 0
        told.append((folder / "out").read_text())
    assert told[0] == "(1, 2, 8, 8)"
    assert "two_convolutions comes from a file that is missing here" in told[1]
    assert "extend_from([Path('my.py')])" in told[1]
    [kept] = run.extend.glob("*/own_parts.py")
    assert f"to run them, add --trust or name them in the job's `extend`\n  {kept}" in told[2]


@pytest.mark.slow
def test_a_bundle_brings_the_files_of_its_cards_along(folder: Path) -> None:
    """In processes that have read no file of the user's."""
    run = RunDir(folder / "run")
    spec = load_job(folder / "job.yaml").trial
    keep_extensions(run)
    unused = run.extend / "0123456789ab" / "other.py"
    write_bytes(unused, b"MODELS = {}")
    card = {
        "spec": spec.model_dump(mode="json"), "target": "single_label", "channels": 1,
        "classes": ["background", "organ"], "size": [8, 8], "dtype": "uint8",
        "scaling": {"mean": [0.0], "std": [1.0], "per_image": False},
    }  # fmt: skip
    state = {"model": build_model(spec.model, 1, 2, None).state_dict(), "epoch": 1}
    path = run.trial("abc").checkpoints / "last.pt"
    save_weights(path, {**state, "optimizer": {"step": 7}}, card)
    name = str(path.relative_to(run.path))
    bundle = Bundle(
        raytrain="0", competition="c", run="r", classes=("background", "organ"),
        target="single_label", channels=1, dtype="uint8",
        members=(BundleMember(name="own", weight=1, networks=(name,)),),
    )  # fmt: skip
    written = folder / "bundle"
    write_bundle(Source(run.path, bundle), written)
    shutil.rmtree(run.path)
    told = []
    for trust in (True, False):
        process = quick_processes().Process(target=_predict, args=(written, trust, folder / "out"))
        process.start()
        process.join(timeout=120)
        assert process.exitcode == 0
        told.append((folder / "out").read_text())
    assert told[0] == "(1, 2, 8, 8)"
    [kept] = (written / "extend").glob("*/*")
    assert kept.name == "own_parts.py"
    assert f"to run them, add --trust or name them in the job's `extend`\n  {kept}" in told[1]
    assert {*load_tensors(written / name)} == {"model", "epoch"}
    kept.write_text("print('other')\n")
    with pytest.raises(ValueError, match=r"own_parts\.py: changed since the bundle was written"):
        load_predictor(written, trust=True)


MARK = "from pathlib import Path\nPath({!r}).touch()\nMODELS = {{}}\n"


def kept_file(run: RunDir, text: str, named: bool = True) -> Path:
    """A file in `extend/` of a run, which a record of the run names."""
    path = run.extend / sha256(text.encode()).hexdigest()[:12] / "theirs.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    if named:
        write_json(run.trial("abc").record, {"spec": {"model": {"extend": path.parent.name}}})
    return path


@pytest.mark.parametrize("command", ["leaderboard", "compare", "export"])
def test_code_in_the_folder_of_someone_elses_run_is_named_and_not_run(
    command: str, tmp_path: Path
) -> None:
    run = RunDir(tmp_path / "theirs")
    kept = kept_file(run, MARK.format(str(tmp_path / "it ran")))
    checkpoint = run.trial("abc").checkpoints / "last.pt"
    words = {
        "leaderboard": [run.path], "compare": [run.path, "a", "b"], "export": [checkpoint],
    }[command]  # fmt: skip
    done = CliRunner().invoke(app, [command, *map(str, words)])
    assert done.exit_code == 1
    assert str(kept) in done.output.replace("\n", "")
    assert "--trust" in done.output
    CliRunner().invoke(app, [command, *map(str, words), "--trust"])
    assert (tmp_path / "it ran").exists() == (command != "export")  # which first misses the card


def test_only_what_a_record_names_and_nobody_changed_is_run(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    kept_file(run, MARK.format(str(tmp_path / "it ran")), named=False)
    load_extensions(run)
    changed = kept_file(run, "MODELS = {}\n")
    changed.write_text(MARK.format(str(tmp_path / "it ran")))
    with pytest.raises(ValueError, match=r"theirs\.py: changed since the run kept it"):
        load_extensions(run)
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "place", ["x/y/z/last.pt", "trials/abc/elsewhere/last.pt", "checkpoints/last.pt", "last.pt"]
)
def test_only_a_checkpoint_of_a_run_leads_to_a_run(place: str, tmp_path: Path) -> None:
    assert run_of(tmp_path / place) is None


def test_a_text_that_was_never_kept_is_named(folder: Path) -> None:
    tree = load_job(folder / "job.yaml").model_dump(mode="json")
    tree["trial"]["model"]["extend"] = "0123456789ab"
    with pytest.raises(
        ValueError, match=r"two_convolutions comes from a file that is missing here \(0123"
    ):
        JobSpec.model_validate(tree)


def test_a_run_keeps_its_metric_and_its_file(folder: Path) -> None:
    run = RunDir(folder / "run")
    run.trials.mkdir(parents=True)
    first = load_job(folder / "job.yaml")
    run.config.write_text(first.model_dump_json())
    refuse_another_metric(first, run)
    changed(folder)
    second = load_job(folder / "job.yaml")
    with pytest.raises(ValueError, match=r"\(worst_dice with .* or from another file\)"):
        refuse_another_metric(second, run)


def elsewhere(content: bytes, answer: Any) -> None:
    """In a process that never saw the YAML."""
    job = pickle.loads(content)
    loss = build_loss(job.trial.loss, "single_label", (1, 3))
    value = float(loss(torch.zeros(1, 2, 2, 2), torch.tensor([[[0, 1], [1, 1]]])))
    figure = score(job.competition.metric, Evidence(np.array([[[9, 0, 0], [2, 1, 1]]])))
    answer.put((layers(job), value, figure))


@pytest.mark.slow
def test_specs_travel_with_their_file(folder: Path) -> None:
    content = pickle.dumps(load_job(folder / "job.yaml"))
    shutil.rmtree(folder / "mine")
    context = quick_processes()
    answer = context.Queue()
    process = context.Process(target=elsewhere, args=(content, answer))
    process.start()
    found = answer.get(timeout=60)
    process.join()
    expected = np.log(2) + 0.5 * -np.mean(np.log([2 / 4, 4 / 6]))
    assert found == (["Conv2d", "ReLU", "Conv2d"], pytest.approx(expected), pytest.approx(4 / 6))


def test_a_launched_job_takes_its_file_along(folder: Path, tmp_path: Path) -> None:
    job = load_job(folder / "job.yaml")
    target = tmp_path / "there"
    target.mkdir()
    write_job(job, target)
    shutil.rmtree(folder / "mine")
    again = load_job(target / "job.yaml")
    assert again.model_copy(update={"extend": job.extend}) == job


def test_names_of_another_job_are_unknown(folder: Path) -> None:
    load_job(folder / "job.yaml")
    tree = yaml.safe_load(JOB)
    del tree["extend"]
    (folder / "job.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ValueError, match="unknown 'two_convolutions'"):
        load_job(folder / "job.yaml")


def test_wrong_words_name_the_users_own(folder: Path) -> None:
    overrides = [
        "trial.model={name: two_convolution}",
        "trial.loss=[{name: log_dise}, {name: log_dice, wieght: 1}]",
        "competition.metric=worst_dise",
        "search.space={model: {choice: [{name: two_convolutions, widht: 2}]}}",
    ]
    with pytest.raises(ValueError, match="in the configuration") as caught:
        load_job(folder / "job.yaml", overrides)
    assert str(caught.value).split("\n")[1:] == [
        "  competition.metric: unknown 'worst_dise'; did you mean 'worst_dice'?",
        "  trial.model.name: unknown 'two_convolution'; did you mean 'two_convolutions'?",
        "  trial.loss[0].name: unknown 'log_dise'; did you mean 'log_dice'?",
        "  trial.loss[1].wieght: unknown key 'wieght'; did you mean 'weight'?",
        "  search.space.model: in trial.model.widht: unknown key 'widht'; did you mean 'width'?",
    ]
