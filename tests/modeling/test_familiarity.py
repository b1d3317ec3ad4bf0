"""How familiar a face looks: high for people like those of training, none for what was never seen."""

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from threedpain.modeling.evaluation.familiarity import remember
from threedpain.modeling.faces.faces import FaceSet
from threedpain.modeling.faces.sets import by_people
from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.image_processing_vitpain import ViTPainImageProcessor
from threedpain.modeling.vitpain.loading import load_model
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel

VIT = {
    "model_type": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "patch_size": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    faces = FaceSet.pack(drawn_faces(30, 3, 2), size=40, cache=tmp_path_factory.mktemp("faces"))
    torch.manual_seed(0)
    model = ViTPainModel(ViTPainConfig(image_size=32, num_attention_heads=2, backbone_config=VIT)).eval()
    processor = ViTPainImageProcessor(size=32)
    assert model(torch.zeros(1, 3, 32, 32)).familiarity is None
    known, held_out = by_people(faces, 0.4)
    remember(model, processor, known, held_out, ("realistic", "none"))
    return model, processor, held_out


def test_people_like_those_of_training_are_familiar_and_bare_colours_are_not(learned):
    model, processor, held_out = learned
    pictures = [np.array(held_out.images[row])[4:36, 4:36] for row in held_out.rows]
    alike = model(**processor(images=pictures, return_tensors="pt")).familiarity
    bare = [np.full((32, 32, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255), (255, 255, 0))]
    strange = model(**processor(images=bare, return_tensors="pt")).familiarity
    assert alike.shape == (len(pictures),) and ((alike >= 0) & (alike <= 1)).all()
    assert 0.25 < alike.mean() < 0.75 and strange.mean() < 0.5 * alike.mean()


def test_what_is_remembered_is_saved_with_the_weights(learned, tmp_path):
    model, _, _ = learned
    model.save_pretrained(tmp_path)
    again, x = load_model(tmp_path), torch.rand(3, 3, 32, 32)
    assert torch.equal(again(x).familiarity, model(x).familiarity)
