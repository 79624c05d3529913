"""Several nodes of which one is lost, and a cache whose storage is cut off: the same tables to the last bit."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.workers.test_processes import Place, same, until
from vidrobust.pipeline.workers.on_ray import no_dashboard

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]
CUT_OFF_S = 10.0


@pytest.fixture(scope="module")
def place(public_clips, tmp_path_factory):
    """With the run ``alone``, done by one process."""
    place = Place(tmp_path_factory.mktemp("cluster"), public_clips)
    code, summary = place.run("alone")
    assert code == 3, summary  # one of the files is no video
    return place


def _above(pid):
    """A process, its parent, and so on."""
    found = set[int]()
    while pid > 1:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return found


def test_a_node_that_is_lost_changes_nothing(place, monkeypatch):
    """Three nodes, of which two have a processor; one of these is killed as soon as its worker gets frames."""
    pytest.importorskip("ray")
    # what the nodes start has the environment of this process: none of them is told to die, all take their time
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "ASKS": "0", "SLOW": "0.5"}.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        added = [cluster.add_node(num_cpus=1) for _ in range(2)]
        nodes = {node.all_processes["raylet"][0].process.pid: node for node in added}
        with place.start("nodes", "--workers=3", f"--cluster=ray:{cluster.address}") as process:
            until(place.at_work, 240)
            (node,) = nodes.keys() & _above(place.at_work()[0])
            cluster.remove_node(nodes[node], allow_graceful=False)
            _, summary = process.communicate(timeout=500)
        assert process.returncode == 3, summary
    finally:
        cluster.shutdown()
    assert "a worker was lost" in summary
    same(place.base / "alone", place.base / "nodes")


@pytest.fixture
def storage():
    """A server that speaks S3, with an empty bucket: its address and its process."""
    pytest.importorskip("moto")
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"127.0.0.1:{port}"
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "test")
    keys |= {"region_name": "us-east-1"}
    try:
        until(lambda: _answers(port))
        boto3.client("s3", endpoint_url=f"http://{address}", **keys).create_bucket(Bucket="units")
        yield address, process
    finally:
        process.kill()
        process.wait()


def _answers(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_a_storage_that_is_cut_off_for_a_while_is_waited_for(place, storage):
    address, server = storage
    cache = f"s3://units/runs?endpoint_override={address}&scheme=http&region=us-east-1"
    keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "test")
    keys |= {"AWS_EC2_METADATA_DISABLED": "true"}
    out = place.base / "stored"
    with place.start("stored", f"--cache={cache}", SLOW="0.2", **keys) as process:
        until(lambda: (out / "run.json").is_file())
        time.sleep(3)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(CUT_OFF_S)
        still_there = process.poll() is None
        os.kill(server.pid, signal.SIGCONT)
        _, summary = process.communicate(timeout=500)
    assert still_there, summary
    assert process.returncode == 3, summary
    same(place.base / "alone", out)
    assert not list((out / "cache").rglob("*.zip"))


def test_a_cluster_of_our_own_has_no_dashboard():
    """It asks the cloud for its name, even with usage reports off; Ray works without (seen with strace)."""
    services = pytest.importorskip("ray._private.services")
    start = services.start_api_server
    with no_dashboard():
        assert services.start_api_server(False, raise_on_failure=False) == (None, None)
    assert services.start_api_server is start
