"""The same shard task beyond one machine: datatrove's executors for Ray, Slurm and Hugging Face Jobs.

A task makes some of the shards with the same worker process as a local run, and skips what the folder already holds: a
task that is killed and started again loses nothing that was finished. Ray and Slurm need the output folder on storage
all nodes share; Jobs sends its shards through a dataset repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra

need_extra("datatrove", "cluster")

from datatrove.pipeline.base import PipelineStep  # noqa: E402

from . import workers as team  # noqa: E402
from .manifest import NEW, WORK, Manifest, load_plan, save_config  # noqa: E402
from .plan import Plan  # noqa: E402

_MADE = [f"{NEW}/**", f"{WORK}/shards/*.json"]  # what tasks on other machines make, and nothing else of a folder
TASKS_PER_WORKER = 4  # small enough that a lost task costs little, large enough that start-up does not count


class MakeShards(PipelineStep):
    """A datatrove step: task `rank` of `world_size` makes every `world_size`-th of the named shards."""

    type = "generator"
    name = "3DPain shards"

    def __init__(self, out: Path, plan: Plan, names: Sequence[str], pipeline: str, repo: str | None = None):
        super().__init__()
        self.out, self.plan, self.names, self.pipeline, self.repo = Path(out), plan, list(names), pipeline, repo

    def run(self, data=None, rank: int = 0, world_size: int = 1) -> Iterator:
        (self.out / WORK).mkdir(parents=True, exist_ok=True)
        if not (self.out / WORK / "config.json").is_file():  # a fresh machine of HF Jobs
            save_config(self.out, self.plan)
        finished, _ = Manifest(self.out).finished(self.plan)
        mine = [name for name in self.names[rank::world_size] if name not in finished]
        log = f"task-{rank}"
        team.run(self.out, mine, 1, self.pipeline, log=log)
        self.stat_update("shards", value=len(mine))
        if self.repo:
            from huggingface_hub import HfApi

            HfApi().upload_folder(repo_id=self.repo, repo_type="dataset", folder_path=self.out, allow_patterns=_MADE)
        yield from data or ()


def run(out: Path, names: Sequence[str], workers: int, executor: str, pipeline: str) -> None:
    """Make the named shards of the plan saved in `out` on `workers` workers of an existing engine."""
    out, plan = out.resolve(), load_plan(out)
    tasks = min(len(names), workers * TASKS_PER_WORKER)
    logs = str(out / WORK / "datatrove")
    common = {"tasks": tasks, "workers": workers, "skip_completed": False}  # the manifest knows better what is done
    if executor == "ray":
        need_extra("ray", "cluster")
        import ray
        from datatrove.executor.ray import RayPipelineExecutor

        if not ray.is_initialized():
            ray.init(address=os.environ.get("RAY_ADDRESS"), num_cpus=None if "RAY_ADDRESS" in os.environ else workers)
        RayPipelineExecutor([MakeShards(out, plan, names, pipeline)], logging_dir=logs, **common).run()
    elif executor == "slurm":
        from datatrove.executor.slurm import SlurmPipelineExecutor

        SlurmPipelineExecutor(
            [MakeShards(out, plan, names, pipeline)], logging_dir=logs, job_name="3dpain",
            time=os.environ.get("THREEDPAIN_SLURM_TIME", "04:00:00"), partition=_setting("THREEDPAIN_SLURM_PARTITION"),
            **common,
        ).run()  # fmt: skip
        raise team.WorkFailed(f"{tasks} tasks are with Slurm. When they are done, the same command finishes the set.")
    else:
        from datatrove.executor.jobs import JobsPipelineExecutor
        from huggingface_hub import snapshot_download

        repo = _setting("THREEDPAIN_JOBS_REPO")
        JobsPipelineExecutor(
            [MakeShards(Path("3dpain"), plan, names, pipeline, repo)], logging_dir=f"hf://datasets/{repo}/logs",
            flavor=os.environ.get("THREEDPAIN_JOBS_FLAVOR", "cpu-upgrade"), dependencies=["threedpain[cluster]"],
            **common,
        ).run()  # fmt: skip
        snapshot_download(repo, repo_type="dataset", local_dir=out, allow_patterns=_MADE)
    missing = set(names) - Manifest(out).finished(plan)[0].keys()
    if missing:
        raise team.WorkFailed(
            f"{len(missing)} of {len(names)} shards were not finished ({min(missing)} ...); see {logs}. "
            "The same command goes on from here."
        )


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise InvalidInput(f"set {name} in the environment for this executor (docs/scale.md).")
    return value
