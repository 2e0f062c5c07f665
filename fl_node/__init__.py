"""One federated-learning node: its identity, its chain, its store and its training."""

__version__ = "0.4.0"
