"""The renderer: a face with its skin, in a scene, becomes a picture with its truth.

head     = build_head(bust, maps)                          # once a person
surfaces = dress(head, hair and clothes)                   # once an outfit
posed    = pose(surfaces, face, light)                     # once an expression in a light
view     = look(posed, camera)                             # visibility at n x n samples a pixel
light    = shade(view)                                     # once a pixel and surface
sample   = develop(light), annotate(view)                  # the picture and its truth
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable

import numpy as np

from threedpain.errors import InvalidInput
from threedpain.generation.frames import to_ndc
from threedpain.generation.head.bust import Bust, Face
from threedpain.generation.records import Camera, Clothes, Light, Sample, Scene, SkinMaps, Worn
from threedpain.generation.render.shading.kernel import develop
from threedpain.generation.render.shading.model import KEYS, Geometry, Lights, Skin, tone_table
from threedpain.generation.scene import background, sensor
from threedpain.generation.scene.posture import falls
from threedpain.generation.worn.accessories import Fitted, fit
from threedpain.generation.worn.clothes import build_clothes
from threedpain.generation.worn.fall import fallen
from threedpain.generation.worn.hair import build_hair
from threedpain.generation.worn.mesh import HairMesh, merge

from . import annotate, sight
from .backends import Backend, NumbaBackend, TorchBackend
from .panes import look_through
from .surfaces import Posed, Surfaces, build_head, dress, neck_tone, pose
from .view import View

TRUTH = ("depth", "regions", "covered")
NEAREST = 0.05  # metres: triangles nearer to the camera are not drawn
NOTHING = Worn()
KEPT = 3  # people, outfits and expressions remembered, and of a person garments and sets of accessories


class Grown:
    """A person's head and hair, and the garments and accessories made for them: outfits share them."""

    def __init__(self, bust: Bust, maps: SkinMaps, hair: HairMesh | None):
        self.bust, self.maps, self.asked = bust, maps, hair  # held, so that their ids stay theirs
        self.head, self.hair = build_head(bust, maps), hair or build_hair(bust)
        self._garments: OrderedDict[Clothes, HairMesh] = OrderedDict()
        self._fitted: OrderedDict[Worn, Fitted | None] = OrderedDict()

    def wearing(self, clothes: Clothes, worn: Worn, down: tuple[float, float, float] | None) -> Surfaces:
        bust, head = self.bust, self.head
        garment = _remember(self._garments, clothes, lambda: build_clothes(bust, clothes))
        fitted = None
        if worn.names:
            fitted = _remember(self._fitted, worn, lambda: fit(bust, worn, neck_tone(bust, head.texels, head.levels)))
        return dress(head, merge(fallen(self.hair, bust, down) if down else self.hair, garment), fitted)


class Renderer:
    """Draws faces. `device` is "cpu" (own rasterizer, Numba) or "cuda" (PyTorch3D's rasterizer, torch), if no `backend`
    is given."""

    def __init__(self, device: str = "cpu", supersampling: int = 2, backend: Backend | None = None):
        if supersampling not in (1, 2, 3, 4):
            raise InvalidInput(f"supersampling must be 1 to 4, got {supersampling}")
        self.backend = backend or (NumbaBackend() if device == "cpu" else TorchBackend(device))
        self.device = self.backend.device
        self.supersampling = supersampling
        self._heads: OrderedDict[tuple, Grown] = OrderedDict()
        self._surfaces: OrderedDict[tuple, tuple] = OrderedDict()
        self._posed: OrderedDict[tuple, tuple] = OrderedDict()

    def render(
        self, face: Face, maps: SkinMaps, scene: Scene, hair: HairMesh | None = None, truth: Collection[str] = ()
    ) -> Sample:
        """The picture and its truth; `truth` may add "regions" and "covered" (depth is always there)."""
        unknown = set(truth) - set(TRUTH)
        if unknown:
            raise InvalidInput(f"truth may hold {', '.join(TRUTH)}; got {', '.join(sorted(unknown))}")
        down = falls(scene.background.kind)
        surfaces = self.surfaces(face, maps, scene.clothes, hair, scene.worn, down)
        posed = self.posed(surfaces, face, scene.light)
        view = self.look(posed, scene.camera)
        image = self.picture(view, scene)
        bare = None
        if "covered" in truth:
            bare = view
            if scene.worn.names:
                nothing = self.surfaces(face, maps, scene.clothes, hair, down=down)
                bare = self.look(pose(nothing, face, scene.light), scene.camera)
        return self.annotated(view, image, "regions" in truth, bare)

    def forget(self) -> None:
        """Let go of all people, outfits and expressions remembered."""
        for store in (self._heads, self._surfaces, self._posed):
            store.clear()

    def surfaces(
        self,
        face: Face,
        maps: SkinMaps,
        clothes: Clothes,
        hair: HairMesh | None = None,
        worn: Worn = NOTHING,
        down: tuple[float, float, float] | None = None,
    ) -> Surfaces:
        """All that is drawn of a person in an outfit, remembered for the next picture; `down`: where the hair of a
        head that lies falls to."""
        bust = face.bust  # an entry holds what its key names, so ids stay theirs as long as it lives
        key = (id(bust), id(maps), id(hair))
        head = _remember(self._heads, key, lambda: Grown(bust, maps, hair))
        return _remember(
            self._surfaces, (*key, clothes, worn, down), lambda: (head, head.wearing(clothes, worn, down))
        )[-1]

    def posed(self, surfaces: Surfaces, face: Face, light: Light) -> Posed:
        """An expression under a light, remembered for its other views."""
        key = (id(surfaces), id(face), id(light))
        return _remember(self._posed, key, lambda: (surfaces, face, light, pose(surfaces, face, light)))[-1]

    def look(self, posed: Posed, camera: Camera) -> View:
        """Visibility at every sample."""
        vertices = to_ndc(camera, posed.table[:, :3])
        vertices[:, 2] = np.where(vertices[:, 2] > NEAREST, 1 / vertices[:, 2], 0)
        surfaces, samples = posed.surfaces, camera.size * self.supersampling
        winners, nearness = self.backend.visibility(vertices, surfaces.faces, surfaces.test, samples)
        return View(posed, camera, vertices, winners, nearness)

    def picture(self, view: View, scene: Scene) -> np.ndarray:
        """Shade, expose, develop and send through the sensor: sRGB uint8 [S, S, 3]."""
        behind = background.paint(scene.background, view.camera.size, scene.light, view.camera)
        radiance = self.radiance(view, scene.light, behind)
        exposure = scene.light.exposure * metering(view.posed.face.bust.identity.skin.tone)
        gain = (exposure * np.asarray(scene.sensor.white_balance)).astype(np.float32)
        return sensor.apply(develop(radiance, gain, tone_table()), scene.sensor)

    def radiance(self, view: View, light: Light, behind: np.ndarray) -> np.ndarray:
        """Linear radiance float32 [S, S, 3]; `behind` is the background's."""
        posed, surfaces, camera = view.posed, view.posed.surfaces, view.camera
        geometry = Geometry(
            view.vertices, surfaces.faces, surfaces.uvs, surfaces.material, posed.table, surfaces.strands
        )
        radiance = self.backend.shade(
            view.winners,
            view.nearness,
            geometry,
            Skin(surfaces.head.texels, surfaces.head.levels, *posed.relief),
            Lights(np.ascontiguousarray(light.environment, np.float32), key_table(light)),
            posed.colours,
            (-camera.R.T @ camera.t).astype(np.float32),
            np.ascontiguousarray(behind, np.float32),
        )
        return look_through(view, radiance, light, self.backend) if surfaces.worn else radiance

    def annotated(self, view: View, image: np.ndarray, regions: bool, bare: View | None = None) -> Sample:
        """The picture with its truth, from the same fragments; `bare` is the view without accessories, if the heatmap
        under them is asked for."""
        posed, camera = view.posed, view.camera
        mask, heatmap, depth, chosen = self.truth(view)
        pixels, points, visible = annotate.landmarks(view)
        return Sample(
            image=image,
            heatmap=heatmap,
            mask=mask,
            depth=depth,
            landmarks=pixels,
            landmarks_3d=points,
            landmarks_visible=visible,
            bbox=annotate.face_box(posed.face, camera, pixels),
            camera=camera,
            visible=sight.visible(view),
            regions=annotate.regions(view, mask, chosen) if regions else None,
            covered=self.truth(bare)[1] if bare else None,
        )

    @staticmethod
    def truth(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mask uint8, heatmap uint8, depth float32 and the face that each pixel shows int32, all [S, S]."""
        posed, size = view.posed, view.camera.size
        surfaces = posed.surfaces
        mask, heatmap = np.empty((size, size), np.uint8), np.empty((size, size), np.uint8)
        depth, chosen = np.empty((size, size), np.float32), np.empty((size, size), np.int32)
        annotate.truth(
            view.winners,
            view.nearness,
            view.vertices,
            surfaces.faces,
            surfaces.uvs,
            surfaces.material,
            surfaces.face_class,
            posed.table,
            surfaces.head.texels,
            surfaces.head.levels,
            mask,
            heatmap,
            depth,
            chosen,
        )
        return mask, heatmap, depth, chosen


def metering(tone: float) -> float:
    """Exposure a camera that meters on the face adds for dark skin: up to half a stop at typology angles below -50."""
    return float(2 ** (0.55 * np.clip((25 - tone) / 75, 0, 1)))


def key_table(light: Light) -> np.ndarray:
    """Key lights float32 [K, 7]: direction, colour, softness."""
    keys = [(*key.direction, *key.colour, key.softness) for key in light.keys[:KEYS]]
    return np.array(keys, np.float32).reshape(len(keys), 7)


def _remember(store: OrderedDict, key: Hashable, make):
    if key not in store:
        store[key] = make()
        while len(store) > KEPT:
            store.popitem(last=False)
    store.move_to_end(key)
    return store[key]
