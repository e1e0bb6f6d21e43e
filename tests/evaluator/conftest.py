"""Evaluators of the behaviours, in this process and in a pool of real processes; a request that keeps its results."""

import os

import pytest
import ray
import torch

from evaluator.artifacts import Artifacts
from evaluator.evaluation import Evaluator, Request
from evaluator.inline import InlineEvaluator
from evaluator.pool import RayEvaluator
from tests.evaluator import behaviours
from tests.evaluator.behaviours import MEMORY_BYTES, behave
from tests.evaluator.continuing import keeping


@pytest.fixture(scope="module")
def _cluster():
    """Ray for one module. The behaviours travel by value, because workers need not find the tests."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", OMP_NUM_THREADS="1")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        object_store_memory=100 * 2**20,
    )
    ray.cloudpickle.register_pickle_by_value(behaviours)
    yield
    ray.cloudpickle.unregister_pickle_by_value(behaviours)
    ray.shutdown()


@pytest.fixture(scope="module")
def pool(_cluster):
    """One pool for most tests, as starting a process takes seconds. Each test leaves it empty."""
    evaluator = RayEvaluator(2, behave, memory_bytes=MEMORY_BYTES, grace=0.5)
    yield evaluator
    evaluator.close()


@pytest.fixture
def inline():
    """An evaluator of the behaviours in this process."""
    return InlineEvaluator(behave)


@pytest.fixture(params=["inline", "pool"])
def evaluator(request: pytest.FixtureRequest) -> Evaluator:
    """Each of the two evaluators."""
    asked: Evaluator = request.getfixturevalue(request.param)
    return asked


@pytest.fixture
def one_thread():
    """One thread of torch, as in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def request_(tmp_path) -> Request:
    """A request that keeps what its training leaves in the directory of the test."""
    return keeping(str(tmp_path))


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """The store of the request."""
    return Artifacts(str(tmp_path))
