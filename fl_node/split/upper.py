"""The provider's part as it starts: kept by the provider, committed to in the plan by a digest."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, SplitError
from fl_node.files import write_atomically
from fl_node.weights import Weights

_SALT_BYTES = 32
_MODEL_FILE, _WEIGHTS_FILE = "upper.json", "upper.safetensors"
_OWN_ONLY = 0o600
FOLDER = "split"


@dataclass(frozen=True)
class UpperPart:
    """What the provider brings.

    :ivar model: Keras configuration of the upper part
    :ivar names: its names of its weights to the whole model's
    :ivar seeds: which of the whole model's seed generators are in it
    :ivar initial: its weights before the first step
    :ivar salt: 32 random bytes; without them nobody can try what the digest stands for
    """

    model: Mapping[str, Any]
    names: Mapping[str, str]
    seeds: tuple[int, ...]
    initial: Weights
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(_SALT_BYTES), repr=False)

    @property
    def commitment(self) -> str:
        """The salted digest that the plan holds, as hexadecimal text."""
        content = hashlib.sha256(encode_json(self._described())).digest()
        return hashlib.sha256(self.salt + content + self.initial.cid().digest).hexdigest()

    def save(self, home: Path, plan: Cid) -> Path:
        """Write it below a host's folder, for its owner's eyes only; gives the folder."""
        folder = home / FOLDER / str(plan)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(folder / _WEIGHTS_FILE, self.initial.pieces(), mode=_OWN_ONLY)
        document = self._described() | {"salt": self.salt.hex()}
        write_atomically(folder / _MODEL_FILE, [encode_json(document)], mode=_OWN_ONLY)
        return folder

    @classmethod
    def load(cls, home: Path, plan: Cid, commitment: str) -> "UpperPart":
        """Read it back.

        :raises SplitError: when it is not there, or is not what the plan commits the provider to
        """
        folder = home / FOLDER / str(plan)
        try:
            document = decode_json((folder / _MODEL_FILE).read_bytes())
            weights = Weights.read(folder / _WEIGHTS_FILE)
            described = (document["model"], document["names"], tuple(document["seeds"]))
            found = cls(*described, weights, bytes.fromhex(document["salt"]))
        except FileNotFoundError as error:
            raise SplitError(
                f"the provider's part of plan {plan} is not in {folder}: copy it from where "
                "flnode deploy was run"
            ) from error
        except (CanonicalError, KeyError, TypeError, ValueError) as error:
            raise SplitError(f"{folder / _MODEL_FILE} is not as it was written") from error
        if found.commitment != commitment:
            raise SplitError(
                f"{folder} has the part {found.commitment}, the plan commits the provider to "
                f"{commitment}: take the files that belong to this plan"
            )
        return found

    def _described(self) -> dict[str, Any]:
        return {"model": dict(self.model), "names": dict(self.names), "seeds": list(self.seeds)}
