"""The evaluator on Ray: its worker processes, and the requests that they work on."""

from evaluator.pool.pool import RayEvaluator, gpu_share
from evaluator.pool.seats import NoWorkerError

__all__ = ["NoWorkerError", "RayEvaluator", "gpu_share"]
