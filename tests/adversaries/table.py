"""The whole table, by who attacks."""

from collections.abc import Mapping

from tests.adversaries.attacks import Attack
from tests.adversaries.rows.admitted import ADMITTED
from tests.adversaries.rows.calls import CALLS
from tests.adversaries.rows.daemons import DAEMONS
from tests.adversaries.rows.headers import HEADERS
from tests.adversaries.rows.plans import PLANS
from tests.adversaries.rows.sealers import SEALERS
from tests.adversaries.rows.updates import UPDATES

GROUPS: Mapping[str, tuple[Attack, ...]] = {
    "Updates that cannot be averaged": UPDATES,
    "Updates that are averaged": ADMITTED,
    "Calls that are not the caller's": CALLS,
    "A header that closes falsely": HEADERS,
    "A node's own daemons": DAEMONS,
    "A plan that is more than one": PLANS,
    "Those who make blocks": SEALERS,
}
ATTACKS: tuple[Attack, ...] = tuple(attack for rows in GROUPS.values() for attack in rows)
