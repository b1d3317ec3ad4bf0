"""Contact sheets of the head and its rig: `python benchmarks/sheets.py --out docs/sheets`.

action_units.webp: every unit at intensities 1, 3, 5; ages.webp: one person of each ethnicity at five ages;
expressions.webp: PSPI targets and the non-pain expressions; people.webp: different identities of two cells; women.webp
and old.webp: forty women, and forty people from 75 on, eight of each ethnicity, every second one in pain;
close_ups.webp: six people at twice the size. Plain light, frontal, the flat or embedded skin.

cells.webp: one person of each of the 50 cells in the three standard views, in their own scenes; hair.webp and
beards.webp: every style on four people; light.webp: two people in eight rooms of each kind; panoramas.webp: three
people in every photographed place, each turned another way; clinic.webp and lying.webp: who sits and lies in a clinic;
cameras.webp: what a ward's cameras see; accessories.webp and covers.webp: each thing worn, and each cover, on five
people.

How the head moves, each next to the former one: movement.webp (half as large), the units that were fitted to scans at
1, 3, 5 on six people, every second row the former head; laughter.webp, frowns.webp and closed_eyes.webp, every second
column the former head.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from threedpain import demographics, facs
from threedpain.expressions import OTHER_EXPRESSIONS, sample_for_pspi, sample_other
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.rig import rig
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import BEARDS, STYLES, Identity, Scene
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.posture import POSTURES
from threedpain.generation.scene.scene import VIEWS, sample_scene
from threedpain.generation.seeds import child
from threedpain.generation.texture import load_texture
from threedpain.generation.worn.choice import worn_by
from threedpain.limits import ACCESSORIES, CLINIC, COVERS, LIGHTS, PANORAMAS

QUALITY = 50  # of WebP: 10 kB a portrait of 512 pixels


class Studio:
    """Draws captioned portraits of identities, frontal in plain light unless a scene is given."""

    def __init__(self, size: int, texture: str) -> None:
        self.head, self.renderer, self.texture = ScanHeadModel.load(), Renderer(), load_texture(texture)
        self.size, self.scene = size, sample_scene(0, view=(0.0, 0.0), size=size, plain=True)
        self.people: dict[int, tuple] = {}

    def former(self) -> Studio:
        """The same with the head that `--head anny` names."""
        twin = copy(self)
        twin.head, twin.people = HeadModel.load(), {}
        return twin

    def portrait(
        self, identity: Identity, units: dict[str, float], caption: str, scene: Scene | None = None, **pose
    ) -> Image.Image:
        if id(identity) not in self.people:
            self.people[id(identity)] = (identity, self.head(identity), self.texture([identity])[0])
        _, bust, maps = self.people[id(identity)]
        picture = Image.fromarray(self.renderer.render(rig(bust, units, **pose), maps, scene or self.scene).image)
        ImageDraw.Draw(picture).text((5, 4), caption, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
        return picture


def sheet(pictures: Iterable[Image.Image], columns: int) -> Image.Image:
    pictures = list(pictures)
    width, height = pictures[0].size
    out = Image.new("RGB", (width * columns, height * -(-len(pictures) // columns)))
    for number, picture in enumerate(pictures):
        out.paste(picture, (number % columns * width, number // columns * height))
    return out


def action_units(studio: Studio) -> Image.Image:
    person = sample_identity(11, age=45, gender="female", ethnicity="white", hair="tied_back")
    other = sample_identity(12, age=68, gender="male", ethnicity="black", hair="buzz", beard="none")
    rows = []
    for unit, facts in facs.ACTION_UNITS.items():
        for identity in (person, other):
            for share in (0.2, 0.6, 1.0):
                amount = facts.maximum * share
                rows.append(studio.portrait(identity, {unit: amount}, f"{unit} {amount:g} {facts.facs_name}"))
    return sheet(rows, 12)


def ages(studio: Studio) -> Image.Image:
    pictures = []
    for number, ethnicity in enumerate(demographics.ETHNICITIES):
        gender = demographics.GENDERS[number % 2]
        for low, high in demographics.AGE_GROUPS.values():
            age = (low + high) / 2
            identity = sample_identity(100 + 10 * number, age=age, gender=gender, ethnicity=ethnicity)
            pictures.append(studio.portrait(identity, {}, f"{ethnicity} {gender} {age:g}"))
    return sheet(pictures, len(demographics.AGE_GROUPS))


def expressions(studio: Studio) -> Image.Image:
    pictures = []
    for number, (low, high) in enumerate(demographics.AGE_GROUPS.values()):
        gender = demographics.GENDERS[number % 2]
        identity = sample_identity(
            200 + number, age=(low + high) / 2, gender=gender, ethnicity=demographics.ETHNICITIES[number], hair="short"
        )
        for target in (0, 2, 4, 6, 8, 10, 12, 14, 16):
            units = sample_for_pspi(target, child(target, "sheet", number))
            pictures.append(studio.portrait(identity, units, f"PSPI {facs.pspi(units):g}"))
        for name in OTHER_EXPRESSIONS:
            _, units = sample_other(child(0, name, number), name)
            pictures.append(studio.portrait(identity, units, name))
        pictures.append(studio.portrait(identity, {}, "gaze left", gaze=(22.0, 0.0)))
        pictures.append(studio.portrait(identity, {}, "gaze right", gaze=(-22.0, 0.0)))
        pictures.append(studio.portrait(identity, {}, "gaze down", gaze=(0.0, -20.0)))
        pictures.append(studio.portrait(identity, {}, "yaw 30 pitch 15", head_angles=(30.0, 15.0, 0.0)))
    return sheet(pictures, len(pictures) // (3 * len(demographics.AGE_GROUPS)))  # three rows a person


def people(studio: Studio) -> Image.Image:
    pictures = []
    for gender, ethnicity in (("female", "black"), ("male", "white")):
        for seed in range(10):
            identity = sample_identity(1000 + seed, age=35, gender=gender, ethnicity=ethnicity)
            pictures.append(studio.portrait(identity, {}, f"{ethnicity} {gender} 35, seed {1000 + seed}"))
    return sheet(pictures, 5)


def women(studio: Studio) -> Image.Image:
    everyone = ((ethnicity, number) for ethnicity in demographics.ETHNICITIES for number in range(8))
    return sheet(
        (
            _at_rest_or_in_pain(studio, 700 + index, 20 + 8.5 * number, "female", ethnicity)
            for index, (ethnicity, number) in enumerate(everyone)
        ),
        8,
    )


def old(studio: Studio) -> Image.Image:
    everyone = ((ethnicity, number) for ethnicity in demographics.ETHNICITIES for number in range(8))
    return sheet(
        (
            _at_rest_or_in_pain(studio, 750 + index, 75 + 2 * number, demographics.GENDERS[number // 2 % 2], ethnicity)
            for index, (ethnicity, number) in enumerate(everyone)
        ),
        8,
    )


def _at_rest_or_in_pain(studio: Studio, seed: int, age: float, gender: str, ethnicity: str) -> Image.Image:
    identity = sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity)
    units = sample_for_pspi(8, child(seed, "sheet")) if seed % 2 else {}
    return studio.portrait(identity, units, f"{ethnicity} {gender} {age:g}")


def close_ups(studio: Studio) -> Image.Image:
    scene = sample_scene(0, view=(0.0, 0.0), size=2 * studio.size, plain=True)
    people = (
        (24, "female", "black", "coily"),
        (33, "male", "east_asian", "short"),
        (48, "female", "white", "long"),
        (59, "male", "south_asian", "short"),
        (70, "female", "middle_eastern", "medium"),
        (82, "male", "white", "receding"),
    )
    pictures = []
    for number, (age, gender, ethnicity, style) in enumerate(people):
        identity = sample_identity(800 + number, age=age, gender=gender, ethnicity=ethnicity, hair=style)
        units = sample_for_pspi(8, child(number, "sheet")) if number % 2 else {}
        pictures.append(studio.portrait(identity, units, f"{ethnicity} {gender} {age}", scene))
    return sheet(pictures, 3)


def cells(studio: Studio) -> Image.Image:
    pictures = []
    for index, (group, gender, ethnicity) in enumerate(demographics.CELLS):
        low, high = demographics.AGE_GROUPS[group]
        identity = sample_identity(300 + index, age=(low + high) / 2, gender=gender, ethnicity=ethnicity)
        units = sample_for_pspi(8, child(index, "sheet")) if index % 2 else {}
        name = f"{ethnicity} {gender} {group}"
        pictures += [studio.portrait(identity, units, name, sample_scene(index, view, studio.size)) for view in VIEWS]
    return sheet(pictures, 12)


def hair(studio: Studio) -> Image.Image:
    pictures = []
    for number, style in enumerate(STYLES):
        for twin, ethnicity in enumerate(demographics.ETHNICITIES[:4]):
            gender, age = demographics.GENDERS[(number + twin) % 2], 25 + 16 * twin
            seed = 400 + 10 * number + twin
            identity = sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, hair=style)
            for view in ((0.0, 0.0), (-40.0, 0.0)):
                scene = sample_scene(0, view, studio.size, plain=True)
                pictures.append(studio.portrait(identity, {}, style, scene))
    return sheet(pictures, 8)


def beards(studio: Studio) -> Image.Image:
    pictures = []
    for number, beard in enumerate(BEARDS):
        for twin, ethnicity in enumerate(demographics.ETHNICITIES[:4]):
            identity = sample_identity(
                500 + 10 * number + twin, age=28 + 16 * twin, gender="male", ethnicity=ethnicity, beard=beard
            )
            pictures.append(studio.portrait(identity, {"AU12": 2.0 * (twin % 2)}, beard))
            pictures.append(studio.portrait(identity, {}, beard, sample_scene(0, (35.0, 0.0), studio.size, plain=True)))
    return sheet(pictures, 8)


def light(studio: Studio) -> Image.Image:
    people = [
        sample_identity(600, age=35, gender="female", ethnicity="white"),
        sample_identity(601, age=60, gender="male", ethnicity="black"),
    ]
    return sheet(
        (
            studio.portrait(person, {}, kind, sample_scene(seed, "front", studio.size, light=kind))
            for kind in LIGHTS
            for person in people
            for seed in range(8)
        ),
        8,
    )


def panoramas(studio: Studio) -> Image.Image:
    people = [
        sample_identity(610, age=30, gender="female", ethnicity="white"),
        sample_identity(611, age=45, gender="male", ethnicity="south_asian"),
        sample_identity(612, age=70, gender="female", ethnicity="black"),
    ]
    return sheet(
        (
            studio.portrait(person, {}, place, sample_scene(seed, "front", studio.size, light=place))
            for place in PANORAMAS
            for seed, person in enumerate(people)
        ),
        6,
    )


def clinic(studio: Studio) -> Image.Image:
    people = [
        sample_identity(620, age=34, gender="male", ethnicity="white"),
        sample_identity(621, age=52, gender="female", ethnicity="south_asian"),
        sample_identity(622, age=76, gender="male", ethnicity="black"),
    ]
    return sheet(
        (
            studio.portrait(person, {}, place, sample_scene(seed, view, studio.size, light=place))
            for place in CLINIC
            for seed, person in enumerate(people)
            for view in ("front", "left")
        ),
        6,
    )


def lying(studio: Studio) -> Image.Image:
    pictures = []
    for number, place in enumerate(place for place in CLINIC if POSTURES[place].lies):
        for seed, style in enumerate(
            ("bald", "short", "medium", "long", "coily", "receding", "tied_back", "headscarf")
        ):
            gender = "female" if style == "headscarf" else demographics.GENDERS[seed % 2]
            ethnicity = demographics.ETHNICITIES[(number + seed) % 5]
            identity = sample_identity(630 + seed, age=25 + 8 * seed, gender=gender, ethnicity=ethnicity, hair=style)
            units = sample_for_pspi(6, child(seed, "sheet")) if seed % 2 else {}
            scene = sample_scene(40 + seed, "front", studio.size, light=place)
            pictures.append(studio.portrait(identity, units, f"{place} {style}", scene))
    return sheet(pictures, 8)


def cameras(studio: Studio) -> Image.Image:
    pictures = []
    for seed in range(24):
        identity = sample_identity(640 + seed % 6, age=24 + 10 * (seed % 6))
        units = sample_for_pspi(8, child(seed, "sheet")) if seed % 2 else {}
        scene = sample_scene(seed, tuple(VIEWS)[seed % 3], studio.size, cameras="ward")
        pictures.append(studio.portrait(identity, units, "ward", scene))
    return sheet(pictures, 6)


def accessories(studio: Studio) -> Image.Image:
    return sheet(_worn(studio, [name for name in ACCESSORIES if name not in COVERS]), 10)


def covers(studio: Studio) -> Image.Image:
    return sheet(_worn(studio, COVERS), 10)


def _worn(studio: Studio, names: Iterable[str]) -> Iterator[Image.Image]:
    """Each on five people, from the three views by turns."""
    cells = ((24, "female", "east_asian"), (38, "male", "black"), (55, "female", "white"), (67, "male", "south_asian"))
    people = [
        sample_identity(650 + number, age=age, gender=gender, ethnicity=ethnicity)
        for number, (age, gender, ethnicity) in enumerate((*cells, (84, "female", "middle_eastern")))
    ]
    for name in names:
        for number, person in enumerate(people):
            units = sample_for_pspi(6, child(number, "sheet")) if number % 2 else {}
            scene = sample_scene(60 + number, tuple(VIEWS)[number % 3], studio.size, roofed=True)
            scene = replace(scene, worn=worn_by(person.seed, name, name))
            yield studio.portrait(person, units, name, scene)


FITTED = ("AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20", "AU26", "AU43")


def _moving(studio: Studio, number: int) -> Identity:
    """A person on the studio's head; every ten hold all ages and ethnicities twice."""
    group, gender, ethnicity = demographics.cell_of(number)
    age = sum(demographics.AGE_GROUPS[group]) / 2
    return sample_identity(700 + number, age=age, gender=gender, ethnicity=ethnicity, head=studio.head)


def movement(studio: Studio) -> Image.Image:
    rooms = [(each, [_moving(each, number) for number in range(6)]) for each in (studio, studio.former())]
    drawn = sheet(
        (
            each.portrait(person, {unit: amount}, f"{unit} {amount:g}")
            for unit in FITTED
            for each, people in rooms
            for person in people
            for amount in (facs.ACTION_UNITS[unit].maximum * share for share in (0.2, 0.6, 1.0))
        ),
        18,
    )
    return drawn.reduce(2)  # 468 portraits


def _beside(studio: Studio, number: int, shown: Iterable[dict[str, float]], columns: int) -> Image.Image:
    """`number` people showing each of these units, each beside the same on the former head."""
    rooms = (studio, studio.former())
    people = [[_moving(each, n) for each in rooms] for n in range(number)]
    return sheet(
        (
            each.portrait(person, units, " ".join(f"{unit} {value:g}" for unit, value in units.items()))
            for pair in people
            for units in shown
            for each, person in zip(rooms, pair, strict=True)
        ),
        columns,
    )


def laughter(studio: Studio) -> Image.Image:
    shown = [{"AU6": 3, "AU12": 3}, {"AU6": 5, "AU7": 3, "AU12": 5, "AU25": 5, "AU26": 2}]
    return _beside(studio, 10, shown, 8)


def frowns(studio: Studio) -> Image.Image:
    return _beside(studio, 20, [{"AU4": 5}], 8)


def closed_eyes(studio: Studio) -> Image.Image:
    return _beside(studio, 10, [{"AU43": 1}, {"AU4": 4, "AU6": 4, "AU7": 4, "AU43": 1}], 8)


SHEETS = {
    "action_units": action_units,
    "ages": ages,
    "expressions": expressions,
    "people": people,
    "women": women,
    "old": old,
    "close_ups": close_ups,
    "cells": cells,
    "hair": hair,
    "beards": beards,
    "light": light,
    "panoramas": panoramas,
    "clinic": clinic,
    "lying": lying,
    "cameras": cameras,
    "accessories": accessories,
    "covers": covers,
    "movement": movement,
    "laughter": laughter,
    "frowns": frowns,
    "closed_eyes": closed_eyes,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--size", type=int, default=512, help="pixels of one portrait")
    parser.add_argument("--texture", default="embedded", help="texture backend: embedded or flat")
    parser.add_argument("--only", choices=list(SHEETS), help="one sheet instead of all")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    studio = Studio(options.size, options.texture)
    for name, draw in SHEETS.items():
        if options.only in (None, name):
            draw(studio).save(options.out / f"{name}.webp", quality=QUALITY, method=4)
            print(options.out / f"{name}.webp", flush=True)


if __name__ == "__main__":
    main()
