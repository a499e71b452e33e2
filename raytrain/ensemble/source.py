"""Everything that can predict new images: a run's ensemble, a bundle, or a single checkpoint. All
of them are read as a `Source`."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from raytrain import __version__
from raytrain.config.codes import CodedError
from raytrain.config.competition import SubmissionSpec
from raytrain.config.image_files import ImageFiles
from raytrain.data.archive import BrokenArchiveError
from raytrain.data.channels import CHANNEL
from raytrain.data.formats import FORMATS
from raytrain.data.new_images import Kind
from raytrain.data.patterns import filled, glob_of, path_fields
from raytrain.data.report import DataReport, read_report
from raytrain.data.samples import split_addresses
from raytrain.data.source import local_folder
from raytrain.engine.checkpoint import is_there, load_checkpoint, save_weights
from raytrain.engine.predictor import read_card
from raytrain.ensemble.shares import MemberShare
from raytrain.runs.bundle import FILE, REMEDY, Bundle, BundleMember, read_bundle, sha256_of
from raytrain.runs.ensemble import Ensemble, read_ensemble
from raytrain.runs.extensions import files_for, refuse_foreign, run_of
from raytrain.runs.files import write_json
from raytrain.runs.jobs import read_config
from raytrain.runs.layout import RunDir

SCORE = ("metric", "score", "low", "high")


@dataclass(frozen=True)
class Source:
    """An ensemble and the folder of its networks."""

    folder: Path
    bundle: Bundle

    @property
    def parts(self) -> list[MemberShare]:
        """The members, with the paths of their networks."""
        return [
            MemberShare(
                each.weight, each.views, tuple(self.folder / name for name in each.networks)
            )
            for each in self.bundle.members
        ]

    @property
    def kind(self) -> Kind:
        """The kind of images that the source predicts: channels, data type, names."""
        bundle = self.bundle
        return Kind(
            bundle.channels, bundle.dtype, bundle.pattern, bundle.neighbours, bundle.naming,
            bundle.planes,
        )  # fmt: skip


def open_source(path: Path, trust: bool) -> Source:
    """Return the source at a path: a run's folder, a bundle (folder or zip) or a checkpoint.

    `trust` allows running the Python files in the run's `extend`. Raises ValueError when the path
    is none of these, when a file is missing or changed, when trust is needed and not given, and for
    a run with a teammate's maps, which exist only for the images that they were made for.
    """
    path = path.expanduser()
    if path.suffix == ".pt":
        return _checkpoint(path, trust)
    if path.suffix == ".zip" and path.is_file():
        try:
            folder = local_folder(str(path))
        except BrokenArchiveError as error:
            raise ValueError(f"{path}: broken archive: {error.reason}; {REMEDY}") from None
        try:
            return _folder(folder, trust)
        except ValueError as error:
            # The user knows the zip, and not the cache in which it was unpacked.
            text, code = str(error).replace(str(folder), str(path)), getattr(error, "code", None)
            raise (CodedError(code, text) if code else ValueError(text)) from None
    return _folder(path, trust)


def _folder(path: Path, trust: bool) -> Source:
    """Return the source in a run's folder or a bundle's. Raises ValueError when the folder is
    neither, or when it needs Python files without `trust`."""
    if (path / FILE).is_file():
        source = Source(path, read_bundle(path))
        _ask(RunDir(path.absolute()), trust)
        return source
    run = RunDir(path.absolute())
    if not run.ensemble.is_file():
        raise ValueError(
            f"{path}: no run with an ensemble, no bundle and no checkpoint; give a run's folder "
            "such as runs/<competition>/<run> (after `raytrain finalize`), a bundle that `raytrain "
            "bundle` wrote, or a .pt file"
        )
    _ask(run, trust)
    return source_of_run(run)


def source_of_run(run: RunDir) -> Source:
    """Return the ensemble of a run. Raises ValueError for an ensemble with a teammate's maps, and
    for missing networks."""
    ensemble, report = read_ensemble(run), read_report(run.data_report)
    _refuse_maps(run, ensemble)
    members = tuple(
        BundleMember(
            name=member.name,
            weight=weight,
            views=views,
            networks=tuple(network.checkpoint for network in member.networks),
        )
        for member, weight, views in ensemble.members
    )
    lost = [name for each in members for name in each.networks if not is_there(run.path / name)]
    if lost:
        listed = ", ".join(str(run.path / name) for name in lost)
        raise ValueError(f"{listed}: missing; run `raytrain finalize`, which trains it again")
    competition: dict[str, Any] = (read_config(run) or {}).get("competition", {})
    return Source(
        run.path,
        Bundle(
            raytrain=__version__,
            competition=run.path.parent.name,
            run=run.path.name,
            classes=report.classes,
            target=report.target,
            channels=report.channels,
            dtype=report.dtype,
            sizes=report.sizes,
            neighbours=tuple(competition.get("neighbours", ())),
            pattern=_pattern(competition),
            naming=_naming(competition),
            planes=_planes(competition, report),
            tests=_tests(competition),
            submission=_submission(competition.get("submission")),
            members=members,
            steps=ensemble.chosen.steps,
            score={key: ensemble.oof[key] for key in SCORE if key in ensemble.oof},
        ),
    )


def write_bundle(source: Source, folder: Path) -> Bundle:
    """Write the bundle of a source into an empty folder, and return its content. It contains the
    networks, their `.json` files, and the Python files of `extend` that they need, but no state
    for training. `bundle.json` is written last."""
    names = [name for member in source.bundle.members for name in member.networks]
    cards = []
    for name in names:
        state = load_checkpoint(source.folder / name)
        cards.append((source.folder / name).with_suffix(".json"))
        card = json.loads(cards[-1].read_text(encoding="utf-8"))
        del card["sha256"], card["epoch"]
        save_weights(folder / name, {key: state[key] for key in ("model", "epoch")}, card)
    run = RunDir(source.folder)
    for path in files_for(run, cards):
        target = folder / path.relative_to(source.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    bundle = source.bundle.model_copy(update={"files": files})
    write_json(folder / FILE, bundle.model_dump(mode="json"))
    return bundle


def _checkpoint(path: Path, trust: bool) -> Source:
    run = run_of(path)
    if run is not None:
        _ask(run, trust)
    card = read_card(path)
    member = BundleMember(name=card.spec.model.label, weight=1, networks=(path.name,))
    bundle = Bundle(
        raytrain=__version__, competition="", run="", classes=card.classes, target=card.target,
        channels=card.channels, dtype=card.dtype, members=(member,),
    )  # fmt: skip
    return Source(path.parent, bundle)


def _ask(run: RunDir, trust: bool) -> None:
    if not trust:
        refuse_foreign(run)


def _refuse_maps(run: RunDir, ensemble: Ensemble) -> None:
    names = [member.name for member, _, _ in ensemble.members if member.maps is not None]
    if names:
        listed = ", ".join(names)
        remove = " ".join(f"--remove {name}" for name in names)
        raise ValueError(
            f"{run.path}: the ensemble contains a teammate's maps ({listed}), which exist only for "
            "the competition's own images; remove them with `raytrain ensemble JOB.yaml "
            f"{remove}`, which rebuilds the ensemble"
        )


def _pattern(competition: dict[str, Any]) -> str | None:
    """Return the pattern of the test images, or of all images; None if the format has no pattern or
    is unknown."""
    format = competition.get("format", {})
    if format.get("name") not in FORMATS:
        return None
    pattern = format.get("test_image") or format.get("image") or format.get("images")
    return str(pattern) if pattern else None


def _naming(competition: dict[str, Any]) -> str:
    format = competition.get("format", {})
    if format.get("name") not in FORMATS or "image" not in format:
        return Bundle.model_fields["naming"].default
    return ImageFiles(image=format["image"], image_id=format.get("image_id")).naming


def _planes(competition: dict[str, Any], report: DataReport) -> tuple[str, ...]:
    """Return the channels of the images in order, if each channel has a file."""
    pattern = str(competition.get("format", {}).get("image", ""))
    if f"{{{CHANNEL}}}" not in pattern:
        return ()
    addresses = split_addresses(report.labeled["image"].iloc[0])
    fields = [path_fields(each, pattern) for each in addresses]
    return tuple(dict.fromkeys(each[CHANNEL] for each in fields if each))


def _tests(competition: dict[str, Any]) -> str:
    """Return the folder of the test images if all its images are some, otherwise their pattern;
    empty if the labeled images match that pattern, too."""
    image = competition.get("format", {}).get("image", "")
    if image and "{split}" not in image and _pattern(competition) == image:
        return ""
    word = competition.get("splits", {}).get("test") or "test"
    pattern = PurePosixPath(filled(_pattern(competition) or "", split=word))
    folder = str(pattern.parent)
    alone = re.match(r"\{\w+\}(\.|$)", pattern.name) and not re.search(r"[{*]", folder)
    return folder if alone or not pattern.name else glob_of(str(pattern))


def _submission(tree: dict[str, Any] | None) -> SubmissionSpec | None:
    """Return the settings by which masks become rows, without those of one machine or data set."""
    if tree is None:
        return None
    here = {"sample": None, "ledger": None, "notebook": None, "send": False}
    return SubmissionSpec.model_validate({**tree, **here})
