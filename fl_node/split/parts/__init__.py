"""Parts of a model: how it is cut, and a training step of either party in one graph."""
