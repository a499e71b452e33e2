"""What needs names that Ray keeps to itself: whether a cluster answers at all.

Ray's own clients wait for 40 s and more, and write lines of their own meanwhile.
"""

import grpc  # type: ignore[import-untyped]
from ray._private.grpc_utils import init_grpc_channel
from ray._private.services import canonicalize_bootstrap_address

ANSWER_S = 6.0


def refuse_silent(address: str) -> None:
    """Raises ConnectionError when nothing at a RAY_ADDRESS speaks Ray's protocol within 6 s."""
    place = address.removeprefix("ray://")
    if place == address:
        place = canonicalize_bootstrap_address(address) or ""
    channel = init_grpc_channel(place)
    try:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_S)
    except grpc.FutureTimeoutError:
        raise ConnectionError(f"nothing answered within {ANSWER_S:g} s") from None
    finally:
        channel.close()
