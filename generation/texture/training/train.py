"""Train the skin model: examples, codec, denoiser, pipeline folder.

    python -m threedpain.generation.texture.training.train --data FOLDER --out runs/texture --config cpu

FOLDER holds skins/ and brows/ (CC0 photographs on the upright hm08 crop). Interrupted, the same line goes on from the
last checkpoint. `runs/texture/model` is the finished folder, `losses.csv` the curve, `sheet_*.png` samples on the way.
"""

# ruff: noqa: E402 - what is missing is said before the first import that needs it
from __future__ import annotations

import argparse
import csv
import json
import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from threedpain.extras import need_extra

for library in ("diffusers", "accelerate"):
    need_extra(library, "texture", "training the skin model")

from accelerate import Accelerator
from accelerate.utils import set_seed
from diffusers.training_utils import EMAModel
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from threedpain.demographics import ETHNICITIES
from threedpain.errors import ThreeDPainError
from threedpain.generation.texture.model.pipeline import SkinPipeline
from threedpain.generation.texture.model.sampling import FEATURES, features
from threedpain.generation.texture.model.skin_codec import BROWS, SkinCodec
from threedpain.generation.texture.model.skin_scheduler import SkinScheduler
from threedpain.generation.texture.model.skin_unet import SkinUNet

from .augment import Programme
from .fit import NO_SPREAD, fit_codec, load_example, prepare
from .look import Look
from .sources import island, load_brows, load_skins

logger = logging.getLogger(__name__)


SHARES = (0.35, 0.25, 0.15, 0.1, 0.08, 0.07)  # of the loss, by grid, fine to coarse


@dataclass(frozen=True)
class TrainConfig:
    examples: int = 1200  # drawn from the augmentation programme
    fitted: int = 600  # of them, used for the codec's statistics
    seed: int = 0
    widths: tuple[int, int, int, int] = (32, 48, 96, 160)
    depths: tuple[int, int, int, int] = (1, 2, 2, 4)
    steps: int = 1600
    batch: int = 4
    learning_rate: float = 1.5e-3
    warmup: int = 40
    ema: float = 0.995
    withheld: float = 0.1  # share of examples whose condition is withheld, for classifier-free guidance
    mixed_precision: str = "bf16"
    workers: int = 0
    checkpoint_every: int = 100
    sheet_every: int = 200


CONFIGS = {
    "cpu": TrainConfig(),  # about an hour on one core
    "gpu": TrainConfig(
        examples=20000,
        fitted=4000,
        widths=(48, 80, 144, 224),
        depths=(2, 3, 3, 6),
        steps=60000,
        batch=32,
        learning_rate=6e-4,
        warmup=500,
        ema=0.9995,
        workers=8,
        checkpoint_every=2000,
        sheet_every=5000,
    ),
    "tiny": TrainConfig(
        examples=6,
        fitted=6,
        widths=(8, 8, 8, 8),
        depths=(1, 1, 1, 1),
        steps=2,
        batch=2,
        warmup=1,
        mixed_precision="no",
        checkpoint_every=1,
        sheet_every=2,
    ),
}


class Examples(Dataset):
    def __init__(self, paths: list[Path]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return load_example(self.paths[index])


def loss_weights(codec: SkinCodec, on_head: np.ndarray) -> torch.Tensor:
    """[size] weights: the grids by SHARES, brows six times, a seventh off the head, none where nothing varies."""
    h, w = codec.padded
    head = torch.zeros(1, 1, h, w)
    head[0, 0, : on_head.shape[0], : on_head.shape[1]] = torch.from_numpy(np.array(on_head))
    parts = []
    for shape, cell in zip(codec.shapes, (4, 8, 16, 32, 64, 128), strict=True):
        near = 0.15 + 0.85 * torch.nn.functional.max_pool2d(head, cell)[0]
        parts.append(near.expand(shape).clone())
    for part, first in zip(parts, BROWS, strict=True):
        part[first:] *= 6.0  # brows: few cells, sharp shapes
    weights = torch.cat([part.flatten() for part in parts])
    _, spread = codec._statistics(torch.zeros(1, FEATURES))
    weights[spread <= NO_SPREAD * 1.01] = 0
    return torch.cat(
        [share * part / part.sum() for share, part in zip(SHARES, weights.split(codec.sizes), strict=True)]
    )


def train(data: Path, out: Path, config: TrainConfig, on_head: np.ndarray) -> Path:
    """The whole way; returns the folder of the finished pipeline."""
    set_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
    programme = Programme(load_skins(data, on_head), load_brows(data))
    prepare(programme, out / "examples", config.examples, config.seed)
    paths = sorted((out / "examples").glob("*.npy"))[: config.examples]
    if (out / "codec").exists():
        codec = SkinCodec.from_pretrained(out / "codec")
    else:
        codec = fit_codec(paths[: config.fitted], programme, config.seed)
        codec.save_pretrained(out / "codec")
    unet = fit_unet(codec, paths, out, config, loss_weights(codec, on_head))
    folder = out / "model"
    save_pipeline(SkinPipeline(unet, codec, SkinScheduler()), folder)
    return folder


def fit_unet(codec: SkinCodec, paths: list[Path], out: Path, config: TrainConfig, weights: torch.Tensor) -> SkinUNet:
    """Denoising score matching on the latents of `paths`; returns the averaged network."""
    accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=not torch.cuda.is_available())
    unet = SkinUNet(*codec.padded, features=FEATURES, widths=config.widths, depths=config.depths)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(1, (step + 1) / config.warmup)
            * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(step / config.steps, 1))))
        ),
    )
    average = EMAModel(
        unet.parameters(),
        decay=config.ema,
        use_ema_warmup=True,
        power=0.75,
        model_cls=SkinUNet,
        model_config=unet.config,
    )
    loader = DataLoader(
        Examples(paths), batch_size=config.batch, shuffle=True, drop_last=True, num_workers=config.workers
    )
    unet, optimizer, schedule, loader = accelerator.prepare(unet, optimizer, schedule, loader)
    average.to(accelerator.device)
    accelerator.register_for_checkpointing(average)
    alphas = SkinScheduler().alphas_cumprod.to(accelerator.device)
    weights, codec = weights.to(accelerator.device), codec.to(accelerator.device)
    silent = weights == 0

    step = 0
    checkpoints = sorted((out / "checkpoints").glob("*"))
    if checkpoints:
        accelerator.load_state(str(checkpoints[-1]))
        step = int(checkpoints[-1].name)
    log = out / "losses.csv"
    if step == 0:
        log.write_text("step,loss,cells4,cells8,cells16,cells32,cells64,cells128,seconds\n")
    bar = tqdm(total=config.steps, initial=step, disable=not accelerator.is_main_process, mininterval=10)
    start = time.time()
    while step < config.steps:
        for conditions, coefficients in loader:
            mean, spread = codec._statistics(conditions)
            clean = (coefficients - mean) / spread
            noise = torch.randn_like(clean)
            # What never varies is noise at sampling, so it must be noise here too.
            clean = torch.where(silent, torch.randn_like(clean), clean)
            # Stratified over the batch: less variance of the loss.
            u = (torch.rand(1, device=clean.device) + torch.arange(len(clean), device=clean.device) / len(clean)) % 1
            t = (u * len(alphas)).long()
            alpha, sigma = alphas[t].sqrt()[:, None], (1 - alphas[t]).sqrt()[:, None]
            known = (torch.rand(len(clean), device=clean.device) >= config.withheld).float()
            with accelerator.autocast():
                guess = unet(alpha * clean + sigma * noise, t, conditions, known)
            error = (guess.float() - (alpha * noise - sigma * clean)) ** 2 * weights
            parts = [part.sum(1).mean() for part in error.split(codec.sizes, 1)]
            loss = sum(parts)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            average.step(unet.parameters())
            step += 1
            bar.update(1)
            if accelerator.is_main_process:
                with open(log, "a", newline="") as file:
                    values = [loss.item(), *(p.item() / s for p, s in zip(parts, SHARES, strict=True))]
                    csv.writer(file).writerow([step, *(f"{v:.5f}" for v in values), f"{time.time() - start:.1f}"])
            if step % config.checkpoint_every == 0 or step == config.steps:
                accelerator.save_state(str(out / "checkpoints" / f"{step:07d}"))
                if accelerator.is_main_process:  # of several, one clears away
                    for old in sorted((out / "checkpoints").glob("*"))[:-2]:
                        shutil.rmtree(old)
            if accelerator.is_main_process and step % config.sheet_every == 0:
                average.store(unet.parameters())
                average.copy_to(unet.parameters())
                sample_sheet(accelerator.unwrap_model(unet), codec, out / f"sheet_{step:07d}.png")
                average.restore(unet.parameters())
            if step >= config.steps:
                break
    bar.close()
    average.copy_to(unet.parameters())
    return accelerator.unwrap_model(unet).cpu().eval()


def sheet_looks() -> list[Look]:
    """Ten looks that show every condition."""
    tones = (-45, 45, 15, -10, 30)
    return [
        Look(
            age=age,
            gender=("female", "male")[(i + old) % 2],
            ethnicity=ethnicity,
            tone=tone,
            freckles=0.6 if tone == 45 and not old else 0.05,
            moles=0.3,
            age_spots=0.6 * old,
            redness=0.3,
            wrinkles=0.8 * old + 0.05,
            stubble=0.7 * ((i + old) % 2),
            makeup=0.5 * ((i + old + 1) % 2),
        )
        for old, age in enumerate((25, 75))
        for i, (ethnicity, tone) in enumerate(zip(ETHNICITIES, tones, strict=True))
    ]


@torch.no_grad()
def sample_sheet(unet: SkinUNet, codec: SkinCodec, path: Path) -> None:
    """A picture of ten samples, brows painted dark."""
    training = unet.training
    pipe = SkinPipeline(unet.eval(), codec, SkinScheduler())
    pipe.set_progress_bar_config(disable=True)
    faces = []
    for number, look in enumerate(sheet_looks()):
        out = pipe(features(look)[None], [torch.Generator().manual_seed(number)])
        picture = out.albedo[0] * (1 - 0.9 * out.brows[0][..., None] / 255)
        faces.append(picture.astype(np.uint8)[230:768, 370:1040])
    rows = [np.concatenate(faces[k : k + 5], 1) for k in (0, 5)]
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.resize((sheet.width // 2, sheet.height // 2), Image.LANCZOS).save(path)
    unet.train(training)


def save_pipeline(pipe: SkinPipeline, folder: Path) -> None:
    """The standard folder in half precision, with the code of its own classes inside."""
    from threedpain.generation.texture.model import pipeline, sampling, skin_codec, skin_scheduler, skin_unet

    pipe.to(torch.float16).save_pretrained(folder)
    for module in (pipeline, sampling):
        shutil.copyfile(module.__file__, folder / Path(module.__file__).name)
    shutil.copyfile(skin_unet.__file__, folder / "unet" / "skin_unet.py")
    shutil.copyfile(skin_codec.__file__, folder / "codec" / "skin_codec.py")
    shutil.copyfile(skin_scheduler.__file__, folder / "scheduler" / "skin_scheduler.py")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "unet": ["skin_unet", "SkinUNet"],
        "codec": ["skin_codec", "SkinCodec"],
        "scheduler": ["skin_scheduler", "SkinScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with skins/ and brows/")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/texture"), help="examples, checkpoints, model (%(default)s)"
    )
    parser.add_argument("--config", choices=CONFIGS, default="cpu", help="size of the training (%(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not options.data.is_dir():
        parser.error(f"no folder {options.data}: --data needs one with skins/ and brows/.")
    from threedpain.generation.head.model import HeadModel

    try:
        folder = train(options.data, options.out, CONFIGS[options.config], island(HeadModel.load().topology))
    except ThreeDPainError as problem:
        parser.error(str(problem))
    logger.info("the model is in %s", folder)


if __name__ == "__main__":
    main()
