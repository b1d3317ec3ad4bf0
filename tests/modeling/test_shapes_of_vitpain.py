"""ViTPain's output has the shapes its docstring states, with a reference and without."""

import pytest
import shapes
import torch

from threedpain.modeling.vitpain.configuration_vitpain import ViTPainConfig
from threedpain.modeling.vitpain.modeling_vitpain import ViTPainModel, ViTPainOutput


@pytest.mark.parametrize("reference", [True, False])
def test_output(reference):
    model = ViTPainModel(ViTPainConfig()).eval()
    side = model.config.image_size
    pictures = torch.rand(2, 3, side, side)
    with torch.no_grad():
        output = model(pixel_values=pictures, **({"neutral_pixel_values": pictures} if reference else {}))
    assert isinstance(output, ViTPainOutput)
    shapes.check_output(output, {"B": 2, "S": model.config.map_size})
