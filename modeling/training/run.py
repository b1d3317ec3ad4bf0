"""Training with accelerate: `3dpain train ...`, or `torchrun ... -m threedpain.modeling.training.run ...`.

A step is a function of (seed, step) and of the state that checkpoints hold, so that an interrupted run continues as if
nothing had happened, and n processes with the same global batch compute what one does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from threedpain.errors import InvalidInput
from threedpain.extras import need_extra
from threedpain.generation.process import plain_attention
from threedpain.modeling.evaluation.calibrate import cover
from threedpain.modeling.evaluation.conformal import fit_edges, half_widths
from threedpain.modeling.evaluation.evaluate import predict
from threedpain.modeling.evaluation.familiarity import remember
from threedpain.modeling.evaluation.metrics import auroc, best_threshold, mae, pearson
from threedpain.modeling.faces.batches import Batches
from threedpain.modeling.faces.diet import Diet
from threedpain.modeling.faces.faces import FaceSet, packed_size
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.loading import load_model, load_processor, save_model

from .distillation import Average, Lesson, ask_teacher
from .lora import merge_lora
from .process import Interrupts, alone_in
from .settings import ROLES, TrainConfig, build_model, planned_image_size

logger = logging.getLogger(__name__)

__all__ = ["ROLES", "Run", "TrainConfig", "build_model", "calibrate", "packed_size", "planned_image_size", "train"]


def multiplies_bfloat16() -> bool:
    """Whether the processor does; yes where torch, or another kind of processor, does not say."""
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return found.get("architecture") != "x86_64" or bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def finished(out: Path) -> bool:
    """Whether a run ended in this folder: its model is there, and no checkpoint to go on from."""
    return (out / "config.json").is_file() and not (out / "checkpoint").exists()


class Run:
    """One training run: its parts, its loop, its checkpoints."""

    def __init__(
        self, config: TrainConfig, train_set: FaceSet, validation_set: FaceSet, model: PreTrainedModel | None = None
    ):
        need_extra("accelerate", "train")
        from accelerate import Accelerator, DistributedDataParallelKwargs

        self.config, self.out = config, Path(config.out)
        if finished(self.out):
            raise InvalidInput(f"{self.out} holds a finished model: name another folder, or remove it")
        self.accelerator = Accelerator(
            mixed_precision=config.precision,
            gradient_accumulation_steps=config.accumulate,
            log_with=config.tracker,
            project_dir=config.out,
            cpu=not torch.cuda.is_available(),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        if config.precision == "bf16" and self.accelerator.device.type == "cpu" and not multiplies_bfloat16():
            logger.warning("this processor does not multiply bfloat16: without --precision bf16 a step is far faster")
        model = model if model is not None else build_model(config)
        self.teacher, self.teacher_processor = None, None
        if config.teacher:
            self.teacher = load_model(config.teacher).eval().requires_grad_(False).to(self.accelerator.device)
            self.teacher_processor = load_processor(config.teacher)
        heat = model.config.num_channels == 1
        size = model.config.image_size
        self.processor = load_processor(config.init) if config.init else ViTPainImageProcessor(
            size=size, image_mode="L" if heat else "RGB",
            image_mean=config.mean or ([0.1] if heat else None), image_std=config.std or ([0.1] if heat else None),
        )  # fmt: skip
        self.train_set, self.validation_set = train_set, validation_set
        self.conditions = _possible(config.references, train_set, _reads(model), everyone=False)
        part = config.batch_size // config.accumulate
        if part % (config.group * self.accelerator.num_processes):
            raise InvalidInput(
                f"batch_size / accumulate = {part} must be divisible by group x processes = "
                f"{config.group * self.accelerator.num_processes}"
            )
        self.batches = Batches(
            train_set, size=size, map_size=getattr(model.config, "map_size", 0) or 64,
            mean=self.processor.image_mean, std=self.processor.image_std, batch_size=part, group=config.group,
            conditions=self.conditions, pain_weight=config.pain_weight, augment=config.augment,
            diet=Diet.of(config.diet), heat_input=heat,
            seed=config.seed, rank=self.accelerator.process_index, world=self.accelerator.num_processes,
        )  # fmt: skip
        self.total = max(1, math.ceil(self.batches.per_epoch * config.epochs / config.accumulate))
        torch.manual_seed(config.seed + 1)
        lesson = Lesson(model, self.teacher).to(memory_format=torch.channels_last)
        decayed = [value for value in lesson.parameters() if value.requires_grad and value.dim() > 1]
        others = [value for value in lesson.parameters() if value.requires_grad and value.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate(step))
        self.average = Average(model, config.average)
        # the schedule counts global steps whatever the number of processes, so accelerate does not wrap it
        self.lesson, self.optimizer = self.accelerator.prepare(lesson, optimizer)
        self.schedule = schedule
        self.model = model
        self.step, self.judged, self.best, self.log = 0, 0, math.inf, []
        self.accelerator.register_for_checkpointing(self, self.average, self.schedule)
        self.average.shadow = {name: value.to(self.accelerator.device) for name, value in self.average.shadow.items()}

    def _rate(self, step: int) -> float:
        """Linear warm-up, then a cosine to zero."""
        warm = max(1, round(self.config.warmup * self.total))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, self.total - warm))))

    def state_dict(self) -> dict:
        learned = _mark(self.train_set)
        return {"step": self.step, "judged": self.judged, "best": self.best, "log": self.log, "learned": learned}

    def load_state_dict(self, state: dict) -> None:
        if state.get("learned", mine := _mark(self.train_set)) != mine:
            raise InvalidInput(
                f"{self.out} holds a run on other pictures; continue it with the same set, or name another folder"
            )
        self.step, self.best, self.log = state["step"], state["best"], state["log"]
        self.judged = state.get("judged", self.step)  # older checkpoints do not say, nor what was learned from

    def fit(self) -> Path:
        """Train to the end, or continue where a checkpoint lies; returns the folder with the finished model."""
        with ExitStack() as stack:
            if self.accelerator.device.type == "cpu":
                stack.enter_context(plain_attention())
            if self.accelerator.is_main_process:
                stack.enter_context(alone_in(self.out))
            return self._fit()

    def _fit(self) -> Path:
        self._begin()
        config, chief = self.config, self.accelerator.is_main_process
        every = max(1, self.total // max(1, config.validations))
        stop = min(self.total, config.max_steps or self.total)
        started, losses = time.time(), []
        bar = tqdm(total=self.total, initial=self.step, desc=f"training {config.role}", unit="step", disable=not chief)
        with Interrupts() as interrupts, bar:
            try:
                while self.step < stop or self._unjudged(every):
                    if not self._unjudged(every):  # otherwise the judging was broken off, and comes first
                        with interrupts.held():  # half a step is no state to continue from
                            losses.append(self.one_step())
                            self.step += 1
                        bar.update()
                    if self._unjudged(every):
                        record = {"step": self.step, "seconds": round(time.time() - started, 1), **_means(losses)}
                        losses = []
                        self._validate(record)
                        self.judged = self.step
                        bar.set_postfix({name: f"{record[name]:.3f}" for name in ("loss", "mae") if name in record})
                        self._checkpoint()
            except KeyboardInterrupt:
                self._checkpoint()
                logger.warning("interrupted at step %d of %d; the same command continues", self.step, self.total)
                raise
        if self.step < self.total:
            self._checkpoint()
            return self.out
        self._finish()
        return self.out

    def _unjudged(self, every: int) -> bool:
        """Whether the model of this step is to be judged, and was not."""
        return self.judged < self.step and (self.step % every == 0 or self.step == self.total)

    def one_step(self) -> dict[str, float]:
        """One update of the weights; the losses are means over the global batch."""
        self.lesson.train()
        parts_sum: dict[str, torch.Tensor] = {}
        for part in range(self.config.accumulate):
            batch = self.batches(self.step * self.config.accumulate + part)
            batch = {name: value.to(self.accelerator.device) for name, value in batch.items()}
            with self.accelerator.accumulate(self.lesson):
                # what a process draws (dropout) depends on the step alone
                torch.manual_seed(hash((self.config.seed, self.step, part, self.accelerator.process_index)) % 2**63)
                taught = None
                if self.teacher is not None:
                    mean, std = self.teacher_processor.image_mean[0], self.teacher_processor.image_std[0]
                    taught = ask_teacher(self.teacher, batch["heatmap_targets"], mean, std)
                loss, parts = self.lesson(batch, taught)
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.lesson.parameters(), self.config.clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
            for name, value in {"loss": loss, **parts}.items():
                parts_sum[name] = parts_sum.get(name, 0.0) + value.detach() / self.config.accumulate
        self.schedule.step()
        self.average.update(self.model)
        return {name: float(self.accelerator.reduce(value, "mean")) for name, value in parts_sum.items()}

    def averaged(self) -> PreTrainedModel:
        """A copy of the model with the averaged weights, LoRA merged."""
        import copy

        model = copy.deepcopy(self.model)
        model.load_state_dict(self.average.shadow)
        return merge_lora(model).eval()

    def _begin(self) -> None:
        last, old = self.out / "checkpoint", self.out / "checkpoint.old"
        if self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            if old.exists() and not last.exists():  # killed when the new one was about to take its place
                old.rename(last)
            saved = self.out / "train.json"
            if last.exists() and saved.exists():
                before = json.loads(saved.read_text())
                now = json.loads(json.dumps(asdict(self.config)))
                changed = [name for name in now if name not in ("out", "max_steps") and now[name] != before.get(name)]
                if changed:
                    raise InvalidInput(
                        f"{self.out} holds a run with another {', '.join(changed)}; continue it with the same "
                        "settings, or name another folder"
                    )
            saved.write_text(json.dumps(asdict(self.config), indent=2, allow_nan=False) + "\n")
        self.accelerator.wait_for_everyone()
        if last.exists():
            self.accelerator.load_state(str(last))
            logger.info("continuing at step %d of %d", self.step, self.total)
        if self.config.tracker:
            self.accelerator.init_trackers("vitpain", config={"role": self.config.role, "seed": self.config.seed})

    def _checkpoint(self) -> None:
        last, part = self.out / "checkpoint", self.out / "checkpoint.part"
        self.accelerator.save_state(str(part))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            old = self.out / "checkpoint.old"
            if last.exists():
                shutil.rmtree(old, ignore_errors=True)
                last.rename(old)
            part.rename(last)
            shutil.rmtree(old, ignore_errors=True)
        self.accelerator.wait_for_everyone()

    def _validate(self, record: dict[str, float]) -> None:
        """Judge the averaged weights under each condition trained for; keep the best."""
        if self.accelerator.is_main_process:
            model, scores = self.averaged(), {}
            some = self._some(self.validation_set)
            for condition in _possible(self.conditions, some, _reads(model)):
                table = predict(model, some, reference=condition, processor=self.processor)
                record[f"mae_{condition}"] = mae(table["PSPI"], table["pspi_hat"])
                record[f"pearson_{condition}"] = pearson(table["PSPI"], table["pspi_hat"])
                record[f"auroc_{condition}"] = auroc(*_pain(table))
                # a set that knows pain from other expressions but no PSPI is judged by telling them apart
                blind = table["PSPI"].isna().all()
                scores[condition] = 1 - record[f"auroc_{condition}"] if blind else record[f"mae_{condition}"]
            record["mae"] = float(np.mean(list(scores.values())))
            if record["mae"] < self.best or not (self.out / "best").exists():
                save_model(model, self.processor, self.out / "best")
                self.best = record["mae"]
            self.log.append(record)
            (self.out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.log))
        if self.config.tracker:
            self.accelerator.log({name: value for name, value in record.items() if name != "step"}, step=self.step)
        self.accelerator.wait_for_everyone()

    def _some(self, faces: FaceSet) -> FaceSet:
        rng = np.random.default_rng(self.config.seed)
        count = min(len(faces), self.config.validation_pictures)
        return faces.subset(np.sort(rng.choice(len(faces), count, replace=False)))

    def _finish(self) -> None:
        """The best weights into the run's folder, with intervals and threshold, the log and the settings beside."""
        if self.accelerator.is_main_process:
            model = load_model(self.out / "best")
            if self.validation_set.table["PSPI"].notna().any():
                calibrate(model, self.processor, self.validation_set, self._some(self.train_set), self.conditions)
            learned, new = self._some(self.train_set), self._some(self.validation_set)
            remember(model, self.processor, learned, new, _possible(self.conditions, new, _reads(model)))
            save_model(model, self.processor, self.out)
            shutil.rmtree(self.out / "checkpoint", ignore_errors=True)
            shutil.rmtree(self.out / "best")
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()


def train(
    config: TrainConfig, train_set: FaceSet, validation_set: FaceSet, model: PreTrainedModel | None = None
) -> Path:
    """Train and return the folder of the finished model."""
    return Run(config, train_set, validation_set, model).fit()


def calibrate(
    model: PreTrainedModel, processor, validation_set: FaceSet, train_set: FaceSet, conditions: Mapping[str, float]
) -> None:
    """Fit the 90 % intervals on validation people and the pain threshold on training people; both go to the config.

    Without a reference, and with brows or mouth covered, intervals are never narrower than otherwise.
    """
    named = "realistic" if "realistic" in conditions else next(iter(conditions))
    table = predict(model, validation_set, reference=named, processor=processor)
    table = table[table["PSPI"].notna()]
    edges = fit_edges(table["pspi_hat"].to_numpy())
    plain = half_widths(table["pspi_hat"].to_numpy(), table["PSPI"].to_numpy(), edges)
    model.config.interval_edges, model.config.interval_quantiles = edges, plain

    def wider(reference: str, change=None) -> list[float]:
        table = predict(model, validation_set, reference=reference, processor=processor, change=change)
        table = table[table["PSPI"].notna()]
        widths = half_widths(table["pspi_hat"].to_numpy(), table["PSPI"].to_numpy(), edges)
        return np.maximum(widths, plain).tolist()

    if "none" in conditions and named != "none":
        model.config.interval_quantiles_alone = wider("none")
    if model.config.num_channels == 3:  # a teacher sees no face that could be covered
        model.config.interval_quantiles_covered = wider(named, cover)
    known = predict(model, train_set, reference=named, processor=processor)
    known = known[known["PSPI"].notna()]
    painful = known["PSPI"] >= 1
    if painful.any() and not painful.all():  # otherwise nothing says where pain begins
        model.config.pain_threshold = best_threshold(painful, known["pspi_hat"])


def _possible(
    conditions: Mapping[str, float], faces: FaceSet, reference: str, everyone: bool = True
) -> dict[str, float]:
    """The conditions a set and a model can meet, for all its pictures or for some."""
    if reference == "none":
        return {"none": 1.0}
    able = {name: share for name, share in conditions.items() if share > 0}
    return {name: share for name, share in able.items() if faces.can(name, everyone)} or {"none": 1.0}


def _reads(model: PreTrainedModel) -> str:
    """How the model uses a reference."""
    return getattr(model.config, "reference", "compare")


def _pain(table) -> tuple[np.ndarray, np.ndarray]:
    """Whether there is pain (PSPI >= 1, or the kind of expression), NaN where unknown, and the model's probability."""
    kind = np.where(table["expression"].isna(), np.nan, table["expression"] == "pain")
    return np.where(table["PSPI"].isna(), kind, table["PSPI"] >= 1), table["pain1_hat"].to_numpy()


def _mark(faces: FaceSet) -> str:
    """Which pictures these are, whose, and with which score."""
    told = faces.table[["id", "identity", "PSPI"]].to_csv(index=False)
    return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()


def _means(records: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([record[name] for record in records])) for record in records[-1:] for name in record}


if __name__ == "__main__":
    import sys

    from threedpain.cli import main

    main(["train", *sys.argv[1:]])
