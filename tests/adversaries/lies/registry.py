"""Every lie by its name, as the table of attacks calls it."""

from collections.abc import Callable, Mapping

from tests.adversaries.lies.calls import CALLS
from tests.adversaries.lies.closing import HEADERS, header_role, idle
from tests.adversaries.lies.members import MEMBERS
from tests.adversaries.lies.self_made import Liar
from tests.adversaries.lies.sending import send_once
from tests.adversaries.lies.updates import ADMITTED_LIES, UPDATE_LIES

LIES: Mapping[str, Callable[[Liar], None]] = {
    **CALLS,
    **MEMBERS,
    **{name: header_role(lie) for name, lie in HEADERS.items()},
    "never-closes": idle,
    **{name: send_once(lie) for name, lie in (UPDATE_LIES | ADMITTED_LIES).items()},
}
