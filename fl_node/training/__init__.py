"""Local training: models, data, steps. The only package that imports Keras."""
