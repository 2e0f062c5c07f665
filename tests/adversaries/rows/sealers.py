"""Those who make blocks."""

from tests.adversaries.attacks import Attack, Finder, Found

SEALERS = (
    Attack(
        "two-sealers",
        "two of three sealers go back to an earlier copy of the chain and seal another past, which "
        "the third then follows",
        "rewritten",
        (
            Found(
                Finder.AUDIT,
                (
                    "is neither a block nor a history of the bundle: it is about another past, or "
                    "ends before",
                ),
            ),
        ),
        round=1,
        when={Finder.AUDIT: "when it is given the history that a member attested, as its anchor"},
    ),
)
