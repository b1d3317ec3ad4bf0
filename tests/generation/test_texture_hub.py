"""The paper's path with the real diffusers classes, tiny and random, and the geometry of baking."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from threedpain import limits
from threedpain.errors import InvalidInput, MissingFile, ThreeDPainError
from threedpain.generation.frames import look_at, to_ndc
from threedpain.generation.head.scan import ScanHeadModel
from threedpain.generation.people.identity import sample_identity
from threedpain.generation.records import MASK_CLASSES
from threedpain.generation.render.raster.exact import CpuRasterizer
from threedpain.generation.render.raster.settings import RasterizationSettings
from threedpain.generation.texture import layout, load_texture
from threedpain.generation.texture.hub.bake import bake, blend, complete, look_at_head, make_atlas, unlight
from threedpain.generation.texture.hub.depth_to_image import DepthToImageTexture, carry, depth_image, prompt
from threedpain.generation.texture.hub.inpaint_background import (
    PLACES,
    BackgroundInpainter,
    check_protected,
    repaint_mask,
)
from threedpain.generation.texture.hub.loading import enough_memory
from threedpain.generation.texture.tone import measured_tone

SIZE = 512


@pytest.fixture(scope="module")
def who():
    return sample_identity(5, age=40, gender="female", ethnicity="south_asian")


@pytest.fixture(scope="module")
def bust(who):
    return ScanHeadModel.load()(who)


@pytest.fixture(scope="module")
def atlas(bust):
    return make_atlas(bust.topology, bust.vertices)


@pytest.fixture(scope="module")
def components(tmp_path_factory):
    """The parts of Stable Diffusion with a few channels and a tokenizer of single letters, built here."""
    folder = tmp_path_factory.mktemp("tokenizer")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789,-")
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}</w>" for c in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    torch.manual_seed(0)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    ).eval()
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=2,
    )
    vae = AutoencoderKL(
        block_out_channels=[8, 8, 8, 8],
        in_channels=3,
        out_channels=3,
        norm_num_groups=2,
        latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
    )
    return {
        "tokenizer": tokenizer,
        "text_encoder": text,
        "unet": unet,
        "vae": vae,
        "scheduler": DDIMScheduler(steps_offset=1, clip_sample=False),
        "safety_checker": None,
        "feature_extractor": None,
    }


def controlled(parts: dict) -> StableDiffusionControlNetPipeline:
    torch.manual_seed(1)
    control = ControlNetModel.from_unet(parts["unet"], conditioning_embedding_out_channels=(8, 8, 8, 8))
    return StableDiffusionControlNetPipeline(**parts, controlnet=control, requires_safety_checker=False)


def position_picture(bust, camera) -> np.ndarray:
    """[3, S, S]: each pixel's colour is the point of the head that it sees."""
    fragments = CpuRasterizer(RasterizationSettings(image_size=camera.size))(
        [to_ndc(camera, bust.vertices)], [bust.topology.faces]
    )
    winner = fragments.pix_to_face[0, ..., 0].numpy()
    weights = fragments.bary_coords[0, ..., 0, :].numpy()[..., None]
    points = (bust.vertices[bust.topology.faces[np.maximum(winner, 0)]] * weights).sum(-2)
    return np.where(winner[..., None] >= 0, points, 0).transpose(2, 0, 1).astype(np.float32)


@pytest.mark.parametrize("yaw", [0.0, 55.0, -55.0])
def test_a_picture_of_positions_bakes_to_the_texels_own_positions(bust, atlas, yaw):
    camera = look_at(yaw=yaw, size=SIZE, span=0.34, target=(0.0, 0.0, 0.03))
    colours, weights = bake(atlas, look_at_head(bust.topology, bust.vertices, camera), position_picture(bust, camera))
    seen = weights > 0
    assert seen.sum() > 100_000
    error = np.linalg.norm(colours.transpose(1, 2, 0) - atlas.points, axis=-1)[seen]
    texel = np.linalg.norm(np.diff(atlas.points, axis=1, append=atlas.points[:, -1:]), axis=-1)[seen]
    inside = error <= np.maximum(texel, 0.0003)
    assert inside.mean() > 0.99, f"{1 - inside.mean():.2%} of the texels are more than one texel off"
    assert np.average(inside, weights=weights[seen]) > 0.999


def test_a_side_view_does_not_reach_the_far_cheek(bust, atlas):
    camera = look_at(yaw=55, size=SIZE, span=0.34, target=(0.0, 0.0, 0.03))
    _, weights = bake(atlas, look_at_head(bust.topology, bust.vertices, camera), np.ones((3, SIZE, SIZE), np.float32))
    # Turned to their own left, the subject shows the right side: x < 0.
    right, left = weights[atlas.points[..., 0] < -0.05].sum(), weights[atlas.points[..., 0] > 0.05].sum()
    assert right > 50 * left


def test_what_is_baked_is_carried_into_the_next_view(bust, atlas):
    looks = [look_at_head(bust.topology, bust.vertices, look_at(yaw=yaw, size=SIZE, span=0.34)) for yaw in (0, 40)]
    pictures = [position_picture(bust, look.camera) for look in looks]
    carried, known = carry(looks[1], *blend([bake(atlas, looks[0], pictures[0])]))
    error = np.linalg.norm(carried - pictures[1], axis=0)[known > 0.99]
    assert len(error) > 3000
    assert np.percentile(error, 95) < 0.001


def test_completing_keeps_what_is_known_and_leaves_no_hole(atlas):
    rng = np.random.default_rng(0)
    colour = rng.uniform(0.2, 0.6, (3, *atlas.covered.shape)).astype(np.float32)
    known = np.zeros(atlas.covered.shape, np.float32)
    known[300:600, 600:720] = 1
    whole = complete(colour * known, known)
    np.testing.assert_allclose(whole[:, 320:580, 620:700], colour[:, 320:580, 620:700], atol=1e-5)
    assert np.isfinite(whole).all() and whole.min() >= 0.15


def test_unlighting_finds_the_albedo_under_a_smooth_light(atlas):
    rng = np.random.default_rng(1)
    albedo = np.full((3, *atlas.covered.shape), 0.4, np.float32)
    albedo[:, 560:600, 660:750] = 0.2  # lips
    light = np.exp(0.5 * atlas.normals[..., 0] + 0.3 * atlas.normals[..., 1] + rng.normal(0, 0.01, atlas.covered.shape))
    known = ((atlas.normals[..., 2] > 0) & atlas.covered).astype(np.float32)
    found = unlight(albedo * light[None].astype(np.float32), atlas.normals, known)[0]
    skin = (known > 0) & (albedo[0] > 0.3)
    assert found[skin].std() / found[skin].mean() < 0.05
    assert (albedo[0] * light)[skin].std() / (albedo[0] * light)[skin].mean() > 0.15


def test_depth_picture_is_white_near_and_black_behind(bust):
    look = look_at_head(bust.topology, bust.vertices, look_at(size=128, span=0.34))
    grey = np.asarray(depth_image(look))[..., 0]
    assert (grey[look.depth == 0] == 0).all()
    head = (look.depth > 0) & (look.uv[..., 0] >= 0)
    assert np.corrcoef(grey[head], -look.depth[head])[0, 1] > 0.95


def test_the_whole_path_gives_a_skin_of_the_asked_tone(components, who):
    texture = DepthToImageTexture(pipe=controlled(components), size=64, steps=1)
    one, again = texture([who])[0], texture([who])[0]
    assert one.albedo.shape == (768, 1384, 3) and one.albedo.dtype == np.uint8
    assert one.brows.shape == (768, 1384) and one.brows.dtype == np.uint8
    np.testing.assert_array_equal(one.albedo, again.albedo)
    assert abs(measured_tone(one.albedo, layout.face()) - who.skin.tone) < 4


def test_the_prompt_says_who(who):
    words = prompt(replace(who, age=71.6, skin=replace(who.skin, freckles=0.9, moles=0.0)))
    assert "72 year old South Asian woman" in words and "freckles" in words and "moles" not in words


def a_sample(size: int = 128) -> SimpleNamespace:
    rng = np.random.default_rng(3)
    mask = np.zeros((size, size), np.uint8)
    mask[20:110, 30:100] = MASK_CLASSES.index("hair")
    mask[40:100, 40:90] = MASK_CLASSES.index("skin")
    return rng.integers(0, 255, (size, size, 3), dtype=np.uint8), mask


def test_inpainting_changes_the_surroundings_and_no_pixel_of_the_face(components, who):
    from threedpain.generation.records import Sample

    image, mask = a_sample()
    fields = dict.fromkeys(Sample.__dataclass_fields__)
    sample = Sample(**{**fields, "image": image, "mask": mask})
    pipe = StableDiffusionInpaintPipeline(**components, requires_safety_checker=False)
    scene = SimpleNamespace(background=SimpleNamespace(kind="clinical", seed=4), clothes=SimpleNamespace(kind="gown"))
    out = BackgroundInpainter(pipe, steps=2)(sample, who, scene)
    around = repaint_mask(sample)
    np.testing.assert_array_equal(out.image[~around], image[~around])
    assert (out.image[around] != image[around]).mean() > 0.5
    assert out.mask is mask


def test_every_place_has_words_for_the_prompt():
    assert set(PLACES) == {*limits.PLACES, "plain"}


def test_a_changed_face_pixel_is_refused():
    image, mask = a_sample()
    spoilt = image.copy()
    spoilt[60, 60] ^= 1
    with pytest.raises(ThreeDPainError, match="changed 1 pixels of the face"):
        check_protected(image, spoilt, mask == 0)


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument is deprecated")  # diffusers' own
def test_a_missing_model_without_network_is_one_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingFile, match="'nobody/nothing' is not in the local cache and the Hub cannot be reached"):
        BackgroundInpainter.from_pretrained("nobody/nothing")
    with pytest.raises(MissingFile, match="is not in the local cache and the Hub cannot be reached"):
        load_texture("depth-to-image", controlnet="nobody/nothing")


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument is deprecated")
def test_an_id_of_the_wrong_kind_is_one_sentence(components, tmp_path):
    StableDiffusionPipeline(**components, requires_safety_checker=False).save_pretrained(tmp_path / "sd")
    with pytest.raises(InvalidInput, match="takes no depth image"):
        DepthToImageTexture(pipe=StableDiffusionPipeline(**components, requires_safety_checker=False))
    with pytest.raises(InvalidInput, match="cannot be loaded as a ControlNetModel"):
        DepthToImageTexture(model=str(tmp_path / "sd"), controlnet=str(tmp_path / "sd" / "scheduler"))
    with pytest.raises(InvalidInput, match="takes no mask"):
        BackgroundInpainter(StableDiffusionPipeline(**components, requires_safety_checker=False))


def test_a_gpu_that_is_not_there_is_one_sentence():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InvalidInput, match="no CUDA device"):
        BackgroundInpainter.from_pretrained("any/model", device="cuda")


def test_too_little_memory_is_one_sentence():
    said = "too little memory for 'x' at 512 pixels: it needs about 6 GB"
    with pytest.raises(ThreeDPainError, match=said), enough_memory("x", 512, 6):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
    with pytest.raises(RuntimeError, match="something else"), enough_memory("x", 512, 6):
        raise RuntimeError("something else")


def test_an_odd_size_is_refused():
    with pytest.raises(InvalidInput, match="size is 100: allowed are multiples of 64"):
        load_texture("depth-to-image", size=100)
