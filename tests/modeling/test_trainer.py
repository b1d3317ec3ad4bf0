"""ViTPain in the hands of transformers: Trainer's evaluation, hidden states, weights of earlier versions."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel

VIT = {
    "model_type": "vit", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "patch_size": 8,
}  # fmt: skip


def tiny(**changes) -> ViTPainModel:
    torch.manual_seed(0)
    values = {"image_size": 32, "num_attention_heads": 2, "heatmap_upsample": 2, "backbone_config": VIT}
    return ViTPainModel(ViTPainConfig(**{**values, **changes})).eval()


def pixels(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_trainer_learns_evaluates_and_computes_metrics_without_more_settings(tmp_path):
    x = pixels(8, 3, 32, 32)
    rows = {"pixel_values": x.numpy(), "labels": np.arange(8, dtype=np.float32), "au_targets": np.ones((8, 6), "f4")}
    data = Dataset.from_dict(rows).with_format("torch")
    seen = {}

    def compute_metrics(answers) -> dict[str, float]:
        pspi, from_au, au, pain = answers.predictions
        seen.update(pspi=pspi, from_au=from_au, au=au, pain=pain, labels=answers.label_ids)
        return {"mae": float(np.abs(pspi - answers.label_ids).mean())}

    arguments = TrainingArguments(
        str(tmp_path), per_device_train_batch_size=4, max_steps=2, report_to=[], use_cpu=True, disable_tqdm=True
    )
    model = tiny()
    trainer = Trainer(model, arguments, train_dataset=data, eval_dataset=data, compute_metrics=compute_metrics)
    trainer.train()
    found = trainer.evaluate()
    assert found["eval_mae"] > 0 and found["eval_loss"] > 0
    assert seen["pspi"].shape == (8,) and seen["au"].shape == (8, 6) and seen["pain"].shape == (8, 3)
    assert np.array_equal(seen["labels"], rows["labels"])
    with torch.no_grad():
        np.testing.assert_allclose(seen["pspi"], model.eval()(x).pspi, atol=1e-4)


@pytest.mark.parametrize("reference", ["compare", "attention", "none"])
def test_hidden_states_lead_from_the_patches_to_the_heads(reference):
    model, x, n = tiny(reference=reference), pixels(2, 3, 32, 32), pixels(2, 3, 32, 32, seed=2)
    given = () if reference == "none" else (n,)
    assert model(x, *given).hidden_states is None
    states = model(x, *given, output_hidden_states=True).hidden_states
    assert len(states) == 1 + 2 + (reference != "none") and all(state.shape == (2, 17, 32) for state in states)
    if reference != "none":
        torch.testing.assert_close(states[-1][:, 1:], model(x, n).last_hidden_state)
        several = model(x, torch.stack((n, n), dim=1), output_hidden_states=True).hidden_states
        torch.testing.assert_close(several, states)


def test_configuration_can_ask_for_hidden_states():
    assert len(tiny(output_hidden_states=True)(pixels(1, 3, 32, 32)).hidden_states) == 4


def test_a_configuration_of_version_1_0_gives_the_answers_it_gave():
    """Every tensor a known wave; the numbers were printed by version 1.0.0."""
    values = {
        "image_size": 32, "num_attention_heads": 2, "heatmap_upsample": 2, "mask_classes": 11,
        "stem_widths": [8, 16], "stem_depths": [0, 1], "stem_differences": True,
        "backbone_config": VIT | {"patch_size": 2},
    }  # fmt: skip
    model = ViTPainModel(ViTPainConfig(**values)).eval()
    with torch.no_grad():
        for number, value in enumerate(model.state_dict().values()):
            value.copy_(torch.sin(torch.arange(value.numel()) * 0.7 + number).view(value.shape) * 0.1)
        x, n = (torch.sin(torch.arange(3072.0) * step).view(1, 3, 32, 32) for step in (0.11, 0.13))
        out = model(x, n)
    assert out.pspi.item() == pytest.approx(8.3318, abs=1e-3)
    assert out.au[0].tolist() == pytest.approx([2.6543, 2.5706, 2.4956, 2.4654, 2.4940, 0.5135], abs=1e-3)
    assert out.heatmap.sum().item() == pytest.approx(8.3887, abs=1e-3)
