"""Measure the embedded skin model against what is asked of it; writes one JSON with every figure.

    python benchmarks/texture.py --data FOLDER --examples runs/texture/examples --out results.json

FOLDER holds skins/ and brows/; the examples are those the model was trained on. Parts: speed; cells (samples over
all demographic cells: tone, detail, copying); guidance (tone again without guidance); variety; mean (variety and
detail with the denoiser replaced by the conditional mean); age; steps (tone, detail, variety and speed in the two
fitted steps that ship and in four plain ones, of the same noise); sheet (skin.jpg beside the results: the fifty cells
on their heads). A part already in the file is kept, unless it is named with an exclamation mark; samples already drawn
lie beside it in .jsonl files, so that more can be added.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from threedpain import assets
from threedpain.demographics import AGE_GROUPS, CELLS, ETHNICITIES
from threedpain.generation.colour import lab, lab_of_linear, linear_of_lab
from threedpain.generation.head.model import HeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.seeds import child
from threedpain.generation.texture import layout, load_texture
from threedpain.generation.texture.embedded import condition
from threedpain.generation.texture.model.sampling import features, srgb
from threedpain.generation.texture.model.skin_codec import analyse, synthesise
from threedpain.generation.texture.tone import measured_tone
from threedpain.generation.texture.training.augment import Programme
from threedpain.generation.texture.training.fit import load_example
from threedpain.generation.texture.training.look import Look, sample_look
from threedpain.generation.texture.training.sources import SkinSource, blur, island, load_brows, load_skins
from threedpain.schema import GENERATOR_VERSION

BANDS = ((2, 4), (4, 8), (8, 16), (16, 32))  # wavelengths in texels
FACE = layout.face()


class Model:
    """The texture backend with a switch: `mean` replaces the denoiser by the conditional mean."""

    def __init__(self, folder: Path, **options):
        self.texture = load_texture("embedded", folder=folder, **options)
        self.codec = self.texture.codec

    @torch.no_grad()
    def albedo(self, look, seed: int, guidance: float | None = None, mean: bool = False) -> np.ndarray:
        condition = features(look)[None]
        if mean:
            return srgb(self.codec.decode(torch.zeros(1, self.codec.size), condition)[:, :3])[0]
        return self.texture.skin(condition, seed, guidance).albedo


def to_albedo(colour: np.ndarray) -> np.ndarray:
    """CIELAB [3, H, W] -> the uint8 picture it would ship as."""
    return srgb(torch.from_numpy(colour)[None])[0]


def kept(log: Path, count: int, make: Callable[[int], dict]) -> list[dict]:
    """`make(i)` for i below `count`: one line of `log` each, and what is there is not made again."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for i in range(len(rows), count):
        rows.append(make(i))
        with open(log, "a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    return rows


def measured(model: Model, number: int, known: Known | None, guidance: float | None = None) -> dict:
    """Sample `number` over all cells: its tone, and with `known` its detail and its distances to training examples."""
    look = cell_look(90_000, number)
    albedo = model.albedo(look, number, guidance)
    row = {"ethnicity": look.ethnicity, "asked": look.tone, "measured": measured_tone(albedo, FACE)}
    if known is not None:
        colour = lab(albedo)
        row["bands"] = band_power(colour).tolist()
        row["nearest"] = nearest(known.colour, descriptor(colour))
        row["nearest_residue"] = nearest(known.residue, residue_of(model.codec, colour, look))
    return row


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


def descriptor(colour: np.ndarray) -> np.ndarray:
    """Of CIELAB [H, W, 3], the face at a quarter of the resolution, less its mean: how skins of one tone differ."""
    picture = torch.from_numpy(colour.astype(np.float32).transpose(2, 0, 1))[None]
    return quarter(analyse(analyse(picture)[0])[0][0])


def quarter(smooth: torch.Tensor) -> np.ndarray:
    """The face's part of the smooth part [3, H/4, W/4] of two wavelet levels, in CIELAB units, less its mean."""
    gain = analyse(analyse(torch.ones(1, 1, 8, 8))[0])[0].mean()
    inside = F.avg_pool2d(torch.from_numpy(FACE.astype(np.float32))[None], 4)[0].numpy() > 0.5
    values = (smooth[:, : inside.shape[0], : inside.shape[1]] / gain).numpy()[:, inside]
    return (values - values.mean(1, keepdims=True)).ravel().astype(np.float32)


def fine_descriptor(colour: np.ndarray) -> np.ndarray:
    """Of CIELAB [H, W, 3], the face's L* detail finer than about 16 texels."""
    light = colour[232:712, 560:852, 0].astype(np.float32)
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


class Known:
    """What tells the training examples apart, kept in `log` once computed: `colour`, `descriptor` of each [N, D], and
    `residue` [N, E]."""

    def __init__(self, model: Model, examples: list[Path], log: Path):
        if not log.exists():
            colour, left = zip(*(self._one(model.codec, path) for path in examples), strict=True)
            np.savez(log, colour=np.stack(colour), residue=np.stack(left))
        with np.load(log) as arrays:
            self.colour, self.residue = arrays["colour"], arrays["residue"]

    @staticmethod
    def _one(codec, path: Path) -> tuple[np.ndarray, np.ndarray]:
        conditions, coefficients = load_example(path)
        _, *bands = codec.grids(coefficients[None])
        smooth, bands[-1] = bands[-1][:, :4], bands[-1][:, 4:]
        for band in reversed(bands):
            smooth = synthesise(smooth, band)
        return quarter(smooth[0, :3]), residue(codec, coefficients[None], conditions[None])


def residue(codec, coefficients: torch.Tensor, conditions: torch.Tensor) -> np.ndarray:
    """What the condition leaves open in colour at 16 to 64 texels on the face, every coefficient in units of its
    spread, of unit RMS [E]: twins are told from strangers in 96 pairs of 100, and contrast plays no part."""
    mean, spread = codec._statistics(conditions)
    grids = codec.grids((coefficients - mean) / spread)
    face = torch.zeros(1, 1, *codec.padded)
    face[0, 0, : FACE.shape[0], : FACE.shape[1]] = torch.from_numpy(FACE.astype(np.float32))
    parts = []
    for grid, cell in ((grids[2], 16), (grids[3], 32)):
        values = grid[0, :9][:, F.avg_pool2d(face, cell)[0, 0] > 0.5].flatten()
        parts.append(values / len(values) ** 0.5)
    whole = torch.cat(parts)
    return (whole / whole.square().mean().sqrt()).numpy()


def residue_of(codec, colour: np.ndarray, look) -> np.ndarray:
    picture = torch.from_numpy(colour.astype(np.float32).transpose(2, 0, 1))[None]
    return residue(codec, codec.coefficients(F.pad(picture, (0, 0, 0, 0, 0, 1))), features(look)[None])


def nearest(known: np.ndarray, item: np.ndarray) -> float:
    """RMS distance of [D] to the nearest of [N, D]."""
    return float(np.sqrt(((known - item) ** 2).mean(1).min()))


def copying(model: Model, rows: list[dict], programme: Programme, known: Known, count: int) -> dict:
    """How near the nearest training example is, against two augmentations of one source; and, to see what the measure
    is worth, how near training examples are to each other, which is what a perfect model would reach."""
    twins = {"colour": [], "residue": []}
    for i in range(count):
        one = Programme([programme.skins[i % len(programme.skins)]], programme.brows)
        look = look_of(1000 + i)
        pair = [lab(to_albedo(one(31, 2 * i + k, look)[1])) for k in (0, 1)]
        twins["colour"].append(apart([descriptor(c) for c in pair]))
        twins["residue"].append(apart([residue_of(model.codec, c, look) for c in pair]))
    result = {"generated": len(rows), "training": len(known.colour), "pairs_of_twins": count}
    for name, key, items in (("colour", "nearest", known.colour), ("residue", "nearest_residue", known.residue)):
        among = [nearest(np.delete(items, i, 0), items[i]) for i in range(0, len(items), 5)]
        fifth, two = float(np.percentile([r[key] for r in rows], 5)), float(np.median(twins[name]))
        found = {
            "nearest_5th_percentile": fifth,
            "two_augmentations_of_one_source_median": two,
            "training_examples_among_themselves_5th_percentile": float(np.percentile(among, 5)),
            "passed": fifth >= two,
        }
        result |= found if name == "colour" else {name: found}
    return result


def variety(model: Model, programme: Programme, conditions: int, each: int, mean: bool = False) -> dict:
    ratios = {"form": [], "detail": []}
    for c in range(conditions):
        look = look_of(c)
        made = [lab(model.albedo(look, 100 * c + k, mean=mean)) for k in range(each)]
        drawn = [lab(to_albedo(programme(41, 100 * c + k, look)[1])) for k in range(each)]
        for name, describe in (("form", descriptor), ("detail", fine_descriptor)):
            ratios[name].append(apart([describe(a) for a in made]) / apart([describe(a) for a in drawn]))
    result = {name: float(np.mean(values)) for name, values in ratios.items()}
    return {"conditions": conditions, "each": each, "ratio": result, "passed": min(result.values()) >= 0.7}


def band_power(colour: np.ndarray) -> np.ndarray:
    """Mean square of L* on the face in each of BANDS, of CIELAB [H, W, 3]."""
    light = colour[..., 0]
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
        pictures.append(band_power(lab(to_albedo((form + skin.detail).astype(np.float32)))))
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
        for fine, coarse in itertools.pairwise(smooth):
            band = (fine - coarse) ** 2
            out += [np.log(band[y - 20 : y + 20, x - 24 : x + 24].mean() + 1e-4) for x, y in places]
    return np.array(out)


def age(model: Model, held: Callable, programme: Callable, count: int, log: Path) -> dict:
    """A probe of young against old, trained on augmentations of held-out skins, ranks what the model makes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def look(number: int) -> tuple[Look, int]:
        old = number % 2
        drawn = child(51, "age", number)
        plain = sample_look(drawn)
        years = float(drawn.uniform(65, 88) if old else drawn.uniform(18, 32))
        wrinkles = float(np.clip(drawn.normal(0.05 + 0.85 * old, 0.12), 0, 1))
        return replace(plain, age=years, wrinkles=wrinkles, age_spots=float(old * drawn.beta(1, 1.6))), old

    def score(name: str, offset: int, make: Callable[[int, Look], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        def one(i: int) -> dict:
            asked, old = look(offset + i)
            return {"old": old, "features": age_features(make(offset + i, asked)).tolist()}

        rows = kept(log.with_suffix(f".{name}.jsonl"), count, one)
        return np.array([r["features"] for r in rows]), np.array([r["old"] for r in rows])

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000))
    probe.fit(*score("probe", 0, lambda n, look: to_albedo(held()(61, n, look)[1])))
    result = {}
    for name, make in (
        ("generated", lambda n, look: model.albedo(look, n)),
        ("training_skins", lambda n, look: to_albedo(programme()(62, n, look)[1])),
    ):
        x, y = score(name, 10_000, make)
        result[name] = float(roc_auc_score(y, probe.decision_function(x)))
    return {"images": count, "pairs_ranked_right": result, "passed": result["generated"] >= 0.9}


def speed(models: list[Model]) -> dict:
    """A batch of 16 by two workers of one thread each, as datasets are made, and whether a second run gives the same
    bytes. `seconds_an_identity` is half the processor time, which is what passes on two free cores;
    `wall_seconds_an_identity` is what passed on this machine, busy or not."""

    def work(which: int) -> list[np.ndarray]:
        return [models[which].albedo(look_of(i), i) for i in range(which, 16, 2)]

    for model in models:
        model.albedo(look_of(0), 0)
    wall, busy = time.time(), time.process_time()
    with ThreadPoolExecutor(2) as pool:
        first, _ = pool.map(work, (0, 1))
    wall, busy = (time.time() - wall) / 16, (time.process_time() - busy) / 16
    again = [models[1].albedo(look_of(i), i) for i in (0, 2)]
    return {
        "batch": 16,
        "threads": 2,
        "seconds_an_identity": busy / 2,
        "processor_seconds_an_identity": busy,
        "wall_seconds_an_identity": wall,
        "deterministic": all(np.array_equal(a, b) for a, b in zip(first, again, strict=False)),
        "passed": busy / 2 <= 1,
    }


def of_steps(model: Model, programme: Programme, held: np.ndarray) -> dict:
    """What can be asked of 50 skins, one of each cell, by one thread."""
    model.albedo(look_of(0), 0)
    busy = time.process_time()
    for i in range(16):
        model.albedo(look_of(i), i)
    busy = (time.process_time() - busy) / 16
    rows = []
    for i in range(len(CELLS)):
        look = cell_look(90_000, i)
        albedo = model.albedo(look, i)
        row = {"ethnicity": look.ethnicity, "asked": look.tone, "measured": measured_tone(albedo, FACE)}
        rows.append(row | {"bands": band_power(lab(albedo))})
    return {
        "processor_seconds_an_identity": busy,
        "tone": tone(rows),
        "detail": detail([row["bands"] for row in rows], held),
        "variety": variety(model, programme, 3, 4),
    }


def sheet(path: Path, size: int = 256) -> dict:
    """The fifty cells on their heads, in their hair, in plain light."""
    from sheets import Studio
    from sheets import sheet as contact

    studio = Studio(size, "embedded")

    def portraits() -> Iterator[Image.Image]:
        for i in range(len(CELLS)):
            group, gender, ethnicity = CELLS[i]
            years = float(child(90_000, "age", i).uniform(*AGE_GROUPS[group]))
            who = sample_identity(90_000 + i, age=years, gender=gender, ethnicity=ethnicity)
            yield studio.portrait(who, {}, f"{ethnicity} {gender} {years:.0f}")
            studio.people.clear()

    contact(portraits(), 10).save(path, quality=80)
    return {"cells": len(CELLS), "file": path.name}


def main() -> None:
    from kept import mark_of  # stands beside this file, which tests load by its path

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
    folder = options.model or assets.weights("texture")
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    if results.setdefault("weights", mark_of(folder)) != mark_of(folder):
        parser.error(f"{options.out} has figures of other weights than {folder}: name another --out")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = Model(folder)
    brows = cache(lambda: load_brows(options.data))

    def n(count: int) -> int:
        return max(4, int(count * options.scale))

    def beside(suffix: str) -> Path:
        return options.out.with_suffix(suffix)

    @cache
    def programme(held_out: bool = False) -> Programme:
        on_head = island(HeadModel.load().topology)
        return Programme(load_skins(options.data, on_head, held_out), brows())

    def cells() -> dict:
        known = Known(model, sorted(options.examples.glob("*.npy")), beside(".known.npz"))
        rows = kept(beside(".cells.jsonl"), options.samples, lambda i: measured(model, i, known))
        return {
            "guidance": model.texture.guidance,
            "tone": tone(rows),
            "detail": detail([np.array(r["bands"]) for r in rows], held_out_power(programme(True).skins)),
            "copying": copying(model, rows, programme(), known, n(40)),
        }

    def without_guidance() -> dict:
        if model.texture.guidance == 1:
            return results["cells"]["tone"]
        return tone(kept(beside(".guidance.jsonl"), options.samples, lambda i: measured(model, i, None, 1.0)))

    def mean() -> dict:
        powers = [band_power(lab(model.albedo(cell_look(70_000, i), i, mean=True))) for i in range(n(50))]
        return {
            "detail": detail(powers, held_out_power(programme(True).skins)),
            "variety": variety(model, programme(), 2, 4, mean=True),
        }

    def steps() -> dict:
        held = held_out_power(programme(True).skins)
        return {str(n): of_steps(Model(folder, steps=n), programme(), held) for n in (2, 4)}

    parts = {
        "speed": lambda: speed([model, Model(folder)]),
        "cells": cells,
        "guidance": without_guidance,
        "mean": mean,
        "variety": lambda: variety(model, programme(), n(5), 6),
        "age": lambda: age(model, lambda: programme(True), programme, n(80), beside(".age")),
        "steps": steps,
        "sheet": lambda: sheet(options.out.parent / "skin.jpg"),
    }
    asked = options.parts.split(",")
    for name in asked:  # said before hours of measuring
        if name.rstrip("!") not in parts:
            parser.error(f"--parts names {name.rstrip('!')!r}: allowed are {', '.join(parts)}")
    results.setdefault("generator_version", GENERATOR_VERSION)  # of the first part: the card names it
    results["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, no GPU, torch {torch.__version__}"
    for name in asked:
        if name.endswith("!") or name not in results:
            name, start = name.rstrip("!"), time.time()
            results[name] = parts[name]()
            partial = beside(".part")
            partial.write_text(json.dumps(results, indent=1) + "\n")
            partial.replace(options.out)
            print(f"{name} ({time.time() - start:.0f} s): {json.dumps(results[name])}", flush=True)


if __name__ == "__main__":
    main()
