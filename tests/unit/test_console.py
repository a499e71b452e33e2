"""The console: short lines in a log, one screen on a terminal, short names and times."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from raytrain.backend.console import ConsoleView
from raytrain.backend.naming import short_names
from raytrain.backend.usage import EVERY_S, Usage
from raytrain.config.duration import estimated
from raytrain.runs.files import write_bytes
from raytrain.runs.history import read_history, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task, write_record
from tests.tiny import SPEC, task_in
from tests.unit.test_progress import row


class Clock:
    """A clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def long_trials(run: RunDir, count: int, epochs: int) -> list[Task]:
    """Tasks of a search over rates and losses, with the names that they would have."""
    spec = SPEC.model_copy(update={"epochs": epochs})
    losses = ("cross_entropy+dice", "cross_entropy+soft_dice+boundary+focal_tversky")
    return [
        replace(
            task_in(run.trial(f"{n:012x}").path, spec),
            station="search",
            name=f"search_smp_unetplusplus_efficientnet-b3_{losses[n % 2]}_lr0.00{n + 1}_{n:04x}",
        )
        for n in range(count)
    ]


def test_a_log_has_a_line_per_trial_every_30_seconds_and_one_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, tasks = Clock(), long_trials(RunDir(tmp_path), 2, 12)
    view = ConsoleView("search", [4], clock=clock)
    for task in tasks:
        view.note(task)
    view.start()
    for epoch in range(1, 13):
        clock.now_s += 10
        for task in tasks:
            view.update(task, [row(n, seconds_left=10.0 * (12 - n)) for n in range(1, epoch + 1)])
    clock.now_s += 1
    for task in tasks:
        write_history(task.trial_dir.history, [row(n) for n in range(1, 13)])
        view.ended(task, write_record(task, "stopped", "at the rung of epoch 12"))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for task in tasks:
        mine = [line for line in lines if task.name[-4:] + ": " in line]
        assert [re.findall(r"epoch (\d+)/12, Dice", line) for line in mine] == [
            ["3"], ["6"], ["9"], ["12"], []
        ]  # fmt: skip
        assert "epoch 9/12, Dice 0.9000 (best 0.9000), 30 s left" in mine[2]
        assert mine[-1].startswith("  stopped ")
    assert lines[-1].endswith("12/12 epochs, best Dice 1.2000; 2 of 2 ended")
    # What differs between the two is in each line: the rate and the fingerprint.
    assert all("lr0.001_0000:" in line or "lr0.002_0001:" in line for line in lines[1:])


def test_a_slow_epoch_has_its_line_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, [task] = Clock(), long_trials(RunDir(tmp_path), 1, 12)
    view = ConsoleView("train", [], clock=clock)
    view.note(task)
    clock.now_s = 400
    view.update(task, [row(1, seconds_left=4400.0)])
    assert "epoch 1/12, Dice 0.1000 (best 0.1000), 1.2 h left" in capsys.readouterr().out


def test_trials_that_are_not_drawn_yet_count_for_the_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, [first, second] = Clock(), long_trials(RunDir(tmp_path), 2, 10)
    view = ConsoleView("search", [], expected=4, clock=clock)
    view.start()
    view.note(first)
    write_history(first.trial_dir.history, [row(n) for n in range(1, 11)])
    view.update(first, read_history(first.trial_dir.history))
    clock.now_s = 600
    view.ended(first, write_record(first, "finished", None))
    view.note(second)
    write_history(second.trial_dir.history, [row(1)])
    view.update(second, [row(1)])
    clock.now_s = 660
    view.ended(second, write_record(second, "failed", "lost"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "search: 4 trainings"
    # A minute an epoch; three, then two trials of ten epochs are to come.
    assert lines[1].endswith("; 1 of 4 ended, at most 30 min left")
    assert lines[-2].endswith("; 2 of 4 ended, at most 20 min left")
    assert lines[-1].split() == ["lost"]
    assert max(map(len, lines)) <= 100


def test_a_terminal_has_one_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "COLUMNS": "100", "LINES": "12"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TERM", "xterm")
    run = RunDir(tmp_path)
    write_bytes(run.data_report, b"")
    clock, tasks = Clock(), long_trials(run, 7, 8)
    write_history(tasks[6].trial_dir.history, [row(9)])
    past = write_record(tasks[6], "finished", None)
    view = ConsoleView("search", [2, 4], [past], clock=clock)
    for task in tasks[:6]:
        view.note(task)
    view.start()
    clock.now_s = 120
    for number, task in enumerate(tasks[:6], 1):
        write_history(task.trial_dir.history, [row(n) for n in range(1, number + 1)])
        view.update(task, read_history(task.trial_dir.history))
    view.ended(tasks[0], write_record(tasks[0], "stopped", "at the rung of epoch 1"))
    capsys.readouterr()
    view.looked()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out).replace("\r", "\n")
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    view.close()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "✓ check  ▸ search  ○ cv  ○ finalize  ○ predict  ○ encode"
    # 21 epochs in 120 s; 20 epochs are left of the five trials that run.
    assert lines[1] == "search: 1 of 6 ended, at most 1.9 min left"
    assert re.fullmatch(r"best Dice 0\.9000 \(.*lr0\.007_0006\)", lines[2])
    assert re.match(r"this machine: CPU load [\d.]+ of \d+ cores", lines[3])
    assert lines[4].split() == [
        "running",
        "epoch",
        "rung",
        "loss",
        "score",
        "images/s",
        "waiting",
        "left",
    ]
    table = [line.split()[1:4] for line in lines[5:-1]]
    assert table == [["6/8", "4", "0.1667"], ["5/8", "4", "0.2000"], ["4/8", "4", "0.2500"],
                     ["3/8", "2", "0.3333"]]  # fmt: skip
    assert lines[-1] == "and 1 more"


@pytest.mark.parametrize(
    ("name", "others", "width", "short"),
    [
        ("train_unet_ab12", (), 30, "train_unet_ab12"),
        # All share station, network and loss; the rate and the fingerprint tell them apart.
        ("search_unet16x4_dice_lr0.001_ab12", ("search_unet16x4_dice_lr0.002_cd34",), 20,
         "..lr0.001_ab12"),
        # The loss differs, too.
        ("search_unet16x4_dice_lr0.001_ab12", ("search_unet16x4_focal_lr0.002_cd34",), 24,
         "..dice_lr0.001_ab12"),
        # Alone, nothing is known of what differs.
        ("cv_smp_unetplusplus_resnet50_dice_fold3-7721_ab12", (), 30,
         "cv_smp_unetp.._fold3-7721_ab12"),
        ("a_very_long_network_and_loss_lr1_ab12", ("b_other_words_of_all_kinds_lr2_cd34",), 20,
         "a_very_lo.._lr1_ab12"),
    ],
)  # fmt: skip
def test_a_short_name_keeps_what_distinguishes_it(
    name: str, others: tuple[str, ...], width: int, short: str
) -> None:
    found = short_names([name, *others], width)[name]
    assert len(found) <= width
    assert found.endswith(name[-4:])
    assert found == short


def test_estimates_below_a_minute_are_words() -> None:
    assert [estimated("at most", seconds) for seconds in (0, 59.9, 60, 5400)] == [
        "under a minute", "under a minute", "at most 1 min", "at most 1.5 h"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ("93, 12595, 81559\n0, 3, 81559\n",
         ", GPU 93 % with 12.3 of 79.6 GiB, GPU 0 % with 0.0 of 79.6 GiB"),
        ("50, 1, 2\n" * 4 + "100, 1, 2\n", ", 5 GPUs 60 % busy"),
        ("[N/A], [N/A], [N/A]\n", ""),
    ],
)  # fmt: skip
def test_use_of_the_gpus_is_read_at_most_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, text: str
) -> None:
    program, answer = tmp_path / "nvidia-smi", tmp_path / "answer"
    program.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\ncat {answer}\n")
    program.chmod(0o755)
    answer.write_text(says)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    clock = Clock()
    usage = Usage(clock)
    assert usage.text().partition(" cores")[2] == text
    clock.now_s = EVERY_S - 0.1
    usage.text()
    assert (tmp_path / "asked").read_text().split() == ["asked"]
    clock.now_s = EVERY_S
    usage.text()
    assert len((tmp_path / "asked").read_text().split()) == 2
