"""The run of a job: a runner claims it, keeps the workers busy and records the outcomes."""
