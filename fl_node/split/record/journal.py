"""What a party keeps of an epoch: its messages, snapshots of its own state, the records.

A message is kept before it is sent, and before what it brought is used. Nothing is forced onto the
disk: this is about killed processes; after a machine's death the same bits are computed again.
"""

import fcntl
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from fl_node.errors import SplitError
from fl_node.files import write_atomically
from fl_node.split.record.message import Message
from fl_node.split.record.message_log import MessageLog
from fl_node.split.record.records import decode_records, encode_records
from fl_node.split.record.refusal import UnfitError
from fl_node.split.record.schedule import Place

_MESSAGES, _RECORDS = "messages", "records"
_SNAPSHOT, _SUFFIX = "snapshot-", ".safetensors"
_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700


def journal_folder(home: Path, session: bytes, epoch: int) -> Path:
    """Say where the journal of an epoch is."""
    return home / session.hex() / f"epoch-{epoch}"


class Journal:
    """One epoch of one session on disk; one process at a time has it open."""

    def __init__(self, home: Path, session: bytes, epoch: int, say: Callable[[str], None]) -> None:
        """Open an epoch's journal, or make it.

        :param home: the folder of all sessions
        :param say: takes a line for people when a killed process left something torn
        :raises SplitError: when it cannot be written, or another process has it open
        """
        self._folder = journal_folder(home, session, epoch)
        self._session, self._epoch = session, epoch
        self._lock = _locked(self._folder)
        try:
            self._sweep()
            self._log = MessageLog(self._folder / _MESSAGES, session, epoch).load(say)
            self._is_finished = self.records_file.exists()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        """Give the journal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        self._log.close()
        os.close(self._lock)

    @property
    def is_finished(self) -> bool:
        """Tell whether the epoch's root is recorded, so that nothing is added any more."""
        return self._is_finished

    @property
    def records_file(self) -> Path:
        """Say where the leaves are once the epoch is finished, see :mod:`.records`."""
        return self._folder / _RECORDS

    def append(self, message: Message) -> None:
        """Keep a message.

        :raises SplitError: when it cannot be written, is there already, or the epoch is finished
        """
        if self.is_finished:
            raise SplitError(f"{self._folder} is finished: its epoch takes no more messages")
        self._log.append(message)

    def messages(self) -> Iterator[Message]:
        """Give the messages in the order in which they were kept, one in memory at a time.

        :raises SplitError: at one that is not as it was written
        """
        return map(self._log.message, self._log.places())

    def message(self, place: Place) -> Message:
        """Give one message.

        :raises SplitError: when it is not there, or not as it was written
        """
        return self._log.message(place)

    def places(self) -> tuple[Place, ...]:
        """Give the places of the messages that are there, as :meth:`messages` does."""
        return self._log.places()

    def leaves(self) -> list[bytes]:
        """Give the epoch's leaves in order, also of messages that were dropped since.

        :raises SplitError: when the records are not as they were written
        """
        if not self.is_finished:
            return [self._log.leaf(place) for place in sorted(self._log.places())]
        try:
            kept = decode_records(self.records_file.read_bytes(), self._session, self._epoch)
        except UnfitError as error:
            raise SplitError(f"{self.records_file} is not as it was written: {error}") from error
        return [signed.encode() for signed in kept]

    def keep_snapshot(self, step: int, pieces: Iterable[bytes | memoryview]) -> None:
        """Keep this party's state as it is after a step; 0 is before the first.

        :raises SplitError: when it cannot be written
        """
        self._write(self.snapshot(step), pieces)

    def snapshot(self, step: int) -> Path:
        """Say where the state after a step is."""
        return self._folder / f"{_SNAPSHOT}{step}{_SUFFIX}"

    def snapshot_steps(self) -> tuple[int, ...]:
        """Give the steps whose snapshots are there, the newest first."""
        names = [path.name for path in self._folder.glob(f"{_SNAPSHOT}*{_SUFFIX}")]
        steps = [name.removeprefix(_SNAPSHOT).removesuffix(_SUFFIX) for name in names]
        return tuple(sorted((int(step) for step in steps if step.isdecimal()), reverse=True))

    def snapshot_before(self, step: int) -> int | None:
        """Give the newest snapshot that a step can be recomputed from, if there is one."""
        return next((kept for kept in self.snapshot_steps() if kept < step), None)

    def finish(self, kept_steps: Collection[int]) -> None:
        """Keep the leaves, and of messages and snapshots what recomputing some steps takes.

        Killed at any point it is called again with the same steps.

        :param kept_steps: see :meth:`fl_node.split.record.retention.Retention.kept_steps`
        :raises SplitError: when the folder cannot be written
        """
        if not self.is_finished:
            self._write(self.records_file, [encode_records(self.leaves())])
            self._is_finished = True
        runs = self._runs(kept_steps)
        wanted = {step for start, last in runs.items() for step in range(start + 1, last + 1)}
        self._log.keep({place for place in self._log.places() if place.step in wanted})
        for step in set(self.snapshot_steps()) - set(runs):
            self.snapshot(step).unlink(missing_ok=True)

    def _runs(self, kept_steps: Collection[int]) -> dict[int, int]:
        """Give, by the snapshot before it, the last step to be recomputed from there.

        Where no snapshot is, it is from the epoch's beginning.
        """
        snapshots = sorted({0, *self.snapshot_steps()})
        return {snapshots[bisect_left(snapshots, step) - 1]: step for step in sorted(kept_steps)}

    def _write(self, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
        try:
            write_atomically(path, pieces, mode=_OWNER_ONLY)
        except OSError as error:
            raise _failed(path, error) from error

    def _sweep(self) -> None:
        """Remove what a process that was killed in the middle of writing left."""
        for left in self._folder.glob(".*"):
            left.unlink(missing_ok=True)


def _locked(folder: Path) -> int:
    """Make a folder and lock it, until the handle is closed or the process ends."""
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _failed(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise SplitError(
            f"another process has {folder} open: a party of a session runs once, end the other"
        ) from error
    return handle


def _failed(path: Path, error: OSError) -> SplitError:
    reason = error.strerror or str(error)
    return SplitError(
        f"cannot use {path}: {reason}; see that the folder may be written and the disk has room"
    )
