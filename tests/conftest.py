"""For the whole suite: one thread, because two cores share several test processes and workers."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported, here and in child processes
