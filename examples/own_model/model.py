"""A model that is no CNN: a parcel's numbers and its district, two inputs of different kinds."""

import keras
from keras import layers

DISTRICTS = 24
NUMBERS = 4


def build() -> keras.Model:
    """Give numbers through BatchNormalization and a district through an Embedding to one output."""
    numbers = keras.Input((NUMBERS,), name="numbers")
    district = keras.Input((1,), dtype="int32", name="district")
    scaled = layers.BatchNormalization(momentum=0.9, name="scale")(numbers)
    placed = layers.Flatten(name="placed")(layers.Embedding(DISTRICTS, 4, name="place")(district))
    joined = layers.Concatenate(name="joined")([scaled, placed])
    hidden = layers.Dense(32, activation="relu", name="hidden")(joined)
    kept = layers.Dropout(0.1, name="kept")(hidden)
    late = layers.Dense(1, activation="sigmoid", name="late")(kept)
    return keras.Model({"numbers": numbers, "district": district}, late, name="late_parcels")
