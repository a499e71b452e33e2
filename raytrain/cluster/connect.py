"""Connect to the cluster in RAY_ADDRESS, or start one on this machine."""

import logging
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

# Read by Ray when it is imported. Ray's own loggers and progress tables would repeat ours. A worker
# must see the same paths as its driver. A task that was killed for memory would be retried forever.
# An actor waits for a stopped trial to end before it takes the next one; otherwise Ray drops that
# trial silently after 2 s.
_SETTINGS = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_STATE_TRACKING": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_task_oom_retries": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}

_OWN = {
    # Without cluster support, Ray's processes listen on 127.0.0.1 instead of all addresses.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
}
"""Settings for a Ray instance that this process starts."""

STORE_BYTES = 256 * 1024**2
"""Bytes of Ray's object store on a single machine. Only tasks and figures pass through the
store."""


@contextmanager
def connected() -> Iterator[str]:
    """Connect to Ray during the block; yields a line about the dashboard.

    A Ray instance that is started here listens only on this machine's loopback address, and
    requires a token. Raises ValueError when the cluster in RAY_ADDRESS does not answer, or when
    this process is already connected to Ray.
    """
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        raise ValueError(
            "this process is already connected to Ray, and raytrain starts Ray with its own "
            "settings; call ray.shutdown() first"
        )
    address = os.environ.get("RAY_ADDRESS")
    set_defaults()
    if address is None:
        for key, value in _OWN.items():
            os.environ.setdefault(key, value)
    else:
        _refuse_closed(address)
    import ray

    from raytrain.cluster.private import QUIET, read_settings_again, refuse_silent

    read_settings_again()
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    common = {
        "log_to_driver": False,
        "logging_level": "WARNING",
        "runtime_env": {"env_vars": _worker_settings()},
    }
    # Ray replaces the command's handler, which prints how to continue.
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        if address:
            refuse_silent(address)
            context = ray.init(address=address, **common)
        else:
            context = ray.init(
                address="local", include_dashboard=True, object_store_memory=STORE_BYTES, **common
            )
    except (ConnectionError, ValueError) as error:
        raise _no_answer(str(address), error) from None
    signal.signal(signal.SIGTERM, on_term)
    try:
        yield _dashboard_text(context.dashboard_url)
    finally:
        ray.shutdown()


def _refuse_closed(address: str) -> None:
    """Raise ValueError at once when nothing listens at a RAY_ADDRESS, before Ray is imported."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # such as `auto`
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> ValueError:
    return ValueError(
        f"RAY_ADDRESS={address}: no Ray cluster answers there ({error}); start one with "
        "`ray start --head`, or unset RAY_ADDRESS to run on this machine alone"
    )


def set_defaults() -> None:
    """Set the defaults that raytrain needs in Ray, before Ray is imported."""
    for key, value in _SETTINGS.items():
        os.environ.setdefault(key, value)


def _dashboard_text(url: str | None) -> str:
    if not url:
        return "Ray dashboard: not running"
    token = os.environ.get("RAY_AUTH_MODE") == "token"
    return f"Ray dashboard: http://{url}" + (" (token: `ray get-auth-token`)" if token else "")


def match_authentication(dashboard: str) -> None:
    """Set RAY_AUTH_MODE to the mode of the cluster behind this dashboard, unless the variable is
    set.

    By default, Ray 2.60 uses token authentication only for clusters that it starts.
    """
    if "RAY_AUTH_MODE" in os.environ:
        return
    with urllib.request.urlopen(f"{dashboard}/api/authentication_mode", timeout=10) as reply:
        os.environ["RAY_AUTH_MODE"] = "token" if b"token" in reply.read() else "disabled"


def _worker_settings() -> dict[str, str]:
    ours = [*_SETTINGS, "RAYTRAIN_STALL_S", "RAYTRAIN_RESIZE_S"]
    return {k: v for k, v in os.environ.items() if k in ours or k.startswith("RAY_TRAIN_")}
