"""STAR's claims at the size of a laptop: `python benchmarks/headline.py --write`.

The preset `laptop` searches with several seeds, each on real text with an honest finish: the winners and the baselines
are trained from scratch on three seeds that the search never used. The report in `docs/reports/headline.md` says by how
much and with which certainty the best winner beats each baseline, and how many parameters and bytes of cache a winner
saves at equal or better loss. `--databases` reads finished searches, such as those of `star demo`,
in place of running them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluator.metrics import CACHE_BYTES, PARAMETERS, STDERR_SUFFIX
from search.archive import Archive
from search.archive.values import JobState, JobSummary
from search.costs import costs_of, reference
from search.plan import Plan
from search.plan.presets import merged
from search.reports.verdict import CLEAR, Verdict, verdicts
from search.run.runner import Runner

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "headline.md"
FIGURES = Path(__file__).parent / "data" / "headline.json"

PUBLISHED = {
    ("Transformer++", PARAMETERS.name): "13 %",
    ("striped hybrid", PARAMETERS.name): "8 %",
    ("Transformer++", CACHE_BYTES.name): "90 %",
    ("striped hybrid", CACHE_BYTES.name): "37 %",
}
"""What the paper saves at equal or better quality, at most, with 125M parameters (arXiv 2411.17800)."""

INTRODUCTION = """# What a search on a laptop finds

`python benchmarks/headline.py --write` wrote this page on {date}. The preset `laptop` searched {count} times on real
text, with other seeds. Each search ended with an honest finish: winners and baselines were trained from scratch on
{seeds} seeds that the search had never used. The best winner is the one that the search itself held for the best, so
that nothing is chosen by these seeds. A difference is "clear" when it is more than two standard errors; the standard
error comes from the spread of seeds, pooled over all finalists of a search.

{winners}

Saved at equal or better loss: of the winners whose mean is not above the baseline's, the largest saving. In brackets
the winner's difference in bits per byte. The last column is what the paper reports, at most, with 125M parameters and
longer trainings on other data; it is another setting, and no claim about it follows from this page.

{savings}

One corpus, very short trainings of very small models: short budgets favour convolutions, which learn quickly.
"""


def searched(seed: int, workers: int, folder: Path) -> tuple[JobSummary, int, list[Verdict]]:
    """Run one search of the preset; see `judged`."""
    import ray

    from evaluator.pool import RayEvaluator

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    archive = Archive(f"sqlite:///{folder}/{seed}.db")
    archive.migrate()
    archive.create_job(merged("laptop", {"seed": seed}), f"headline {seed}")
    artifacts = str(folder / "artifacts")
    Runner(archive, lambda: RayEvaluator(workers), artifacts, reference, costs_of, "headline").run_until_idle()
    ray.shutdown()
    return judged(archive)


def judged(archive: Archive) -> tuple[JobSummary, int, list[Verdict]]:
    """Return the newest job of an archive, the number of the best candidate by its search, and its verdicts.

    Raises:
        ValueError: the job did not succeed.
    """
    (job,) = archive.jobs(1).items
    if job.state is not JobState.SUCCEEDED:
        raise ValueError(f"job {job.id} is {job.state}; a finished search is needed")
    found = verdicts(Plan.model_validate(job.plan), archive.finalists(job.id))
    quality = job.plan["objectives"][0]
    best = min(archive.frontier(job.id), key=lambda one: one.metrics[quality])
    archive.close()
    return job, best.number, found


def figures(job: JobSummary, best_number: int, found: list[Verdict]) -> dict[str, Any]:
    """Return of one search its best winner against each baseline, and what winners save."""
    quality = job.plan["objectives"][0]
    baselines = [one for one in found if one.baseline and one.metrics]
    winners = [one for one in found if not one.baseline and one.metrics]
    best = next(one for one in found if one.number == best_number)
    return {
        "seed": job.plan["seed"],
        "seconds": (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else None,
        "trainings": job.outcomes,
        "tokens": job.tokens,
        "seeds": job.plan["finish"]["seeds"],
        "quality": quality,
        "best": _line(best, quality),
        "baselines": [_line(one, quality) | {"name": one.baseline} for one in baselines],
        "against": [
            {"baseline": base.baseline, "clear": row.clear, "probability": row.probability}
            | {"difference": row.difference, "stderr": row.stderr}
            for base in baselines
            for row in best.against
            if (row.baseline, row.metric) == (base.number, quality)
        ],
        "saved": [
            {"baseline": base.baseline, "metric": metric, **_saving(base, winners, quality, metric)}
            for base in baselines
            for metric in (PARAMETERS.name, CACHE_BYTES.name)
        ],
    }


def _line(one: Verdict, quality: str) -> dict[str, Any]:
    names = (quality, quality + STDERR_SUFFIX, PARAMETERS.name, CACHE_BYTES.name)
    return {"number": one.number, "genome": one.genome, **{name: one.metrics.get(name) for name in names}}


def _saving(base: Verdict, winners: list[Verdict], quality: str, metric: str) -> dict[str, Any]:
    good = [one for one in winners if one.metrics[quality] <= base.metrics[quality]]
    if not good:
        return {"share": None, "difference": None}
    least = min(good, key=lambda one: one.metrics[metric])
    return {
        "share": 1 - least.metrics[metric] / base.metrics[metric],
        "difference": least.metrics[quality] - base.metrics[quality],
    }


def written(found: list[dict[str, Any]]) -> str:
    """Return the report in Markdown."""
    winners = ["| seed | best winner | baseline | difference | clear | probability |", "|---|---|---|---|---|---|"]
    savings = ["| seed | baseline | metric | saved | the paper |", "|---|---|---|---|---|"]
    for one in found:
        best = f"{one['best'][one['quality']]:.3f} ± {one['best'][one['quality'] + STDERR_SUFFIX]:.3f}"
        for row in one["against"]:
            base = next(base for base in one["baselines"] if base["name"] == row["baseline"])
            other = f"{row['baseline']} {base[one['quality']]:.3f} ± {base[one['quality'] + STDERR_SUFFIX]:.3f}"
            lead = f"{row['difference']:+.3f} ± {row['stderr']:.3f} ({abs(row['difference']) / row['stderr']:.1f} s.e.)"
            clear = "yes" if abs(row["difference"]) > CLEAR * row["stderr"] else "no, within the noise"
            winners.append(f"| {one['seed']} | {best} | {other} | {lead} | {clear} | {row['probability']:.4f} |")
        for row in one["saved"]:
            saved = "nothing" if row["share"] is None else f"{row['share']:.2%} ({row['difference']:+.3f})"
            paper = PUBLISHED[row["baseline"], row["metric"]]
            savings.append(f"| {one['seed']} | {row['baseline']} | {row['metric']} | {saved} | {paper} |")
    facts = {"date": datetime.now(UTC).date().isoformat(), "count": len(found), "seeds": found[0]["seeds"]}
    return INTRODUCTION.format(winners="\n".join(winners), savings="\n".join(savings), **facts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--databases", nargs="*", metavar="FILE", help="SQLite files of finished searches")
    parser.add_argument("--write", action="store_true", help="write docs/reports/headline.md and all figures")
    arguments = parser.parse_args()
    if arguments.databases:
        results = [figures(*judged(Archive(f"sqlite:///{Path(file).resolve()}"))) for file in arguments.databases]
    else:
        with tempfile.TemporaryDirectory() as scratch:
            results = [figures(*searched(n, arguments.workers, Path(scratch))) for n in range(arguments.seeds)]
    print(written(results))
    if arguments.write:
        REPORT.write_text(written(results), encoding="utf-8")
        FIGURES.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
