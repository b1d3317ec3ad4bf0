"""Measure the embedded skin model against what is asked of it; writes one JSON with every figure.

    python benchmarks/texture.py --data FOLDER --examples runs/texture/examples --out results.json

FOLDER holds skins/ and brows/; the examples are those the model was trained on. Parts: speed; cells (samples over
all demographic cells: tone, detail, copying); guidance (tone again without guidance); variety; mean (variety and
detail with the denoiser replaced by the conditional mean); age. A part already in the file is kept; samples already
drawn lie beside it in .jsonl files, so that more can be added.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from threedpain import assets
from threedpain.demographics import AGE_GROUPS, CELLS
from threedpain.generation.head import HeadModel
from threedpain.generation.identity import sample_identity
from threedpain.generation.seeds import child
from threedpain.generation.texture import layout, load_texture
from threedpain.generation.texture.augment import ETHNICITIES, Look, Programme, sample_look
from threedpain.generation.texture.embedded import condition
from threedpain.generation.texture.fit import load_example
from threedpain.generation.texture.pipeline import features, srgb
from threedpain.generation.texture.skin_codec import analyse, synthesise
from threedpain.generation.texture.sources import SkinSource, blur, island, load_brows, load_skins
from threedpain.generation.texture.tone import lab, lab_of_linear, linear_of_lab, measured_tone

BANDS = ((2, 4), (4, 8), (8, 16), (16, 32))  # wavelengths in texels
FACE = layout.face()


class Model:
    """The texture backend with a switch: `mean` replaces the denoiser by the conditional mean."""

    def __init__(self, folder: Path):
        self.texture = load_texture("embedded", folder=folder)
        self.pipe = self.texture.pipe

    @torch.no_grad()
    def albedo(self, look, seed: int, guidance: float | None = None, mean: bool = False) -> np.ndarray:
        condition = features(look)[None]
        if mean:
            return srgb(self.pipe.codec.decode(torch.zeros(1, self.pipe.codec.size), condition)[:, :3])[0]
        return self.pipe(
            condition,
            [torch.Generator().manual_seed(seed)],
            num_inference_steps=self.texture.steps,
            guidance_scale=self.texture.guidance if guidance is None else guidance,
        ).albedo[0]


def to_albedo(colour: np.ndarray) -> np.ndarray:
    """CIELAB [3, H, W] -> the uint8 picture it would ship as."""
    return srgb(torch.from_numpy(colour)[None])[0]


def draw(model: Model, samples: int, guidance: float | None, log: Path, known: np.ndarray | None) -> list[dict]:
    """Samples over all cells, each measured: one line of `log` a sample, lines that are there are not drawn again."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for i in range(len(rows), samples):
        look = cell_look(90_000, i)
        albedo = model.albedo(look, i, guidance)
        row = {"ethnicity": look.ethnicity, "asked": look.tone, "measured": measured_tone(albedo, FACE)}
        if known is not None:
            row["bands"] = band_power(albedo).tolist()
            row["nearest"] = float(np.sqrt(((known - descriptor(albedo)) ** 2).mean(1)).min())
        rows.append(row)
        with open(log, "a") as file:
            file.write(json.dumps(row) + "\n")
    return rows


def tone(rows: list[dict]) -> dict:
    """Typology angle asked and measured, with the tones that identities are given."""
    errors = {
        name: np.array([r["measured"] - r["asked"] for r in rows if r["ethnicity"] == name]) for name in ETHNICITIES
    }
    share = {name: float(np.mean(np.abs(e) <= 4)) for name, e in errors.items()}
    return {
        "samples": len(rows),
        "within_4_degrees": share,
        "percentile_90_of_error": {name: float(np.percentile(np.abs(e), 90)) for name, e in errors.items()},
        "bias": {name: float(np.mean(e)) for name, e in errors.items()},
        "passed": min(share.values()) >= 0.9,
    }


def descriptor(albedo: np.ndarray) -> np.ndarray:
    """CIELAB of the face at a quarter of the resolution, less its mean: what makes two skins of one tone differ."""
    picture = torch.from_numpy(lab(albedo).astype(np.float32).transpose(2, 0, 1))[None]
    return quarter(analyse(analyse(picture)[0])[0][0])


def quarter(smooth: torch.Tensor) -> np.ndarray:
    """The face's part of the smooth part [3, H/4, W/4] of two wavelet levels, in CIELAB units, less its mean."""
    gain = analyse(analyse(torch.ones(1, 1, 8, 8))[0])[0].mean()
    inside = F.avg_pool2d(torch.from_numpy(FACE.astype(np.float32))[None], 4)[0].numpy() > 0.5
    values = (smooth[:, : inside.shape[0], : inside.shape[1]] / gain).numpy()[:, inside]
    return (values - values.mean(1, keepdims=True)).ravel().astype(np.float32)


def fine_descriptor(albedo: np.ndarray) -> np.ndarray:
    """L* detail of the face finer than about 16 texels."""
    light = lab(albedo[232:712, 560:852])[..., 0].astype(np.float32)
    return (light - blur(light, 4))[FACE[232:712, 560:852]]


def apart(items: list[np.ndarray]) -> float:
    """Mean distance (RMS) over all pairs."""
    return float(np.mean([np.sqrt(np.mean((a - b) ** 2)) for i, a in enumerate(items) for b in items[:i]]))


def cell_look(seed: int, number: int):
    """What an identity of one cell asks for; fifty numbers in a row visit every cell."""
    age_group, gender, ethnicity = CELLS[7 * number % len(CELLS)]
    years = float(child(seed, "age", number).uniform(*AGE_GROUPS[age_group]))
    return condition(sample_identity(seed + number, age=years, gender=gender, ethnicity=ethnicity))


def look_of(number: int) -> Look:
    """A fixed look for comparisons within a condition."""
    return sample_look(child(77, "condition", number))


def descriptors(model: Model, examples: list[Path]) -> np.ndarray:
    """Of the training examples, [N, D]."""
    known = []
    for path in examples:
        _, *bands = model.pipe.codec.grids(load_example(path)[1][None])
        smooth, bands[-1] = bands[-1][:, :4], bands[-1][:, 4:]
        for band in reversed(bands):
            smooth = synthesise(smooth, band)
        known.append(quarter(smooth[0, :3]))
    return np.stack(known)


def copying(rows: list[dict], programme: Programme, training: int, count: int) -> dict:
    """How near the nearest training example is, against two augmentations of one source."""
    twins = []
    for i in range(count):
        one = Programme([programme.skins[i % len(programme.skins)]], programme.brows)
        look = look_of(1000 + i)
        twins.append(apart([descriptor(to_albedo(one(31, 2 * i + k, look)[1])) for k in (0, 1)]))
    fifth, two = float(np.percentile([r["nearest"] for r in rows], 5)), float(np.median(twins))
    return {
        "generated": len(rows),
        "training": training,
        "nearest_5th_percentile": fifth,
        "two_augmentations_of_one_source_median": two,
        "passed": fifth >= two,
    }


def variety(model: Model, programme: Programme, conditions: int, each: int, mean: bool = False) -> dict:
    ratios = {"form": [], "detail": []}
    for c in range(conditions):
        look = look_of(c)
        made = [model.albedo(look, 100 * c + k, mean=mean) for k in range(each)]
        drawn = [to_albedo(programme(41, 100 * c + k, look)[1]) for k in range(each)]
        for name, describe in (("form", descriptor), ("detail", fine_descriptor)):
            ratios[name].append(apart([describe(a) for a in made]) / apart([describe(a) for a in drawn]))
    result = {name: float(np.mean(values)) for name, values in ratios.items()}
    return {"conditions": conditions, "each": each, "ratio": result, "passed": min(result.values()) >= 0.7}


def band_power(albedo: np.ndarray) -> np.ndarray:
    """Mean square of L* on the face in each of BANDS; the surroundings are continued before the transform."""
    light = lab(albedo)[..., 0]
    spectrum = np.fft.rfft2(light)
    radius = np.hypot(np.fft.fftfreq(light.shape[0])[:, None], np.fft.rfftfreq(light.shape[1])[None])
    powers = []
    for short, long in BANDS:
        keep = (radius > 1 / long) & (radius <= 1 / short)
        powers.append(np.mean(np.fft.irfft2(spectrum * keep, light.shape)[FACE] ** 2))
    return np.array(powers)


def held_out_power(skins: list[SkinSource]) -> np.ndarray:
    """Band power of the held-out photographs themselves, as cleaned."""
    pictures = []
    for skin in skins:
        form = np.exp(skin.form) * linear_of_lab(skin.colour)[:, None, None]
        form = lab_of_linear(form.transpose(1, 2, 0)).transpose(2, 0, 1)
        pictures.append(band_power(to_albedo((form + skin.detail).astype(np.float32))))
    return np.mean(pictures, 0)


def detail(powers: list[np.ndarray], held: np.ndarray) -> dict:
    """Ratios of generated to held-out band power, over the cells."""
    ratio = np.mean(powers, 0) / held
    return {
        "samples": len(powers),
        "held_out_power": held.tolist(),
        "ratio": {f"{a}-{b}": float(r) for (a, b), r in zip(BANDS, ratio, strict=True)},
        "passed": bool(((ratio >= 0.5) & (ratio <= 2)).all()),
    }


def age_features(albedo: np.ndarray) -> np.ndarray:
    """Log energy of L* and a* detail in twelve regions of the face, per octave."""
    picture = lab(albedo).astype(np.float32)
    layers = [picture[..., 0], picture[..., 1]]
    places = [
        (705, 340),
        (640, 350),
        (771, 350),
        (705, 405),
        (585, 440),
        (826, 440),
        (640, 470),
        (771, 470),
        (640, 550),
        (771, 550),
        (705, 640),
        (600, 600),
    ]
    out = []
    for layer in layers:
        smooth = [layer, *(blur(layer, s) for s in (1.0, 2.0, 4.0, 8.0))]
        for fine, coarse in zip(smooth[:-1], smooth[1:], strict=True):
            band = (fine - coarse) ** 2
            out += [np.log(band[y - 20 : y + 20, x - 24 : x + 24].mean() + 1e-4) for x, y in places]
    return np.array(out)


def age(model: Model, held: Programme, programme: Programme, count: int) -> dict:
    """A probe of young against old, trained on augmentations of held-out skins, ranks what the model makes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def looks(offset: int):
        for i in range(count):
            old = i % 2
            drawn = child(51, "age", offset + i)
            look = sample_look(drawn)
            years = float(drawn.uniform(65, 88) if old else drawn.uniform(18, 32))
            wrinkles = float(np.clip(drawn.normal(0.05 + 0.85 * old, 0.12), 0, 1))
            spots = float(old * drawn.beta(1, 1.6))
            yield offset + i, replace(look, age=years, wrinkles=wrinkles, age_spots=spots), old

    def score(make, offset: int) -> tuple[np.ndarray, np.ndarray]:
        rows = [(age_features(make(number, look)), old) for number, look, old in looks(offset)]
        return np.array([r[0] for r in rows]), np.array([r[1] for r in rows])

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000))
    probe.fit(*score(lambda n, look: to_albedo(held(61, n, look)[1]), 0))
    result = {}
    for name, make in (
        ("training_skins", lambda n, look: to_albedo(programme(62, n, look)[1])),
        ("generated", lambda n, look: model.albedo(look, n)),
    ):
        x, y = score(make, 10_000)
        result[name] = float(roc_auc_score(y, probe.decision_function(x)))
    return {"images": count, "pairs_ranked_right": result, "passed": result["generated"] >= 0.9}


def speed(model: Model) -> dict:
    """Seconds an identity over a batch of 16, with two threads, and whether a second run gives the same bytes."""
    torch.set_num_threads(2)
    looks = [look_of(i) for i in range(16)]
    model.albedo(looks[0], 0)
    wall, busy = time.time(), time.process_time()
    first = [model.albedo(look, i) for i, look in enumerate(looks)]
    wall, busy = time.time() - wall, time.process_time() - busy
    again = [model.albedo(look, i) for i, look in enumerate(looks[:3])]
    torch.set_num_threads(1)
    return {
        "batch": 16,
        "threads": 2,
        "seconds_an_identity": wall / 16,
        "processor_seconds_an_identity": busy / 16,
        "deterministic": all(np.array_equal(a, b) for a, b in zip(first, again, strict=False)),
        "passed": wall / 16 <= 1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with skins/ and brows/")
    parser.add_argument(
        "--examples", type=Path, default=Path("runs/texture/examples"), help="training examples (%(default)s)"
    )
    parser.add_argument("--model", type=Path, help="pipeline folder (default: the one that ships)")
    parser.add_argument("--out", type=Path, default=Path("results.json"), help="figures (%(default)s)")
    parser.add_argument("--samples", type=int, default=500, help="for the tone parts (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the other parts relative to the default")
    parser.add_argument("--parts", default="speed,cells,mean,variety,age,guidance", help="which (%(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = Model(options.model or assets.weights("texture"))
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    on_head = island(HeadModel.load().topology)
    brows = load_brows(options.data)

    def n(count: int) -> int:
        return max(4, int(count * options.scale))

    @cache
    def programme(held_out: bool = False) -> Programme:
        return Programme(load_skins(options.data, on_head, held_out), brows)

    def cells() -> dict:
        examples = sorted(options.examples.glob("*.npy"))
        rows = draw(model, options.samples, None, options.out.with_suffix(".cells.jsonl"), descriptors(model, examples))
        held = held_out_power(programme(True).skins)
        return {
            "guidance": model.texture.guidance,
            "tone": tone(rows),
            "detail": detail([np.array(r["bands"]) for r in rows], held),
            "copying": copying(rows, programme(), len(examples), n(40)),
        }

    def without_guidance() -> dict:
        return tone(draw(model, options.samples, 1.0, options.out.with_suffix(".guidance.jsonl"), None))

    def mean() -> dict:
        powers = [band_power(model.albedo(cell_look(70_000, i), i, mean=True)) for i in range(n(50))]
        return {
            "detail": detail(powers, held_out_power(programme(True).skins)),
            "variety": variety(model, programme(), 2, 4, mean=True),
        }

    parts = {
        "speed": lambda: speed(model),
        "cells": cells,
        "guidance": without_guidance,
        "mean": mean,
        "variety": lambda: variety(model, programme(), n(5), 6),
        "age": lambda: age(model, programme(True), programme(), n(80)),
    }
    results["machine"] = f"{platform.machine()}, {torch.__version__}"
    for name in options.parts.split(","):
        if name not in results:
            start = time.time()
            results[name] = parts[name]()
            partial = options.out.with_suffix(".part")
            partial.write_text(json.dumps(results, indent=1) + "\n")
            partial.replace(options.out)
            print(f"{name} ({time.time() - start:.0f} s): {json.dumps(results[name])}", flush=True)


if __name__ == "__main__":
    main()
