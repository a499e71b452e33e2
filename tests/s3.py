"""A real S3 server for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem


@contextmanager
def bucket(name: str) -> Iterator[None]:
    """An empty bucket, and the environment that leads to it."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for key, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": host, "no_proxy": host,
        }.items():  # fmt: skip
            patch.setenv(key, value)
        # An earlier test's connections lead to its own server.
        S3FileSystem.clear_instance_cache()
        boto3.client("s3").create_bucket(Bucket=name)
        try:
            yield
        finally:
            S3FileSystem.clear_instance_cache()
            server.stop()
