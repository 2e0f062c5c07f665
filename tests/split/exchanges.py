"""Both parties in one process: the provider's steps as the data owner's exchanges."""

import queue
import threading


class Provider:
    """A provider in U-shape, whose step runs in a thread while the data owner asks."""

    def __init__(self, middle) -> None:
        self._middle = middle
        self._to_node, self._to_provider = queue.Queue(), queue.Queue()

    def features(self, cut):
        self._thread = threading.Thread(target=self._step, args=(cut,), daemon=True)
        self._thread.start()
        return self._answer()

    def gradients(self, gradients):
        self._to_provider.put(gradients)
        return self._answer()

    def _answer(self):
        found = self._to_node.get(timeout=60)
        if isinstance(found, BaseException):
            raise found
        return found

    def _step(self, cut) -> None:
        try:
            self._to_node.put(self._middle.step(cut, self._exchange))
        except Exception as error:  # noqa: BLE001 - the thread that asked raises it
            self._to_node.put(error)

    def _exchange(self, features):
        self._to_node.put(features)
        return self._to_provider.get(timeout=60)
