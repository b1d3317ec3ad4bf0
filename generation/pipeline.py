"""The main pipeline: a seed and action units become a face with its truth.

identity = sample_identity(seed, demographics)     # who
bust     = head(identity)                          # neutral mesh, UV, eyes, teeth, lashes
maps     = texture(identity)                       # diffusion, in UV space
face     = rig(bust, action_units)                 # expression: geometry, wrinkles, heat
scene    = sample_scene(seed, view)                # camera, light, background, sensor
sample   = render(face, maps, scene)               # the picture, and the truth
"""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from threedpain import demographics, facs, limits
from threedpain.errors import InvalidInput, MissingFile
from threedpain.generation.head.bust import Bust, Face, Head
from threedpain.generation.head.model import HeadModel
from threedpain.generation.head.rig import rig
from threedpain.generation.people.identity import average_identity, sample_identity
from threedpain.generation.render.renderer import Renderer
from threedpain.generation.scene.scene import sample_scene
from threedpain.generation.worn.choice import check_accessories, worn_by

from . import compiling as compiling  # it says what takes long
from .device import available
from .records import SKIN_HEIGHT, SKIN_WIDTH, Identity, Sample, Scene, SkinMaps
from .texture import Texture, load_texture

if TYPE_CHECKING:
    import trimesh

PEOPLE_KEPT = 8


@dataclass(frozen=True, repr=False)
class Person:
    """An identity made flesh: what all pictures of one person share."""

    identity: Identity
    bust: Bust
    maps: SkinMaps

    def __repr__(self) -> str:
        who = self.identity
        return f"Person({who.gender}, {who.ethnicity.replace('_', ' ')}, {who.age:.0f} years, seed {who.seed})"


@dataclass(frozen=True, repr=False)
class PainFaceOutput:
    """One face with its truth; arrays as in `records.Sample`. A notebook shows the picture."""

    image: Image.Image
    """RGB, size x size."""
    heatmap: Image.Image
    """8-bit gray, 0.05 mm a level, 255 = 12.75 mm and more."""
    mask: Image.Image
    """8-bit index into `records.MASK_CLASSES`."""
    depth: np.ndarray
    """float32 [size, size], metres along the optical axis, 0 on the background."""
    landmarks: np.ndarray
    """float32 [68, 2], pixels, iBUG order."""
    pspi: float
    """AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0 to 16."""
    action_units: dict[str, float]
    sample: Sample
    person: Person
    face: Face
    scene: Scene
    at_rest: Callable[[], Sample]
    """Makes `neutral`."""

    @functools.cached_property
    def neutral(self) -> Image.Image:
        """The same person, view, light and sensor with all action units at 0; drawn when first asked for."""
        return Image.fromarray(self.at_rest().image)

    @functools.cached_property
    def mesh(self) -> trimesh.Trimesh:
        """The bust with its skin, y up, metres; `vertex_attributes["_HEAT"]`: the pain heat, mm."""
        from .export import to_trimesh

        return to_trimesh(self.face, self.person.maps, heat=True)

    def __repr__(self) -> str:
        units = ", ".join(f"{name} {value:g}" for name, value in self.action_units.items() if value) or "at rest"
        width, height = self.image.size
        return f"PainFaceOutput(PSPI {self.pspi:g}: {units}; {width} x {height}; {self.person})"

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, "png")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        picture, words = base64.b64encode(self._repr_png_()).decode(), html.escape(repr(self))
        shown = f"<img alt='{words}' src='data:image/png;base64,{picture}'>"
        return f"<figure>{shown}<figcaption>{words}</figcaption></figure>"


class PainFacePipeline:
    """Makes faces. `from_pretrained()` loads the shipped weights; the parts can be exchanged one by one.

    Args:
        head: neutral heads and facial actions.
        texture: skin for identities, a backend of `generation.texture`.
        renderer: picture and truth.
        background: optional repainting of hair and background around the protected face (`inpaint-background`).
    """

    def __init__(self, head: Head, texture: Texture, renderer: Renderer, background=None):
        self.head = head
        self.texture = texture
        self.renderer = renderer
        self.background = background
        # the last people's: moving a slider repaints a face, it does not remake a person
        self._bust = functools.lru_cache(PEOPLE_KEPT)(lambda identity: self.head(identity))
        self._maps = functools.lru_cache(PEOPLE_KEPT)(lambda identity: self.texture([identity])[0])

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | None = None,
        *,
        device: str = "auto",
        head: str = limits.HEADS[0],
        flame_file: str | Path | None = None,
        texture: str | Texture = "embedded",
        texture_model: str | None = None,
        inpaint_model: str | None = None,
    ) -> PainFacePipeline:
        """Load the shipped weights, or those in a folder or Hub repository that holds head.safetensors and texture/.

        Args:
            device: "auto" (a GPU where there is one), "cpu" or "cuda".
            head: "scan" (shaped and moving like scans of people), "anny" (a stranger to it, as in version 1.1), or
                "flame" with `flame_file`, a FLAME model the caller holds.
            texture: "embedded", "depth-to-image" (with `texture_model`, a Hub id), "flat", or one that is loaded.
            inpaint_model: Hub id of an inpainting model that repaints hair and background.
        """
        folder = _folder(source)
        device = available(device)
        model: Head
        if head == "flame":
            from threedpain.generation.head.flame import FlameHeadModel

            model = FlameHeadModel.load(flame_file, average_identity())
        elif head == "scan":
            from threedpain.generation.head.scan import ScanHeadModel

            model = ScanHeadModel.load(folder / "head-scan.safetensors" if folder else None)
        elif head == "anny":
            model = HeadModel.load(folder / "head.safetensors" if folder else None)
        else:
            raise InvalidInput(f"head is {head!r}; allowed are 'scan', 'anny' and 'flame'.")
        renderer = Renderer(device=device)
        options = {
            "embedded": {"folder": folder / "texture" if folder else None, "device": device},
            "depth-to-image": {"device": device} | ({"model": texture_model} if texture_model else {}),
        }
        skin = load_texture(texture, **options.get(texture, {})) if isinstance(texture, str) else texture
        background = None
        if inpaint_model:
            from threedpain.generation.texture.hub.inpaint_background import BackgroundInpainter

            background = BackgroundInpainter.from_pretrained(inpaint_model, device=device)
        return cls(model, skin, renderer, background)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write what `from_pretrained(folder)` loads, head.safetensors and texture/, into a folder without these."""
        folder = Path(folder)
        for part in (self.head, self.texture):
            if not hasattr(part, "save_pretrained"):
                raise InvalidInput(
                    f"{type(part).__name__} cannot be saved: only heads scan and anny and embedded skin can."
                )
        for name in ("head.safetensors", "texture"):
            if (folder / name).exists():
                raise InvalidInput(f"{folder / name} exists: name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        self.head.save_pretrained(folder)
        self.texture.save_pretrained(folder)

    def rehearse(self) -> None:
        """Draw a small gray face for nobody. That loads the compiled kernels, or the first time compiles them: in a
        thread, while the first skin is sampled, it takes no time."""
        skin = SkinMaps(
            albedo=np.full((SKIN_HEIGHT, SKIN_WIDTH, 3), 128, np.uint8),
            brows=np.zeros((SKIN_HEIGHT, SKIN_WIDTH), np.uint8),
        )
        face = rig(self.head(sample_identity(0, head=self.head, hair="bald")), {})
        Renderer(self.renderer.device).render(face, skin, sample_scene(0, view="front", size=limits.SIZE.low))

    def people(self, identities: Sequence[Identity]) -> list[Person]:
        """Busts and skins for several identities, the skins in one call of the texture model. What the renderer holds
        of those before is let go: sets are made one person after the other."""
        self.renderer.forget()
        skins = self.texture(identities)
        return [Person(who, self.head(who), maps) for who, maps in zip(identities, skins, strict=True)]

    def person(self, identity: Identity) -> Person:
        """One person, remembered for the next picture of the same identity object."""
        return Person(identity, self._bust(identity), self._maps(identity))

    def photograph(
        self,
        person: Person,
        action_units: Mapping[str, float],
        scene: Scene,
        truth: Sequence[str] = (),
        head_angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Sample:
        """One picture of a person with an expression in a scene; `truth` may add "regions" (depth is always there)."""
        face = rig(person.bust, action_units, head_angles=head_angles)
        return self._shoot(face, person.identity, person.maps, scene, truth)

    def _shoot(self, face: Face, identity: Identity, maps: SkinMaps, scene: Scene, truth: Sequence[str] = ()) -> Sample:
        sample = self.renderer.render(face, maps, scene, truth=set(truth) - {"depth"})
        return self.background(sample, identity, scene) if self.background else sample

    def __call__(
        self,
        action_units: Mapping[str, float] | None = None,
        *,
        age: float | None = None,
        gender: str | None = None,
        ethnicity: str | None = None,
        seed: int = 0,
        yaw: float = 0.0,
        pitch: float = 0.0,
        roll: float = 0.0,
        fov: float | None = None,
        light: str | None = None,
        background: str | None = None,
        accessories: Sequence[str] | str = (),
        cameras: str = limits.CAMERAS[0],
        size: int = 512,
        **changes,
    ) -> PainFaceOutput:
        """A face of the person that `seed` and the demographics draw, doing what `action_units` say.

        Args:
            action_units: FACS intensities, 0 to 5 (AU43 0 to 1); one-sided keys such as AU12L are allowed.
            age: years, 18 to 90. Age, gender and ethnicity (`threedpain.demographics`) are drawn if not given.
            yaw: degrees the head turns to the subject's own left; pitch: up; roll: clockwise in the image.
            fov: vertical field of view of the camera in degrees; drawn from the seed if not given.
            light: "indoor", "clinical", "outdoor" or a photographed place of `threedpain.limits.PANORAMAS`, such as
                "lobby"; drawn from the seed if not given. Or a place of `threedpain.limits.CLINIC`, such as "bed_left".
            background: where the person is seen, any of the same names, and how they lie there; where the light is if
                not given.
            accessories: what the person wears, names of `threedpain.limits.ACCESSORIES` such as "glasses"; frames,
                colours and places are the person's own.
            cameras: "standard", or "ward" for the same scene taken by a camera that is tilted, in a corner, wide, far,
                moved or in the dark, as the seed draws it.
            changes: what else to change of the person, all else of the seed staying as it was: skin_tone (typology
                angle in degrees), hair (a style), asymmetry, ...
        """
        asked = {
            "age": age,
            "gender": gender,
            "ethnicity": ethnicity,
            "yaw": yaw,
            "pitch": pitch,
            "roll": roll,
            "fov": fov,
            "light": light,
            "background": background,
            "accessories": accessories,
            "cameras": cameras,
        }
        units = self.check_inputs(action_units or {}, **asked, size=size)
        identity = _identity(self.head, seed, age, gender, ethnicity, tuple(sorted(changes.items())))
        bust = self._bust(identity)
        maps = self._maps(identity)
        face = rig(bust, units, head_angles=(yaw, pitch, roll))
        scene = sample_scene(
            seed, view="front", size=size, light=light, fov=fov, background=background, cameras=cameras
        )
        scene = replace(scene, worn=worn_by(seed, accessories))
        sample = self._shoot(face, identity, maps, scene)
        person = Person(identity, bust, maps)
        return PainFaceOutput(
            image=Image.fromarray(sample.image),
            heatmap=Image.fromarray(sample.heatmap),
            mask=Image.fromarray(sample.mask),
            depth=sample.depth,
            landmarks=sample.landmarks,
            pspi=facs.pspi(units),
            action_units=units,
            sample=sample,
            person=person,
            face=face,
            scene=scene,
            at_rest=functools.partial(self.photograph, person, {}, scene, head_angles=(yaw, pitch, roll)),
        )

    @staticmethod
    def check_inputs(
        action_units: Mapping[str, float],
        *,
        age: float | None = None,
        gender: str | None = None,
        ethnicity: str | None = None,
        yaw: float = 0.0,
        pitch: float = 0.0,
        roll: float = 0.0,
        fov: float | None = None,
        light: str | None = None,
        background: str | None = None,
        accessories: Sequence[str] | str = (),
        cameras: str = limits.CAMERAS[0],
        size: int = 512,
    ) -> dict[str, float]:
        """The validated action units, or one sentence for anything that no face or camera can do."""
        for check, value in (
            (limits.AGE.check, age),
            (demographics.check_gender, gender),
            (demographics.check_ethnicity, ethnicity),
            (limits.FOV.check, fov),
        ):
            if value is not None:
                check(value)
        for limit, value in ((limits.YAW, yaw), (limits.PITCH, pitch), (limits.ROLL, roll), (limits.SIZE, size)):
            limit.check(value)
        for name, place in (("light", light), ("background", background)):
            if place is not None and place not in limits.PLACES:
                raise InvalidInput(f"unknown {name} {place!r}; known are {', '.join(limits.PLACES)}")
        if cameras not in limits.CAMERAS:
            raise InvalidInput(f"cameras must be one of {', '.join(limits.CAMERAS)}; got {cameras!r}")
        check_accessories(accessories)
        return facs.validate(action_units)


@functools.lru_cache(maxsize=PEOPLE_KEPT)
def _identity(head, seed, age, gender, ethnicity, changes) -> Identity:
    return sample_identity(seed, age=age, gender=gender, ethnicity=ethnicity, head=head, **dict(changes))


def _folder(source: str | Path | None) -> Path | None:
    """The folder of a pretrained source: None for the shipped weights, a local folder, or a Hub id's snapshot."""
    if source is None:
        return None
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(source), allow_patterns=["*.safetensors", "*.json", "texture/**"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as problem:
        raise MissingFile(f"No folder and no reachable Hub repository is called {str(source)!r}.") from problem
