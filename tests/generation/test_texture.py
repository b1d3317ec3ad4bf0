"""Skins: colour science, cleaning, the augmentation programme, the codec, the shipped model and its training."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from threedpain import assets
from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.generation.colour import lab, lab_of_linear, linear_of_lab, to_linear, to_srgb, typology_angle
from threedpain.generation.head.model import HeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.texture import layout, load_texture
from threedpain.generation.texture.aside import Aside
from threedpain.generation.texture.embedded import condition
from threedpain.generation.texture.model.sampling import ETHNICITIES, FEATURES, face_colour, features, srgb
from threedpain.generation.texture.model.skin_codec import Codec, analyse, synthesise
from threedpain.generation.texture.model.skin_scheduler import Scheduler
from threedpain.generation.texture.model.skin_unet import UNet
from threedpain.generation.texture.tone import measured_tone
from threedpain.generation.texture.training import sources
from threedpain.generation.texture.training.augment import Programme, mirror
from threedpain.generation.texture.training.look import Look, sample_look

SHAPE = (768, 1384)


@pytest.fixture(scope="module")
def people():
    return [
        sample_identity(1, age=24, gender="female", ethnicity="white"),
        sample_identity(2, age=78, gender="male", ethnicity="black"),
    ]


@pytest.fixture(scope="module")
def made(people):
    return load_texture("embedded")(people)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder like the CC0 one, of synthetic skins: four groups, letters in a corner, painted eyeballs, dark hair."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "skins").mkdir()
    (folder / "brows").mkdir()
    rng = np.random.default_rng(0)
    names = {
        "young_lightskinned_female_diffuse2": (225, 180, 155),
        "old_darkskinned_male_diffuse": (95, 60, 45),
        "young_lightskinned_male_diffuse2": (220, 175, 150),
    }
    for name, colour in names.items():
        picture = np.asarray(colour) + rng.normal(0, 3, (*SHAPE, 1)) + 6 * layout.lips()[..., None] * (1, -2, -1)
        picture = picture * (1 - 0.5 * layout.scalp()[..., None])
        picture[700:740, 5:120] = 255
        picture[435:445, 628:646] = (20, 60, 200)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / "skins" / f"{name}.png")
    gx, gy = layout.grid()
    brow = 255 * ((np.abs(gy - 412) < 7) & (np.abs(np.abs(gx - layout.AXIS) - 70) < 50))
    for number in (1, 2):
        Image.fromarray(brow.astype(np.uint8)).save(folder / "brows" / f"brow00{number}.png")
    return folder


@pytest.fixture(scope="module")
def on_head():
    return sources.island(HeadModel.load().topology)


@pytest.fixture(scope="module")
def skins(photographs, on_head):
    """Training skins and held-out ones."""
    return [sources.load_skins(photographs, on_head, held_out) for held_out in (False, True)]


@pytest.fixture(scope="module")
def programme(skins, photographs):
    return Programme(skins[0], sources.load_brows(photographs))


def a_look(**changes) -> Look:
    return replace(Look(age=40, gender="female", ethnicity="white", tone=35), **changes)


# -- colour --


def test_colour_conversions_agree_with_published_values_and_invert():
    np.testing.assert_allclose(lab(np.array([255, 0, 0], np.uint8)), [53.24, 80.09, 67.20], atol=0.02)
    np.testing.assert_allclose(lab(np.array([255, 255, 255], np.uint8)), [100, 0, 0], atol=0.02)
    colours = np.random.default_rng(0).uniform(0.001, 1, (50, 3))
    np.testing.assert_allclose(linear_of_lab(lab_of_linear(colours)), colours, atol=1e-6)
    np.testing.assert_allclose(to_linear(to_srgb(colours)), colours, atol=1e-6)


def test_typology_angle_of_known_colours():
    assert typology_angle(np.array([70.0, 10.0, 20.0])) == pytest.approx(45)
    assert typology_angle(np.array([30.0, 10.0, 20.0])) == pytest.approx(-45)


@pytest.mark.parametrize("ethnicity", ETHNICITIES)
def test_face_colour_has_the_asked_angle_and_is_a_colour(ethnicity):
    for tone in range(-60, 61, 10):
        colour = face_colour(tone, ethnicity)
        assert typology_angle(colour) == pytest.approx(tone, abs=1e-6)
        assert (linear_of_lab(colour) > 0).all() and (linear_of_lab(colour) < 1).all()


def test_fast_srgb_agrees_with_the_definition():
    colours = np.stack([face_colour(t, "white") for t in range(-60, 61)]).astype(np.float32)
    fast = srgb(torch.from_numpy(colours.T[None, :, None]))[0, 0]
    assert np.abs(fast - 255 * to_srgb(linear_of_lab(colours))).max() <= 1


# -- layout and sources --


def test_the_mirror_axis_is_that_of_the_mesh():
    topology = HeadModel.load().topology
    own = topology.face_part == 0
    x = topology.uvs[topology.face_uvs[own]][..., 0] * SHAPE[1]
    y = (1 - topology.uvs[topology.face_uvs[own]][..., 1]) * SHAPE[0]
    corner = topology.faces[own]
    # Corners of the lids' region and their mirror vertices lie symmetrically about the axis.
    first = dict(zip(corner.ravel().tolist(), np.stack([x.ravel(), y.ravel()], 1), strict=True))
    near = [
        v for v, p in first.items() if abs(p[1] - 440) < 40 and abs(p[0] - 637) < 60 and topology.mirror[v] in first
    ]
    assert len(near) > 100
    sums = np.array([first[v][0] + first[int(topology.mirror[v])][0] for v in near])
    assert abs(np.median(sums) / 2 - layout.AXIS) < 0.6


def test_masks_are_symmetric_and_disjoint():
    for mask in (layout.lips(), layout.eyes(), layout.scalp(), layout.face().astype(float)):
        inner = mask[:, 60:1350]
        assert np.abs(inner - mirror(mask)[:, 60:1350]).max() < 1e-3
    assert (layout.lips() * layout.face()).max() < 0.05 and (layout.scalp() * layout.face()).max() < 0.05


def test_cleaning_removes_letters_eyeballs_and_hair(skins):
    skin = next(s for s in skins[0] if s.name == "young_lightskinned_female_diffuse2")
    whole = skin.form[0]
    assert whole[700:740, 5:120].max() < 0.1, "letters"  # they are white
    assert np.abs(whole[436:444, 630:645]).max() < 0.6, "eyeballs"
    assert np.abs(whole[150:200, 300:500]).max() < 0.5, "hair"  # log 0.5 = -0.7 and darker before
    assert np.abs((skin.form + skin.detail)[:, layout.face()].mean(1)).max() < 0.5


def test_held_out_skins_stay_out(skins):
    training, judges = ({skin.name for skin in group} for group in skins)
    assert judges == {"young_lightskinned_male_diffuse2"}
    assert training == {"young_lightskinned_female_diffuse2", "old_darkskinned_male_diffuse"}


def test_a_folder_without_skins_is_one_sentence(tmp_path, on_head):
    with pytest.raises(MissingFile, match="no skins"):
        sources.load_skins(tmp_path, on_head)
    with pytest.raises(MissingFile, match="no brows"):
        sources.load_brows(tmp_path)


def test_a_skin_of_another_size_is_refused(tmp_path, on_head):
    Image.new("RGB", (64, 32)).save(tmp_path / "young_lightskinned_female_diffuse.png")
    with pytest.raises(InvalidInput, match="64 x 32, expected 1384 x 768"):
        sources.load_skin(tmp_path / "young_lightskinned_female_diffuse.png", on_head)
    with pytest.raises(InvalidInput, match="ancient_male_diffuse.png names no age: .* young, middleage, old"):
        sources.load_skin(tmp_path / "ancient_male_diffuse.png", on_head)


def test_filling_keeps_the_known_and_continues_it():
    image = np.broadcast_to(np.linspace(0, 1, 200, dtype=np.float32), (1, 120, 200)).copy()
    known = np.ones((120, 200), np.float32)
    known[40:80, 90:110] = 0
    filled = sources.fill(image * known, known)
    np.testing.assert_allclose(filled[0][known > 0], image[0][known > 0], atol=1e-6)
    assert np.abs(filled - image)[0, 40:80, 90:110].max() < 0.06


# -- augmentation --


def test_an_example_is_its_seed_and_number(programme):
    first, again, other = programme(3, 5), programme(3, 5), programme(3, 6)
    assert first[0] == again[0] != other[0]
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[1] - other[1]).max() > 1


@pytest.mark.parametrize(("tone", "ethnicity"), [(-50, "black"), (0, "south_asian"), (50, "white")])
def test_the_label_is_the_measured_tone(programme, tone, ethnicity):
    _, colour, _ = programme(0, 1, a_look(tone=tone, ethnicity=ethnicity, redness=0.5, freckles=0.4))
    assert measured_tone(srgb(torch.from_numpy(colour)[None])[0], layout.face()) == pytest.approx(tone, abs=1.0)


def test_amounts_leave_their_marks(programme):
    def face(**amounts) -> np.ndarray:
        return np.mean([programme(9, i, a_look(gender="male", **amounts))[1] for i in range(2)], 0)

    plain = face()
    cheek, chin = np.s_[490:530, 590:620], np.s_[640:660, 690:720]
    assert face(redness=1.0)[1][cheek].mean() > plain[1][cheek].mean() + 1.5
    assert face(stubble=1.0)[0][chin].mean() < plain[0][chin].mean() - 1.5

    def spots(colour: np.ndarray) -> float:  # dark tail of the fine detail
        light = colour[0] - sources.blur(colour[0], 6)
        return float(np.percentile(light[layout.face()], 0.5))

    assert spots(face(freckles=1.0)) < spots(plain) - 0.8
    assert spots(face(wrinkles=1.0)) < spots(plain) - 0.3


def test_brows_follow_what_is_asked(programme):
    def weight(**asked) -> float:
        return float(np.mean([programme(4, i, a_look(**asked))[2].sum() for i in range(3)]))

    assert weight(brow_density=0.9) > 1.3 * weight(brow_density=0.1)
    assert weight(brow_thickness=0.9) > 1.2 * weight(brow_thickness=0.1)
    opacity = programme(4, 0, a_look())[2]
    assert opacity.min() >= 0 and opacity.max() <= 1
    y, x = np.nonzero(opacity > 0.1)
    assert y.min() > 360 and y.max() < 460 and x.min() > 540 and x.max() < 870


def test_every_cell_is_drawn():
    rng = np.random.default_rng(0)
    looks = [sample_look(rng) for _ in range(600)]
    for ethnicity in ETHNICITIES:
        own = [look for look in looks if look.ethnicity == ethnicity]
        assert len(own) > 80 and 0.4 < np.mean([look.gender == "male" for look in own]) < 0.6
        assert np.ptp([look.tone for look in own]) > 35
    assert all(
        0 <= getattr(look, name) <= 1 for look in looks for name in ("freckles", "wrinkles", "stubble", "makeup")
    )


# -- codec and network --


def test_wavelets_invert_and_smooth_things_have_no_detail():
    x = torch.randn(1, 2, 64, 96)
    torch.testing.assert_close(synthesise(*analyse(x)), x, atol=1e-5, rtol=0)
    ramp = torch.linspace(0, 1, 96).expand(1, 1, 64, 96)
    assert analyse(ramp)[1][..., 2:-2, 2:-2].abs().max() < 1e-5


def test_codec_inverts_lightness_and_the_middle_of_brows():
    codec = Codec(features=FEATURES)
    skin = torch.randn(1, 4, *SHAPE) * 5
    condition = torch.zeros(1, FEATURES)
    back = codec.decode(codec.encode(skin, condition), condition)
    torch.testing.assert_close(back[:, 0], skin[:, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(back[0, 3, 380:430, 580:830], skin[0, 3, 380:430, 580:830], atol=1e-3, rtol=0)
    assert (back[0, 3, :300] == 0).all()


def test_an_untrained_network_says_nothing():
    unet = UNet(256, 256, features=FEATURES, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    size = sum(int(np.prod(shape)) for shape in unet.shapes)
    with torch.no_grad():
        out = unet(torch.randn(2, size), torch.tensor([1, 900]), torch.randn(2, FEATURES), torch.ones(2))
    assert out.shape == (2, size) and (out == 0).all()


@pytest.mark.parametrize("spread", [0.2, 1.0, 3.0])
def test_the_sampler_keeps_the_spread_of_what_cannot_be_foreseen(spread):
    """For independent Gaussians the best velocity is known, and so is the sample that the noise must become."""
    scheduler = Scheduler()

    def sample(steps: int) -> torch.Tensor:
        scheduler.set_timesteps(steps)
        x = noise = torch.linspace(-2, 2, 9, dtype=torch.float64)
        for t in scheduler.timesteps:
            cos, sin = scheduler.angles[t].cos(), scheduler.angles[t].sin()
            velocity = x * cos * sin * (1 - spread**2) / (spread**2 * cos**2 + sin**2)
            x = scheduler.step(velocity, t, x).prev_sample
        return (x - spread * noise).abs().max() / (2 * spread)

    coarse, fine = sample(4), sample(64)
    assert coarse < (1e-9 if spread == 1 else 0.6) and fine < 0.01


def test_two_steps_lead_nearer_to_where_many_lead_than_three_plain_ones(people):
    """On someone the rule was not fitted to."""
    texture = load_texture("embedded")
    for who in people[:1]:
        asked = features(condition(who))[None]
        noise = torch.randn(1, texture.codec.size, generator=torch.Generator().manual_seed(7))

        def sampled(steps, asked=asked, noise=noise):
            texture.scheduler.set_timesteps(steps)
            x = noise
            with torch.no_grad():
                for t in texture.scheduler.timesteps:
                    x = texture.scheduler.step(texture.unet(x, t[None], asked, torch.ones(1)), t, x).prev_sample
            return x

        exact = sampled(32)
        two, three = ((sampled(steps) - exact).square().mean().sqrt() for steps in (2, 3))
        assert two < 0.75 * three


def test_several_skins_at_once_are_those_of_one_at_a_time():
    torch.manual_seed(0)
    unet = UNet(256, 256, features=FEATURES, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    latents = torch.randn(2, sum(int(np.prod(shape)) for shape in unet.shapes))
    asked, t = torch.randn(2, FEATURES), torch.tensor([500, 300])
    with torch.no_grad():
        together = unet(latents, t, asked, torch.ones(2))
        alone = [unet(latents[k : k + 1], t[k : k + 1], asked[k : k + 1], torch.ones(1)) for k in (0, 1)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_the_schedule_is_the_cosine_one_of_diffusers():
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2").alphas_cumprod
    torch.testing.assert_close(Scheduler().alphas_cumprod, theirs, rtol=0, atol=0)


def test_calmer_brows_keep_the_skin_and_stay_within_the_variation():
    codec = Codec(256, 256, features=FEATURES, brow_window=(64, 192, 64, 192))
    latent, condition = torch.randn(1, codec.size), torch.zeros(1, FEATURES)
    whole, calm, none = (codec.decode(codec.scale_brows(latent, s), condition) for s in (1.0, 0.5, 0.0))
    torch.testing.assert_close(calm[:, :3], whole[:, :3])
    torch.testing.assert_close(calm[:, 3], whole[:, 3] / 2)
    assert (none[:, 3] == 0).all() and whole[:, 3].abs().max() > 0.1


def test_a_withheld_condition_is_not_seen():
    torch.manual_seed(0)
    unet = UNet(256, 256, features=FEATURES, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    size = sum(int(np.prod(shape)) for shape in unet.shapes)
    latent, t = torch.randn(1, size), torch.tensor([500])
    one, two = torch.randn(2, 1, FEATURES)
    with torch.no_grad():
        hidden = [unet(latent, t, f, torch.zeros(1)) for f in (one, two)]
        shown = [unet(latent, t, f, torch.ones(1)) for f in (one, two)]
    torch.testing.assert_close(*hidden)
    assert (shown[0] - shown[1]).abs().max() > 1e-4


# -- backends --


def test_shapes_and_tones_of_the_shipped_model(made, people):
    for who, maps in zip(people, made, strict=True):
        assert maps.albedo.shape == (*SHAPE, 3) and maps.albedo.dtype == np.uint8
        assert maps.brows.shape == SHAPE and maps.brows.dtype == np.uint8
        assert abs(measured_tone(maps.albedo, layout.face()) - who.skin.tone) < 4


def test_a_batch_and_a_repetition_change_no_byte(made, people):
    alone = load_texture("embedded")([people[1]])[0]
    np.testing.assert_array_equal(alone.albedo, made[1].albedo)
    np.testing.assert_array_equal(alone.brows, made[1].brows)


def test_another_process_makes_the_same_bytes_and_goes(made, people):
    texture = Aside("embedded", "cpu")
    process = texture._process
    for _ in range(2):
        np.testing.assert_array_equal(texture(people[:1])[0].albedo, made[0].albedo)
    np.testing.assert_array_equal(texture(people[1:])[0].brows, made[1].brows)
    del texture
    assert process.wait(30) == -9


def test_a_mistake_or_a_death_elsewhere_is_one_sentence(people):
    with pytest.raises(InvalidInput, match="texture backend 'oil' is unknown"):
        Aside("oil", "cpu")(people)
    texture = Aside("embedded", "cpu")
    texture._process.kill()
    with pytest.raises(ThreeDPainError, match="process that samples skins died .killed: perhaps the memory was full"):
        texture(people)


def test_making_a_skin_imports_no_large_library():
    """diffusers and transformers take seconds and a third of a gigabyte; reading six files needs neither."""
    script = """
import sys
from threedpain.generation.pipeline import PainFacePipeline
from threedpain.generation.people.identity import sample_identity
PainFacePipeline.from_pretrained(device="cpu").texture([sample_identity(1)])
print(*{name.split(".")[0] for name in sys.modules} & {"diffusers", "transformers", "datasets", "accelerate", "pandas"})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_another_seed_is_another_skin(made, people):
    other = load_texture("embedded")([replace(people[0], skin=replace(people[0].skin, seed=99))])[0]
    difference = lab(other.albedo[300:680, 580:830]) - lab(made[0].albedo[300:680, 580:830])
    assert np.abs(difference[..., 0]).mean() > 0.7


def test_brows_are_where_brows_grow_and_not_in_the_albedo(made):
    for maps in made:
        y, x = np.nonzero(maps.brows > 60)
        assert len(y) > 300 and np.percentile(y, 1) > 365 and np.percentile(y, 99) < 445
        assert (x < layout.AXIS).any() and (x > layout.AXIS).any()
    # No dark arcs in the light albedo: the brow zone is about as light as the forehead above.
    light = lab(made[0].albedo)[..., 0]
    assert light[395:420, 590:680].mean() > light[330:360, 590:680].mean() - 9


def test_a_skin_that_is_begun_in_the_middle_of_another_changes_neither(people):
    """As two threads of a server do: between any two steps of one skin another is made."""
    texture = load_texture("embedded", steps=2)
    one, other = (texture([who])[0] for who in people[:2])
    network, between = texture.unet, []

    def interrupted(*given):
        answer = network(*given)
        if not between:
            between.append(None)  # the inner one is left alone
            between.append(texture([people[1]])[0])
        return answer

    texture.unet = interrupted
    again = texture([people[0]])[0]
    for first, second in ((one, again), (other, between[1])):
        assert np.array_equal(first.albedo, second.albedo) and np.array_equal(first.brows, second.brows)


@pytest.mark.slow
def test_tone_without_guidance(people):
    texture = load_texture("embedded", guidance=1.0)
    for ethnicity, tone in zip(ETHNICITIES, (-45, 50, 20, -10, 35), strict=True):
        who = sample_identity(8, age=50, gender="male", ethnicity=ethnicity, skin_tone=tone)
        assert abs(measured_tone(texture([who])[0].albedo, layout.face()) - tone) < 4


def test_flat_has_the_tone_lips_and_brows(people):
    for who in people:
        maps = load_texture("flat")([who])[0]
        assert abs(measured_tone(maps.albedo, layout.face()) - who.skin.tone) < 4
        colour = lab(maps.albedo)
        assert colour[590, 705, 0] < colour[640, 600, 0] - 2  # lips are darker
        assert maps.brows[395:430, 580:690].max() > 60 and maps.brows[500:].max() == 0


def test_users_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(
        InvalidInput, match="texture backend 'oil' is unknown: choose one of embedded, depth-to-image, flat"
    ):
        load_texture("oil")
    with pytest.raises(MissingFile, match="no texture model in"):
        load_texture("embedded", folder=tmp_path)
    with pytest.raises(InvalidInput, match="steps is 1: allowed are 2 to 100"):
        load_texture("embedded", steps=1)


def test_the_shipped_folder_is_small_and_holds_its_own_code():
    folder = assets.weights("texture")
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < 30_000_000
    assert not list(folder.rglob("*.bin")) and not list(folder.rglob("*.pt"))
    from threedpain.generation.texture.model import pipeline, sampling, skin_codec, skin_scheduler, skin_unet

    places = {pipeline: ".", sampling: ".", skin_codec: "codec", skin_unet: "unet", skin_scheduler: "scheduler"}
    for module, place in places.items():
        name = module.__name__.rsplit(".", 1)[1] + ".py"
        with open(module.__file__) as own:
            assert (folder / place / name).read_text() == own.read()


@pytest.mark.slow
def test_the_folder_works_without_this_package(tmp_path):
    """A fresh process that cannot import threedpain loads the folder with diffusers and gets the same bytes, before
    they are finished for who wears them."""
    who = sample_identity(1, age=24, gender="female", ethnicity="white")
    from threedpain.generation.records import SkinMaps
    from threedpain.generation.texture.embedded import condition
    from threedpain.generation.texture.finish import finished

    torch.save(features(condition(who))[None], tmp_path / "features.pt")
    script = f"""
import sys, torch
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "threedpain": raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from diffusers import DiffusionPipeline
folder = {str(assets.weights("texture"))!r}
options = dict(custom_pipeline=folder, trust_remote_code=True, torch_dtype=torch.float32)
pipe = DiffusionPipeline.from_pretrained(folder, **options)
out = pipe(torch.load({str(tmp_path / "features.pt")!r}), [torch.Generator().manual_seed({who.skin.seed})])
import numpy
for name in ("albedo", "brows"):
    numpy.save({str(tmp_path)!r} + f"/{{name}}.npy", getattr(out, name)[0])
"""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        cwd=tmp_path,
        env={"HF_HOME": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    ours = load_texture("embedded")([who])[0]
    theirs = finished(SkinMaps(*(np.load(tmp_path / f"{name}.npy") for name in ("albedo", "brows"))), who)
    np.testing.assert_array_equal(theirs.albedo, ours.albedo)
    np.testing.assert_array_equal(theirs.brows, ours.brows)


@pytest.mark.slow
def test_training_runs_resumes_and_saves_a_pipeline(photographs, on_head, tmp_path):
    from threedpain.generation.texture.training.train import CONFIGS, train

    folder = train(photographs, tmp_path, replace(CONFIGS["tiny"], steps=1, checkpoint_every=1), on_head)
    first = (tmp_path / "losses.csv").read_text().splitlines()
    folder = train(photographs, tmp_path, CONFIGS["tiny"], on_head)  # goes on from the first step
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[:2] == first and len(lines) == 3 and lines[2].startswith("2,")
    assert json.loads((folder / "model_index.json").read_text())["unet"] == ["skin_unet", "SkinUNet"]
    maps = load_texture("embedded", folder=folder)([sample_identity(3, age=30, gender="male", ethnicity="white")])[0]
    assert maps.albedo.shape == (*SHAPE, 3)
