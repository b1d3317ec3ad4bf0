"""A figure on a card is the figure in the results file, and the cards are what the Hub accepts."""

import importlib.util
import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("cards_render", ROOT / "model_cards" / "render.py")
render = importlib.util.module_from_spec(spec)
spec.loader.exec_module(render)


def results(name: str) -> dict:
    return json.loads((render.WEIGHTS / name / "results.json").read_text())


@pytest.mark.parametrize("name", ["vitpain", "vitpain-teacher"])
def test_cards_are_what_the_results_say(name):
    text = str(render.render_vitpain(name, results(name)))
    for path in (ROOT / "model_cards" / f"{name}.md", render.WEIGHTS / name / "README.md"):
        assert path.read_text() == text, f"{path} is stale: run python model_cards/render.py"


def test_another_result_makes_another_card():
    changed = results("vitpain")
    changed["conditions"]["realistic"]["overall"]["mae"][0] = 0.123
    text = str(render.render_vitpain("vitpain", changed))
    assert "0.123 (" in text and text != (ROOT / "model_cards" / "vitpain.md").read_text()


def test_front_matter_carries_the_figures():
    card = ModelCard.load(ROOT / "model_cards" / "vitpain.md")
    found = {(e.dataset_config, e.metric_type): e.metric_value for e in card.data.eval_results}
    for condition, figures in results("vitpain")["conditions"].items():
        assert found[f"reference: {condition}", "mae"] == pytest.approx(figures["overall"]["mae"][0], abs=1e-4)


def test_the_readme_shows_the_same_figures():
    readme = (ROOT / "README.md").read_text()
    for figures in results("vitpain")["conditions"].values():
        mae, low, high = figures["overall"]["mae"]
        assert f"| {mae:.2f} ({low:.2f} to {high:.2f}) | {figures['overall']['pearson'][0]:.3f} |" in readme
