"""Plans that carry more than a model."""

from tests.adversaries.attacks import Attack, Finder, Found


def _refused(name: str, does: str, *words: str) -> Attack:
    return Attack(name, does, "plans", (Found(Finder.JOINER, words),), round=0)


PLANS = (
    _refused(
        "plan-with-code",
        "a plan whose model has a `Lambda` layer",
        "keras.layers.Lambda",
        "is not built into Keras or carries code",
    ),
    _refused(
        "plan-with-another-class",
        "a plan whose model names a class that is no layer",
        "os.system",
        "is not built into Keras or carries code",
    ),
    _refused(
        "plan-with-a-file",
        "a plan whose model names a file of the one who joins",
        "vocabulary names a file",
    ),
)
