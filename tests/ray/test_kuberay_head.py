"""On KubeRay, a job learns from the API of Kubernetes what its cluster can grow to."""

import datetime
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ray.test_kuberay import CLUSTER

PLACE = "/apis/ray.io/v1/namespaces/ours/rayclusters/raytrain-abc"
ASKED = """
import raytrain.cluster.autoscaling as room
room.cluster_config = lambda: None  # it asks a running Ray
for _ in range(3):
    found = room.ceiling()
    print(found and found.fits({"CPU": 4, "GPU": 1}))
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(place, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    paths[1].write_bytes(text)
    return paths


@pytest.fixture
def head(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a head's pod. The API returns a RayCluster that grows, then one that does
    not, then nothing."""
    grows = yaml.safe_load(CLUSTER.read_text())
    grows["metadata"]["namespace"] = "ours"
    fixed = grows | {"spec": grows["spec"] | {"enableInTreeAutoscaling": False}}
    answers: list[dict[str, Any]] = [grows, fixed]

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.pop(0)).encode() if answers else b""
            self.send_response(200 if body and self.path == PLACE else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    paths = certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "HOME": str(tmp_path),
        "RAY_CLUSTER_NAME": "raytrain-abc",
        "RAY_CLUSTER_NAMESPACE": "ours",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT_HTTPS": str(server.server_port),
        "RAY_KUBERAY_CLIENT_CERT_PATH": str(paths[0]),
        "RAY_KUBERAY_CLIENT_KEY_PATH": str(paths[1]),
        "RAY_KUBERAY_CA_CERT_PATH": str(paths[0]),
    }
    server.shutdown()


def test_the_head_reads_the_size_from_its_raycluster(head: dict[str, str]) -> None:
    command = [sys.executable, "-c", ASKED]
    done = subprocess.run(command, env=os.environ | head, capture_output=True, text=True)
    assert done.stdout.split() == ["8", "None", "None"], done.stderr
    assert "the size that the cluster can grow to is unknown: 403" in done.stderr
