"""One picture, clip or person as a row of the dataset: what `schema.features` declares, and how it is photographed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np
from datasets import ClassLabel

from threedpain import facs, limits, schema
from threedpain.generation.export import to_glb
from threedpain.generation.frames import pose_of, rotation
from threedpain.generation.head.bust import Head
from threedpain.generation.head.rig import rig
from threedpain.generation.records import (
    FURROWS,
    MANNERED,
    Hair,
    Identity,
    KeyLight,
    Light,
    Sample,
    Scene,
    Sensor,
    Skin,
)
from threedpain.generation.scene.scene import dress_code, sample_scene
from threedpain.generation.seeds import child
from threedpain.generation.worn.choice import worn_by
from threedpain.generation.worn.clothes import sample_clothes
from threedpain.masks import MASK_CLASSES
from threedpain.regions import PARTS

from .film import film
from .plan import VIEWS, Config, Expression, identity_of, picture_id
from .writer import EXTENSION, encode_picture, encode_png

RETAKES = 8  # a face that is not wholly in the picture is photographed again with another jitter
HEAD_SPREAD = (4.0, 3.0, 2.5)  # standard deviation of the head's own yaw, pitch and roll in a picture, degrees


class Photographer(Protocol):
    """What making a dataset needs of `PainFacePipeline`."""

    head: Head

    def people(self, identities): ...

    def photograph(self, person, action_units, scene, truth=(), head_angles=(0.0, 0.0, 0.0)) -> Sample: ...


@dataclass(frozen=True)
class Photo:
    sample: Sample
    scene: Scene
    head_angles: tuple[float, float, float]
    takes: int
    rest: Sample | None = None  # the same scene with the face at rest, if asked for


def take(
    pipe: Photographer,
    person,
    expression_id: str,
    action_units: Mapping[str, float],
    view: str,
    size: int,
    truth: tuple[str, ...] = (),
    light: str | None = None,
    background: str | None = None,
    accessories: Iterable[str] | str = (),
    cameras: str = "standard",
) -> Photo:
    """The picture of that name: scene and head pose follow from identity's seed, expression's id and view; light and
    background too, unless a place is named (`sample_scene`). `accessories`: what the person wears, and what
    covers the face (nobody is drawn under a blanket in the street); `cameras`: of limits.CAMERAS."""
    worn = worn_by(person.identity.seed, accessories, picture_id(expression_id, view))
    for number in range(RETAKES):
        scene, head_angles = setting(
            person.identity.seed, expression_id, view, size, number, light, background, cameras,
            roofed="blanket" in worn.names,
        )  # fmt: skip
        scene = replace(scene, worn=worn)
        labels = tuple(name for name in truth if name != "aligned_neutral")
        sample = pipe.photograph(person, action_units, scene, truth=labels, head_angles=head_angles)
        if in_frame(sample):
            break
    rest = None
    if "aligned_neutral" in truth and any(action_units.values()):
        rest = pipe.photograph(person, {}, scene, head_angles=head_angles)
    return Photo(sample, scene, head_angles, number + 1, rest)


def setting(
    seed: int,
    expression_id: str,
    view: str,
    size: int,
    number: int,
    light: str | None = None,
    background: str | None = None,
    cameras: str = "standard",
    roofed: bool = False,
) -> tuple[Scene, tuple[float, float, float]]:
    """The scene of the `number`-th take of a picture, and the head's own (yaw, pitch, roll) in it, degrees."""
    scene_seed = int(child(seed, "photo", expression_id, view, number).integers(2**62))
    scene = sample_scene(scene_seed, VIEWS[view], size, light, background=background, cameras=cameras, roofed=roofed)
    scene = _dressed(scene, seed)
    yaw, pitch, roll = np.clip(child(scene_seed, "head").normal(0.0, HEAD_SPREAD), -10.0, 10.0)
    return scene, (round(float(yaw), 2), round(float(pitch), 2), round(float(roll), 2))


def _dressed(scene: Scene, seed: int) -> Scene:
    """A person has one outfit for each kind of place: what they wear does not change from picture to picture there."""
    place = dress_code(scene.light.kind)
    return replace(scene, clothes=sample_clothes(child(seed, "outfit", place), place))


def in_frame(sample: Sample) -> bool:
    size = sample.image.shape[0]
    return bool((sample.landmarks >= 0).all() and (sample.landmarks <= size).all())


def brows_hidden(sample: Sample) -> int:
    """How many of the ten brow landmarks lie under hair, beard, headwear or clothes."""
    size = sample.image.shape[0]
    x, y = np.clip(sample.landmarks[17:27].astype(int), 0, size - 1).T
    return int((sample.mask[y, x] >= 8).sum())


def image_row(config: Config, person, expression: Expression, view: str, photo: Photo) -> dict:
    """A row of `images`, without the neutral picture."""
    sample, scene = photo.sample, photo.scene
    name = picture_id(expression.id, view)
    head_pose = np.column_stack([rotation(*photo.head_angles), np.zeros(3)])
    yaw, pitch, roll = pose_of(scene.camera, head_pose)  # the view's and the head's own turn together
    row = {
        "id": name,
        "identity_id": identity_of(expression.id),
        "expression_id": expression.id,
        "view_id": view,
        "image": embedded(encode_picture(sample.image, config.picture), f"{name}.{EXTENSION[config.picture]}"),
        "heatmap": embedded(encode_png(sample.heatmap), f"{name}_heatmap.png"),
        "mask": embedded(encode_png(sample.mask), f"{name}_mask.png"),
        **_expression(expression),
        **_scores(expression.action_units),
        **demographics(person.identity),
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "camera": {"K": scene.camera.K.tolist(), "R": scene.camera.R.tolist(), "t": scene.camera.t.tolist()},
        "bbox": [float(edge) for edge in sample.bbox],
        "landmarks": sample.landmarks.tolist(),
        "landmarks_3d": sample.landmarks_3d.tolist(),
        "landmarks_visible": sample.landmarks_visible.tolist(),
        "hair": _hair(person.identity.hair),
        "light": _light(scene.light),
        "background": asdict(scene.background),
        "shape": person.identity.shape.tolist(),
        "movement": _movement(person.identity),
        "identity_number": int(identity_of(expression.id).removeprefix("id_")),
        "occurrence": _occurrence(expression.action_units),
        "gaze": _gaze(scene, photo.head_angles),
        "mask_share": mask_share(sample.mask),
        "accessories": ",".join(scene.worn.names),
        "visible": dict(zip(PARTS, sample.visible.tolist(), strict=True)),
        "sensor": _sensor(scene.sensor),
        **_origin(config, person.identity),
    }
    if "depth" in config.truth:
        millimetres = np.round(sample.depth * 1000).clip(0, 65535).astype(np.uint16)
        row["depth"] = embedded(encode_png(millimetres), f"{name}_depth.png")
    if "regions" in config.truth:
        row["regions"] = embedded(encode_png(sample.regions), f"{name}_regions.png")
    if "covered" in config.truth:
        row["covered"] = embedded(encode_png(sample.covered), f"{name}_covered.png")
    if "aligned_neutral" in config.truth:
        row["aligned_neutral"] = None
        if photo.rest is not None:
            file = f"{name}_rest.{EXTENSION[config.picture]}"
            row["aligned_neutral"] = embedded(encode_picture(photo.rest.image, config.picture), file)
    return row


def expression_row(config: Config, person, expression: Expression, front: dict) -> dict:
    """A row of `expressions`; the heatmap is that of the front view, the first row of the expression."""
    return {
        "id": expression.id,
        "identity_id": front["identity_id"],
        "expression_id": expression.id,
        **_expression(expression),
        **_scores(expression.action_units),
        "heatmap": embedded(front["heatmap"]["bytes"], f"{expression.id}_heatmap.png"),
        **demographics(person.identity),
        **_origin(config, person.identity),
    }


def identity_row(config: Config, person, name: str, strongest: Expression | None) -> dict:
    """A row of `identities`: the person at rest, and with the strongest pain of theirs."""
    units = strongest.action_units if strongest else {}
    meshes = {
        key: embedded(to_glb(rig(person.bust, units_), person.maps), f"{name}_{key}.glb")
        for key, units_ in (("neutral", {}), ("posed", units))
    }
    return {
        "identity_id": name,
        **demographics(person.identity),
        "shape": person.identity.shape.tolist(),
        "movement": _movement(person.identity),
        "hair": _hair(person.identity.hair),
        "skin": _skin(person.identity.skin),
        "albedo": embedded(encode_picture(person.maps.albedo), f"{name}_albedo.jpg"),
        "neutral_mesh": meshes["neutral"],
        "posed_mesh": meshes["posed"],
        **_scores(units),
        **_origin(config, person.identity),
    }


def video_row(
    config: Config, pipe: Photographer, person, expression: Expression, progress=None, accessories: Iterable[str] = ()
) -> dict:
    """A row of `videos`: neutral, onset, apex and offset of one expression, filmed from the front; by a ward's camera
    only in a set that has no other."""
    seed = int(child(person.identity.seed, "film", expression.id).integers(2**62))
    clip = film(
        pipe, person, expression.action_units, seed, size=config.size, progress=progress, accessories=accessories,
        cameras="ward" if config.cameras == "ward" else "standard",
    )  # fmt: skip
    units = {
        name: [float(frame.get(name, 0.0)) for frame in map(facs.strongest, clip.action_units)]
        for name in schema.AU_COLUMNS
    }
    return {
        "id": f"{expression.id}_video",
        "identity_id": identity_of(expression.id),
        "expression_id": expression.id,
        "video": embedded(clip.mp4(), f"{expression.id}.mp4"),
        "fps": float(clip.fps),
        **_expression(expression),
        **units,
        "PSPI": [float(facs.pspi(frame)) for frame in clip.action_units],
        **demographics(person.identity),
        "accessories": ",".join(clip.scene.worn.names),
        "sensor": _sensor(clip.scene.sensor),
        **_origin(config, person.identity),
    }


def embedded(data: bytes, path: str) -> dict:
    return {"bytes": data, "path": path}


def demographics(identity: Identity) -> dict:
    from threedpain.demographics import age_group_of

    return {
        "age": identity.age,
        "age_group": _label("age_group", age_group_of(identity.age)),
        "gender": _label("gender", identity.gender),
        "ethnicity": _label("ethnicity", identity.ethnicity),
        "skin_tone": identity.skin.tone,
    }


def generator_version(config: Config) -> str:
    """The version of the bytes, with what is not the default as a local label: 1.3.0+flame.flat."""
    other = [value for value, usual in ((config.head, limits.HEADS[0]), (config.texture, "embedded")) if value != usual]
    other += ["inpaint"] * bool(config.inpaint_model)
    return "+".join([schema.GENERATOR_VERSION, ".".join(other)]) if other else schema.GENERATOR_VERSION


@cache
def _labels(column: str) -> ClassLabel:
    return schema.FEATURES["images"][column]


def _label(column: str, name: str) -> int:
    return _labels(column).str2int(name)


def _expression(expression: Expression) -> dict:
    return {"expression": _label("expression", expression.kind), "expression_name": expression.name}


def _scores(action_units: Mapping[str, float]) -> dict:
    plain = facs.strongest(action_units)
    return {**{name: plain.get(name, 0.0) for name in schema.AU_COLUMNS}, "PSPI": facs.pspi(action_units)}


def _occurrence(action_units: Mapping[str, float]) -> list[bool]:
    plain = facs.strongest(action_units)
    return [facs.occurs(name, plain.get(name, 0.0)) for name in schema.AU_COLUMNS]


def _gaze(scene: Scene, head_angles: tuple[float, float, float]) -> list[float]:
    """Where the eyes look, camera frame: straight ahead of the head, as in every photograph of a set."""
    return (scene.camera.R @ rotation(*head_angles) @ [0.0, 0.0, 1.0]).tolist()


def mask_share(mask: np.ndarray) -> dict[str, float]:
    """Class -> its share of the pixels of a mask [S, S]."""
    counts = np.bincount(mask.ravel(), minlength=len(MASK_CLASSES))
    return dict(zip(MASK_CLASSES, (counts / mask.size).tolist(), strict=True))


def _hair(hair: Hair) -> dict:
    return {**asdict(hair), "headwear": list(hair.headwear)}


def _skin(skin: Skin) -> dict:
    return {name: value for name, value in asdict(skin).items() if name != "tone"}


def _movement(identity: Identity) -> dict:
    units = schema.AU_COLUMNS
    return {
        "gain": [identity.gain[unit] for unit in units],
        "asymmetry": [identity.asymmetry[unit] for unit in units],
        "resting": [identity.resting.get(unit, 0.0) for unit in units],
        "manner": [list(identity.manner[unit]) for unit in MANNERED],
        "furrows": [list(identity.furrows[name]) for name in FURROWS],
    }


def _light(light: Light) -> dict:
    none = KeyLight(direction=(0.0, 0.0, 1.0), colour=(0.0, 0.0, 0.0), softness=1.0)
    keys = [*light.keys, *[none] * (schema.KEY_LIGHTS - len(light.keys))]
    return {
        "kind": light.kind,
        "environment": light.environment.tolist(),
        "exposure": light.exposure,
        "key_directions": [list(key.direction) for key in keys],
        "key_colours": [list(key.colour) for key in keys],
        "key_softness": [key.softness for key in keys],
    }


def _sensor(sensor: Sensor) -> dict:
    return asdict(sensor) | {"white_balance": list(sensor.white_balance), "motion": list(sensor.motion)}


def _origin(config: Config, identity: Identity) -> dict:
    return {"seed": identity.seed, "generator_version": generator_version(config)}
