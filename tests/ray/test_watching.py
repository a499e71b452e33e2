"""jobs/watching: the queries of the Grafana dashboard name the metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from ray.dashboard.consts import GPU_TAG_KEYS
from ray.dashboard.modules.reporter.reporter_agent import METRICS_GAUGES

from raytrain.cluster import metrics_export, run_metrics

FOLDER = Path(__file__).parents[2] / "jobs" / "watching"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
OURS = {
    **{name: {*metrics_export.TAGS} for name in metrics_export.FIGURES},
    metrics_export.PER_CLASS: {*metrics_export.TAGS, "class"},
    **{name: {*run_metrics.TAGS, "state"} for name in run_metrics.STATES},
    run_metrics.BEST: {*run_metrics.TAGS},
}
"""Our metrics and their labels."""
METRICS = {f"ray_raytrain_{name}": labels for name, labels in OURS.items()} | {
    f"ray_{name}": {*GPU_TAG_KEYS} for name in METRICS_GAUGES
}
QUERIES = [
    (target["expr"], target["legendFormat"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def named(query: str) -> set[str]:
    return {*re.findall(r"\bray_\w+", query)}


def test_each_query_names_metrics_and_labels_that_are_exported() -> None:
    for query, legend in QUERIES:
        assert named(query), query
        for name in named(query):
            assert name in METRICS, query
            labels = {*re.findall(r"(\w+)=~?\"", query), *re.findall(r"\{\{(\w+)\}\}", legend)}
            for group in re.findall(r"by \((.+?)\)", query):
                labels |= {*group.split(", ")}
            assert labels <= METRICS[name], query


def test_all_our_metrics_are_shown() -> None:
    shown = set().union(*(named(query) for query, _ in QUERIES))
    assert {name for name in METRICS if name.startswith("ray_raytrain")} <= shown


def test_variables_choose_among_what_there_is() -> None:
    used = {name for query, _ in QUERIES for name in re.findall(r"\$(\w+)", query)}
    assert used == VARIABLES.keys() - {"datasource"}
    for name in used:
        metric, label = re.fullmatch(
            r"label_values\((\w+).*, (\w+)\)", VARIABLES[name]["definition"]
        ).groups()  # type: ignore[union-attr]
        assert label in METRICS[metric]
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"


def test_panels_do_not_cover_each_other() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len({*taken})
    assert max(x for x, _ in taken) < 24


def test_prometheus_reads_the_file_that_ray_writes() -> None:
    from ray._private.ray_constants import PROMETHEUS_SERVICE_DISCOVERY_FILE

    (scrape,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    ((path,),) = [each["files"] for each in scrape["file_sd_configs"]]
    assert path == f"/tmp/ray/{PROMETHEUS_SERVICE_DISCOVERY_FILE}"
