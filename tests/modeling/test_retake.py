"""A picture taken again is the same but for the one thing: what is worn and what covers the face stay."""

import pytest
import standin

from threedpain.modeling.faces import retake


@pytest.mark.parametrize("change", retake.CHANGES)
def test_what_is_worn_stays_in_a_picture_taken_again(change, monkeypatch):
    worn = []

    class Recording(standin.Photographer):
        def photograph(self, person, action_units, scene, truth=(), head_angles=(0.0, 0.0, 0.0)):
            worn.append(scene.worn)
            return super().photograph(person, action_units, scene, truth, head_angles)

    pipe = Recording()
    monkeypatch.setattr(retake, "_pipeline", lambda texture: pipe)
    wanted = [
        retake.Wanted(0, "id_00000_pain_00", "front", {"AU4": 3.0}, "standard", "glasses,mouth_hand"),
        retake.Wanted(1, "id_00000_pain_01", "front", {"AU4": 3.0}, "standard", "glasses"),
        retake.Wanted(2, "id_00000_pain_02", "front", {"AU4": 3.0}, "standard", ""),
    ]
    made = retake._person(((5, 40.0, "female", "black"), wanted, 32, change, "flat"))
    assert set(made) == {0, 1, 2}
    assert {one.names for one in worn} == {("glasses", "mouth_hand"), ("glasses",), ()}
    assert len({one.seed for one in worn if one.names}) == 1, "the same glasses in all of them"
