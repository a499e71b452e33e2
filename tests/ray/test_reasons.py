"""Reasons in one line (no cluster is needed)."""

from raytrain.cluster.reasons import reason_of

KILLED = """Failure # 1 (occurred at 2026-11-21_19-10-14)
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.2, \
ID: b412ea0c2992) was 16.52GB used / 23.54GB limit (0.701898)
OOM kill reason: Memory usage 17298513920B exceeded threshold of 16889764864B (66.8% of limit)
Ray killed 1 worker(s) based on the killing policy
Refer to the documentation on how to address the out of memory issue: ...
"""


def test_a_kill_by_rays_memory_monitor_is_told_by_its_figures() -> None:
    assert reason_of(KILLED) == (
        "out of memory: Ray's monitor killed its worker when the node used 16.52GB of 23.54GB"
    )


def test_the_error_that_was_raised_first_is_told() -> None:
    text = "ray::work\nTraceback ...\ntorch.OutOfMemoryError: CUDA out of memory\n"
    assert reason_of(text) == "OutOfMemoryError: CUDA out of memory"
    assert reason_of("a\nValueError: name another run") == "name another run"
    assert reason_of("\n its worker died \n") == "its worker died"
