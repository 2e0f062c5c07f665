"""The error tree: everything that flnode raises on purpose is a `FlnodeError`.

A message is one line: what was asked, what was found, what to try.
"""

_SHOWN_LETTERS = 1000
_SHOWN_END_LETTERS = 200


class FlnodeError(Exception):
    """The root of all named errors; it shows as one line, whatever others wrote into it."""

    def __str__(self) -> str:
        """Give one line that may be printed anywhere; of a very long one, its two ends."""
        line = " ".join(super().__str__().split())
        if len(line) > _SHOWN_LETTERS:
            start = _SHOWN_LETTERS - _SHOWN_END_LETTERS - len(" ... ")
            line = f"{line[:start]} ... {line[-_SHOWN_END_LETTERS:]}"
        return "".join(letter if letter.isprintable() else "?" for letter in line)


class CidError(FlnodeError):
    """A text or a number of bytes that is no CIDv0."""


class WeightsError(FlnodeError):
    """Bytes that are no canonical weights file, or tensors that cannot become one."""


class CanonicalError(FlnodeError):
    """A value without a canonical JSON form, or bytes that are not in it."""


class TomlError(FlnodeError):
    """Bytes that are no TOML."""


class PlanError(FlnodeError):
    """A plan that breaks a rule."""


class ReportError(FlnodeError):
    """Bytes that are no round report."""


class SettingsError(FlnodeError):
    """A setting that is unknown, missing or out of range."""


class DataError(FlnodeError):
    """Training data that cannot be used."""


class UserCodeError(FlnodeError):
    """A user's own model or data function that raised something."""


class NoFederationError(SettingsError):
    """Settings that name no federation yet."""


class ModelError(FlnodeError):
    """A model that cannot be rebuilt from a plan, or may not be."""


class StrategyError(FlnodeError):
    """An unknown strategy, or parameters or updates it cannot work with."""


class StoreError(FlnodeError):
    """A store that cannot do what was asked."""


class StoreUnreachableError(FlnodeError):
    """A store whose daemon does not answer, for now.

    No `StoreError`: it says nothing about the bytes that were asked for, nor about who sent them.
    """


class UnavailableError(StoreError):
    """The store has no such bytes, or not in time."""


class TooLargeError(StoreError):
    """The bytes are more than the caller allows."""


class DigestMismatchError(StoreError):
    """The bytes found are not those that were named."""


class LedgerError(FlnodeError):
    """A chain that cannot do what was asked."""


class UnreachableError(LedgerError):
    """A chain that does not answer, or takes no transactions, for now."""


class ProofError(FlnodeError):
    """Evidence of what a chain said that does not hold."""


class BundleError(FlnodeError):
    """A bundle that cannot be written, or that is not as it was written."""


class KeystoreError(FlnodeError):
    """A keystore or a password that cannot be used, or that others may read."""


class DaemonError(FlnodeError):
    """A daemon that cannot be found, built, started or spoken to."""


class NetworkError(FlnodeError):
    """A private network's folder that is not as it should be, or a change it cannot take."""


class RevertedError(LedgerError):
    """The contract refused a call.

    :ivar name: the contract's custom error, such as ``RoundFull``
    :ivar values: the error's arguments in order
    """

    def __init__(self, name: str, values: tuple[object, ...] = ()) -> None:
        self.name = name
        self.values = values
        shown = ", ".join(str(value) for value in values)
        super().__init__(f"the contract refused the call: {name}({shown})")


class DisputeError(FlnodeError):
    """A global that is final on the chain and that this node's recomputation contradicts."""


class SplitError(FlnodeError):
    """Split learning that cannot go on, or a part of it that is not as it should be."""


class CertificateError(SplitError):
    """A session's certificate that is not as it must be, or not valid now."""


class SealedError(SplitError):
    """Sealed bytes that are for another's eyes, or were changed."""


class ChannelClosedError(SplitError):
    """The other party is not there, or not any more: connect again."""


class ChannelRefusedError(SplitError):
    """Who answers is not who was announced, or says so of us: connecting again changes nothing."""


class MessageTooLargeError(SplitError):
    """A message over the bound that both parties know."""


class DeadlineError(SplitError):
    """What was waited for did not come in time."""


class SignatureError(SplitError):
    """A record that cannot be signed, or a signature that nobody can have given."""


class HijackError(SplitError):
    """Gradients that train the lower part for something else than the task, as far as one sees."""


class StoppedError(FlnodeError):
    """A signal asked the process to end.

    :ivar signal: its number
    """

    def __init__(self, signal: int) -> None:
        self.signal = signal
        super().__init__(f"stopped by signal {signal}")
