"""What was trained just before is not trained again."""

from fl_node.training.last_trained import LastTrained
from tests.small_federation import SmallTrainer, initial_weights, silent


def test_the_same_question_is_answered_without_training():
    trainer = SmallTrainer()
    remembering = LastTrained(trainer)
    asked = {"node": 1, "round_": 2, "base_number": 1, "data": None, "progress": silent}
    first = remembering.train(initial_weights(), **asked)
    assert remembering.train(initial_weights(), **asked) is first
    assert trainer.trained == [(1, 2)]


def test_any_other_question_is_trained():
    trainer = SmallTrainer()
    remembering = LastTrained(trainer)
    asked = {"node": 1, "round_": 1, "base_number": 0, "data": None, "progress": silent}
    first = remembering.train(initial_weights(), **asked)
    for changed in ({"round_": 2}, {"base_number": 1}, {"node": 2}):
        remembering.train(initial_weights(), **asked | changed)
    remembering.train(first.weights, **asked)
    assert trainer.trained == [(1, 1), (1, 2), (1, 1), (2, 1), (1, 1)]


def test_a_training_that_breaks_off_is_not_remembered():
    class Breaking(SmallTrainer):
        def train(self, base, **asked):
            if len(self.trained) == 1:
                self.trained.append((0, 0))
                raise KeyboardInterrupt
            return super().train(base, **asked)

    trainer = Breaking()
    remembering = LastTrained(trainer)
    asked = {"node": 1, "base_number": 0, "data": None, "progress": silent}
    remembering.train(initial_weights(), round_=1, **asked)
    for _ in range(2):
        try:
            remembering.train(initial_weights(), round_=2, **asked)
        except KeyboardInterrupt:
            continue
    assert trainer.trained == [(1, 1), (0, 0), (1, 2)]
