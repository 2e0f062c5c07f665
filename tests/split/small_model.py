"""A small network with all that a step changes besides weights: statistics and seeds."""

from typing import Any


def build() -> Any:
    from keras import Input, Sequential, layers, regularizers

    return Sequential(
        [
            Input((28, 28, 1), name="image"),
            layers.Conv2D(4, 3, strides=2, activation="relu", name="conv"),
            layers.BatchNormalization(name="statistics"),
            layers.Dropout(0.2, name="below"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(
                16, activation="relu", kernel_regularizer=regularizers.L2(1e-3), name="hidden"
            ),
            layers.Dropout(0.3, name="above"),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
