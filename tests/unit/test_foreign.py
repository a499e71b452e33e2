"""What others wrote: names that lead elsewhere, passwords in addresses, files that run code."""

import json
import pickle
from pathlib import Path

import fsspec
import pytest
import torch
import yaml
from fsspec.config import apply_config, set_conf_env
from torch import nn
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.config.load import load_job
from raytrain.config.secrets import refuse_secrets, without_password
from raytrain.models.tensors import load_tensors
from raytrain.runs.ensemble import Candidate
from raytrain.submission.ledger import FileLedger
from tests.unit.test_ledger import an_event

OUT = ["../../x", "/etc/x", "a/b", "..", "", ".hidden", "a\\b", "x\n"]


@pytest.mark.parametrize("field", ["tag", "run"])
@pytest.mark.parametrize("name", OUT)
def test_a_name_in_a_shared_ledger_leads_nowhere_else(
    field: str, name: str, tmp_path: Path
) -> None:
    ledger = FileLedger(tmp_path / "ledger.jsonl")
    event = an_event().model_dump(mode="json") | {field: name}
    ledger.path.write_text(json.dumps(event) + "\n")
    with pytest.raises(ValueError, match=rf"ledger.jsonl, line 1: not a ledger event: {field}: "):
        ledger.read()


@pytest.mark.parametrize("path", ["../../x.pt", "/etc/x.pt", "trials/../../x.pt", ""])
def test_a_member_of_a_shared_record_is_below_the_run(path: str) -> None:
    network = {"fingerprint": "f", "checkpoint": "trials/f/checkpoints/last.pt", "ranks": 1}
    candidate = {"name": "a", "fingerprint": "f", "networks": [network], "oof": {}}
    Candidate.model_validate(candidate)
    for field in ({"maps": path}, {"networks": [{**network, "checkpoint": path}]}):
        with pytest.raises(ValueError, match="is not a path below the run's folder"):
            Candidate.model_validate({**candidate, **field})


PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize("field", ["data", "submission.ledger"])
@pytest.mark.parametrize(
    "address",
    [
        f"ftp://ann:{PASSWORD}@host/data", f"https://{PASSWORD}@host/data.zip",
        f"simplecache::sftp://ann:{PASSWORD}@host/data",
        f"https://host/data.zip?X-Amz-Signature={PASSWORD}",
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(
    field: str, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        yaml.safe_dump({"competition": {"name": "c", "data": "d", "classes": ["a", "b"]}})
    )
    load_job(path)
    done = CliRunner().invoke(app, ["check", str(path), "--set", f"competition.{field}={address}"])
    assert done.exit_code == 1
    assert f"competition.{field}: holds a password or token" in done.output
    assert PASSWORD not in done.output


def test_addresses_without_a_password_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("s3://bucket/a:b@c", "sftp://ann@host/x", "data", "https://host/a.zip?v=2"):
        assert refuse_secrets(address) == address
    assert without_password("OSError: ftp://ann:pw@host/x: no") == "OSError: ftp://***@host/x: no"


def test_the_variables_that_the_refusal_names_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="FSSPEC_FTP_PASSWORD"):
        refuse_secrets(f"ftp://ann:{PASSWORD}@host/x")
    monkeypatch.setenv("FSSPEC_FTP_USERNAME", "ann")
    monkeypatch.setenv("FSSPEC_FTP_PASSWORD", PASSWORD)
    found: dict = {}
    set_conf_env(found)
    given = apply_config(fsspec.get_filesystem_class("ftp"), {"host": "host"}, found)
    assert given == {"host": "host", "username": "ann", "password": PASSWORD}


class _RunsCode:
    def __reduce__(self):
        return print, ("this must not be printed",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickled_model_is_refused_in_our_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.pt"
    torch.save(nn.Linear(2, 1).state_dict(), path)
    assert list(load_tensors(path)) == ["weight", "bias"]
    for write in (
        lambda: torch.save(nn.Linear(2, 1), path),
        lambda: torch.save({"model": _RunsCode()}, path),
        lambda: path.write_bytes(pickle.dumps(_RunsCode())),
    ):
        write()
        with pytest.raises(ValueError, match=r"net\.pt: holds Python objects, .*state_dict\(\)"):
            load_tensors(path)
    for content in (b"", b"PK\x03\x04broken", b"hello"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"net\.pt: (not a file of torch.save|holds Python)"):
            load_tensors(path)
    with pytest.raises(ValueError, match=r"no\.pt: No such file"):
        load_tensors(tmp_path / "no.pt")
    assert capsys.readouterr().out == ""
