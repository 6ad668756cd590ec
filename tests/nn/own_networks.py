"""Networks as a user makes them: good ones, and some that cannot be repeated or trained."""

import keras
import numpy as np
import tensorflow as tf

from rdrop_cli.nn.layers import DropoutGRU


class TimestepDropout(keras.layers.Layer):
    """Drops whole timesteps."""

    def __init__(self, rate, **options):
        super().__init__(**options)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, sequences, training=False):
        if not training:
            return sequences
        samples, timesteps, _ = keras.ops.shape(sequences)
        kept = keras.random.dropout(keras.ops.ones((samples, timesteps, 1)), self.rate, seed=self.seed_generator)
        return kept * sequences

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class StatefulNoise(keras.layers.Layer):
    """Adds numbers of a generator that goes on from call to call."""

    def call(self, sequences, training=False):
        return sequences + tf.random.normal(tf.shape(sequences)) if training else sequences


class FrozenNoise(keras.layers.Layer):
    """Draws one number where the call is traced, which then never changes in this process."""

    def call(self, sequences, training=False):
        return sequences * np.random.default_rng().normal() if training else sequences


def make_timestep_dropout(timesteps, features):
    return stack(timesteps, features, TimestepDropout(0.3), keras.layers.GRU(4), keras.layers.BatchNormalization())


def make_plain(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4, dropout=0.2, recurrent_dropout=0.2))


def make_stateful_noise(timesteps, features):
    return stack(timesteps, features, StatefulNoise(), keras.layers.GRU(4))


def make_frozen_noise(timesteps, features):
    return stack(timesteps, features, FrozenNoise(), keras.layers.GRU(4))


class Penalty(keras.layers.Layer):
    """Adds a loss of each sample."""

    def call(self, states):
        self.add_loss(0.03 * keras.ops.mean(keras.ops.square(states), axis=1))
        return states


def make_penalised(timesteps, features):
    penalties = {"kernel_regularizer": keras.regularizers.L2(0.01), "activity_regularizer": keras.regularizers.L1(0.02)}
    norm = keras.constraints.MaxNorm(0.5)
    dense = keras.layers.Dense(3, kernel_constraint=norm)
    return stack(timesteps, features, keras.layers.GRU(4, **penalties), Penalty(), dense)


def make_uneven_pair(timesteps, features):
    back = keras.layers.GRU(5, go_backwards=True)
    return stack(timesteps, features, keras.layers.Bidirectional(keras.layers.GRU(3), backward_layer=back))


def make_frozen_cell(timesteps, features):
    layer = keras.layers.GRU(3)
    layer.build((None, timesteps, features))
    layer.cell.trainable = False
    return stack(timesteps, features, layer)


def make_frozen_biases(timesteps, features):
    layer = keras.layers.GRU(3, return_sequences=True)
    layer.build((None, timesteps, features))
    layer.cell.bias.trainable = False
    return stack(timesteps, features, layer, keras.layers.GRU(3))


def make_adapted(timesteps, features):
    window, dense = keras.Input((timesteps, features)), keras.layers.Dense(1, lora_rank=2)
    return keras.Sequential([window, keras.layers.GRU(3), dense])


def make_turned_pair(timesteps, features):
    layers = [keras.layers.GRU(3, return_sequences=True, go_backwards=back) for back in (True, False)]
    pair = keras.layers.Bidirectional(layers[0], backward_layer=layers[1])
    return stack(timesteps, features, pair, keras.layers.GRU(3))


def make_half_precise_dropout(timesteps, features):
    return stack(timesteps, features, keras.layers.Dropout(0.3, dtype="float16"), keras.layers.GRU(3))


def make_penalised_dropout(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(3), keras.layers.Dropout(0.3, activity_regularizer="l2"))


def make_half_precise_input(timesteps, features):
    window = keras.Input((timesteps, features), dtype="float16")
    return keras.Sequential([window, keras.layers.GRU(3), keras.layers.Dense(1)])


def make_flattened_by_feature(timesteps, features):
    flat = keras.layers.Flatten(data_format="channels_first")
    return stack(timesteps, features, flat, keras.layers.Dense(3, activation="relu"))


class TwoOfOneName(keras.layers.Layer):
    """Has two weights of one name."""

    def build(self, shape):
        self.one, self.other = (self.add_weight((), name="scale", initializer=value) for value in ("ones", "zeros"))

    def call(self, states):
        return self.one * states + self.other


def make_two_of_one_name(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(3), TwoOfOneName(name="twice"))


def make_normalised(timesteps, features):
    nested = keras.Sequential([keras.layers.Dropout(0.3), keras.layers.BatchNormalization(momentum=0.5)])
    return stack(timesteps, features, keras.layers.GRU(4), nested)


def make_shared_dropout(timesteps, features):
    return stack(timesteps, features, keras.layers.Dropout(0.3, noise_shape=(1, 1, None)), keras.layers.GRU(4))


def make_shared_nested(timesteps, features):
    nested = keras.Sequential([keras.layers.GRU(4, dropout=0.2), keras.layers.Dropout(0.3, noise_shape=(1, None))])
    return stack(timesteps, features, nested)


def make_shared_back(timesteps, features):
    back = DropoutGRU(4, "batch-shared", 0.2, 0.2, go_backwards=True)
    return stack(timesteps, features, keras.layers.Bidirectional(keras.layers.GRU(4), backward_layer=back))


class SharedDropout(keras.layers.Layer):
    """Drops the same units of all samples."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, states, training=False):
        if not training:
            return states
        return states * keras.random.dropout(keras.ops.ones((1, states.shape[-1])), 0.5, seed=self.seed_generator)


def make_shared_own(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4, dropout=0.2), SharedDropout())


def make_all_dropped(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4), keras.layers.Dropout(1.0))


def make_nothing_dropped(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4, dropout=1.0))


def make_of_half_precision(timesteps, features):
    return make_of_dtype(timesteps, features, "mixed_float16")


def make_of_double_precision(timesteps, features):
    return make_of_dtype(timesteps, features, "float64")


def make_of_dtype(timesteps, features, dtype):
    layers = keras.layers.GRU(4, dropout=0.2, dtype=dtype), keras.layers.Dense(1, dtype=dtype)
    return keras.Sequential([keras.Input((timesteps, features)), *layers])


class Counter(keras.layers.Layer):
    """Counts its training calls."""

    def build(self, shape):
        self.calls = self.add_weight(name="calls", initializer="zeros", trainable=False)

    def call(self, states, training=False):
        if training:
            self.calls.assign_add(1.0)
        return states


def make_counter(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4, dropout=0.2), Counter())


class Doubling(keras.Sequential):
    """A stack that is not plain."""

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


def make_doubled(timesteps, features):
    return Doubling([keras.Input((timesteps, features)), keras.layers.GRU(4), keras.layers.Dense(1)])


class HalvedPair(keras.layers.Bidirectional):
    """A pair that is not plain."""

    def call(self, sequences, initial_state=None, mask=None, training=None):
        return super().call(sequences, initial_state, mask, training) / 2


def make_halved_pair(timesteps, features):
    return stack(timesteps, features, HalvedPair(keras.layers.GRU(3)))


class Subclassed(keras.Model):
    """Has layers, and no inputs that Keras knows."""

    def __init__(self, **options):
        super().__init__(**options)
        self.gru, self.dense = keras.layers.GRU(4), keras.layers.Dense(1)

    def call(self, sequences, training=False):
        return self.dense(self.gru(sequences, training=training))


def make_subclassed(timesteps, features):
    return Subclassed()


class OwnStep(keras.Model):
    """Has a training step of its own."""

    def train_step(self, data):
        raise RuntimeError("train_step called")


class OwnLoss(keras.Sequential):
    """Has a loss of its own."""

    def compute_loss(self, *arguments, **options):
        raise RuntimeError("compute_loss called")


def make_own_step(timesteps, features):
    window = keras.Input((timesteps, features))
    return OwnStep(window, keras.layers.Dense(1)(keras.layers.GRU(4)(window)))


def make_own_loss(timesteps, features):
    return OwnLoss([keras.Input((timesteps, features)), keras.layers.GRU(4), keras.layers.Dense(1)])


def make_untrained(timesteps, features):
    model = make_plain(timesteps, features)
    model.trainable = False
    return model


def make_shapeless(timesteps, features):
    def call(x):
        return tf.py_function(lambda values: values, [x], x.dtype)

    return stack(timesteps, features, keras.layers.GRU(3), keras.layers.Lambda(call))


def make_two_outputs(timesteps, features):
    return stack(timesteps, features, keras.layers.GRU(4), units=2)


def make_nothing(timesteps, features):
    return None


def fail(timesteps, features):
    raise ValueError("no such weather\nreally")


def stack(timesteps, features, *layers, units=1):
    return keras.Sequential([keras.Input((timesteps, features)), *layers, keras.layers.Dense(units)])
