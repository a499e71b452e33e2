"""The page. The content of all sections is put into one file by a template."""

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from raytrain import __version__
from raytrain.report import (
    ensemble_section,
    pictures,
    results,
    search_section,
    setting,
    training_section,
    under_way,
)
from raytrain.report.comparison import COLUMNS, ComparedStudy, against_source
from raytrain.report.facts import RunFacts
from raytrain.report.line import stations
from raytrain.report.oof import Oof
from raytrain.report.palette import class_color
from raytrain.report.printed import PrintedFigure
from raytrain.report.study import StudySection
from raytrain.report.trials import drawings
from raytrain.search.factors import FEWEST


def render(
    facts: RunFacts,
    oof: Oof,
    study: StudySection | None,
    images: list[PrintedFigure],
    matrices: PrintedFigure | None,
    reload_s: int = 0,
) -> str:
    """Return the whole page. If it is served, it asks for its parts again every `reload_s`
    seconds."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            competition=facts.run.path.parent.name,
            run=facts.run.path.name,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
            reload_s=reload_s,
            version=__version__,
            classes=facts.data.classes,
            metric=facts.metric,
            class_colors=[class_color(number) for number in range(1, len(facts.data.classes))],
            stations=stations(facts),
            under_way=under_way.rows(facts),
            training=training_section.training(facts),
            class_figures=training_section.HEADS,
            headline=results.headline(facts),
            members=ensemble_section.members(facts, oof),
            examples=pictures.examples(facts, oof),
            tests=pictures.tests(facts),
            leaderboard=search_section.leaderboard(facts),
            incidents=search_section.incidents(facts),
            drawings=drawings(facts),
            fewest=FEWEST,
            rungs=search_section.rungs(facts),
            study=study,
            data=setting.data(facts),
            folds=setting.folds(facts),
            submission=results.submission(facts),
            evaluation=results.evaluation(facts),
            images=images,
            matrices=matrices,
            reproduce=setting.reproduce(facts),
        )
    )


def render_comparison(studies: list[ComparedStudy]) -> str:
    """Return the page of all studies beside their sources."""
    return (
        _environment()
        .get_template("comparison.html.j2")
        .render(
            studies=studies,
            cells=sum(len(study.table.cells) for study in studies),
            columns=list(COLUMNS),
            figure=against_source(studies),
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
            version=__version__,
        )
    )


@cache
def _environment() -> Environment:
    """Return the environment of the templates. They are compiled once per process."""
    return Environment(
        loader=PackageLoader("raytrain.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
