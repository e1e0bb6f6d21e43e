"""Machines of a Ray cluster that are busy or lost: no request is to blame, and each is evaluated where it can be."""

import os

import pytest
import ray
from ray.cluster_utils import Cluster

from evaluator.evaluation import Failure
from evaluator.pool import NoWorkerError, RayEvaluator
from tests.evaluator import behaviours
from tests.evaluator.behaviours import asked, behave, collected, good, outcome, waits_for_the_file
from tests.processes import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machines():
    """A head that evaluates nothing; the tests add and remove nodes of one CPU each."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", OMP_NUM_THREADS="1")
    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory})
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(behaviours)
    yield lambda: cluster.add_node(num_cpus=1, **memory), cluster.remove_node
    ray.cloudpickle.unregister_pickle_by_value(behaviours)
    ray.shutdown()
    cluster.shutdown()


def test_a_lost_node_is_told_from_a_killed_worker_and_its_request_runs_on_another(machines, tmp_path):
    add, remove = machines
    node, pool = add(), RayEvaluator(1, behave)
    pool.submit(asked(waits_for_the_file, genome=str(tmp_path / "go")))
    eventually(lambda: not pool.collect(timeout=0) and pool._seats[0].started, seconds=120)
    remove(node, allow_graceful=False)
    (lost,) = collected(pool, 1)
    assert (lost.failure, lost.detail) == (
        Failure.NODE_LOST,
        "the machine of the worker process was lost or does not answer",
    )

    pool.submit(asked(good))
    assert pool.collect(timeout=0.5) == [], "no machine has a free CPU"
    node = add()
    (result,) = collected(pool, 1)
    assert result.failure is None
    pool.close()
    remove(node)


def test_a_request_that_finds_no_free_cpu_takes_the_place_of_one_that_has_ended(machines):
    add, remove = machines
    node, pool = add(), RayEvaluator(2, behave, start_seconds=20.0)
    for attempt in range(2):
        pool.submit(asked(good, attempt))
    results = collected(pool, 2)
    assert [result.failure for result in results] == [None, None]
    assert len({result.metrics["process"] for result in results}) == 1
    pool.close()
    remove(node)


def test_a_pool_without_any_cpu_says_so_instead_of_failing_a_request(machines):
    pool = RayEvaluator(2, behave, start_seconds=1.0)
    pool.submit(asked(good))
    with pytest.raises(NoWorkerError, match="no worker process started within 1 s; has the Ray cluster a free CPU"):
        collected(pool, 1)
    pool.close()
    assert pool.busy == 0


def test_a_pool_whose_processes_end_while_they_start_says_so(machines):
    add, remove = machines
    node = add()

    class Breaks:
        def __call__(self, request):
            raise AssertionError("unreachable")

        def __setstate__(self, state):
            os._exit(1)

        def __getstate__(self):
            return {"ends": "the process that receives it"}

    pool = RayEvaluator(1, Breaks())
    pool.submit(asked(good))
    with pytest.raises(NoWorkerError, match="3 worker processes in a row ended while they started"):
        collected(pool, 1)
    pool.close()
    remove(node)


def test_a_pool_that_gave_up_works_again(machines):
    add, remove = machines
    node, pool = add(), RayEvaluator(1, behave)
    assert outcome(pool, asked(good)).failure is None
    pool.close()
    remove(node)
