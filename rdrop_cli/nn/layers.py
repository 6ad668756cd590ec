"""Keras's GRU and LSTM with any method of recurrent dropout."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops
from keras.src.backend import rnn as loop_over_time

from rdrop_cli.nn.cells import (
    CallMasks,
    Recurrence,
    StepMasks,
    advance_gru,
    advance_lstm,
    multiply_by_gate,
    split_columns,
)
from rdrop_cli.nn.masks import MaskSampler, check_rate, take_seeds
from rdrop_cli.study.methods import CELLS, Cell, Lifetime, Method, Site, find_method


class MethodRNN(keras.layers.RNN):  # type: ignore[misc]
    """Base of `DropoutGRU` and `DropoutLSTM`, combined with Keras's layer of the cell as their second base.

    Weights, states, padding, saving and options remain Keras's; only the loop over time is replaced.
    """

    kind: Cell
    method: Method

    def __init__(
        self,
        units: int,
        method: str,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Build a layer for inputs of shape (batch, time, feature).

        Args:
            units: size of the state.
            method: name of a method that the cell has, see `rdrop_cli.study.methods`.
            dropout: rate of the masks on x: constant over time, one per gate or one for all, depending on the method.
            recurrent_dropout: rate of the method's own masks. Neither rate affects the masks of the other.
            seed: of the masks; None takes one from Python's generator, as Keras's layers do.
            **kwargs: arguments of Keras's layer, except `use_cudnn`: cuDNN has no masks.

        Raises:
            ValueError: a rate is outside [0, 1), or the cell does not have the method.
        """
        method_found = find_method(method, self.kind)
        rates = check_rate("dropout", dropout), check_rate("recurrent_dropout", recurrent_dropout)
        # Keras's cell holds the weights and the seed generator; its own dropout stays off.
        super().__init__(units, seed=seed, use_cudnn=False, **kwargs)
        self.method = method_found
        self._dropout, self._recurrent_dropout = rates

    @property
    def dropout(self) -> float:
        """Rate of the masks on x."""
        return self._dropout

    @property
    def recurrent_dropout(self) -> float:
        """Rate of the method's own masks."""
        return self._recurrent_dropout

    @property
    def seed_generator(self) -> keras.random.SeedGenerator:
        """The generator that training calls draw from; other calls do not."""
        return self.cell.seed_generator

    @property
    def sampler(self) -> MaskSampler:
        """The sampler that draws the masks of this layer."""
        return MaskSampler(
            self.method, self.kind, self.units, self.dropout, self.recurrent_dropout, backwards=self.go_backwards
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "method": self.method.name}

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False) -> Any:
        """Return the last output, all outputs and the last states, replacing Keras's method of this name.

        Raises:
            ValueError: a state is not of shape (batch, units), or the padding mask not of shape (batch, time).
        """
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        self._check_shapes(initial_state, mask)
        gates = len(self.kind.gates)
        # Kernels are read once here, not at every timestep.
        kernel, recurrent_kernel = (ops.convert_to_tensor(w) for w in (self.cell.kernel, self.cell.recurrent_kernel))
        masks = self._find_masks(sequences, training)
        masks, kernel, recurrent_kernel = _fold_masks(self.method, masks, kernel, recurrent_kernel, gates)
        input_bias, advance = self._bind_step(recurrent_kernel)
        # The masks on x do not change over time, so all timesteps are projected at once.
        input_masks = [ops.expand_dims(m, axis=1) for m in masks.inputs]
        steps = multiply_by_gate(sequences, kernel, input_masks, gates, input_bias)
        constant = StepMasks(self.method.site, masks.recurrent)
        anew = self.method.lifetime is Lifetime.STEP and training and len(masks.recurrent) > 0
        if anew:
            steps = [*steps, *masks.recurrent]

        def step(inputs: Any, states: Any) -> tuple[Any, list[Any]]:
            pieces = split_columns(inputs, len(steps))
            masks_now = StepMasks(self.method.site, tuple(pieces[gates:])) if anew else constant
            states = advance(pieces[:gates], states, masks=masks_now)
            return states[0], states

        return loop_over_time(
            step,
            ops.concatenate(steps, axis=-1),
            list(initial_state),
            go_backwards=self.go_backwards,
            mask=mask,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            return_all_outputs=self.return_sequences,
        )

    def _find_masks(self, sequences: Any, training: bool | None) -> CallMasks:
        """Return new masks for a training call, or their replacement at inference."""
        if not training:
            return self.sampler.average()
        if not self.sampler.seeds_per_call:
            return CallMasks((), ())
        batch, timesteps, _ = ops.shape(sequences)
        state = take_seeds(self.seed_generator, self.sampler.seeds_per_call)
        return self.sampler.draw(state, batch, timesteps, sequences.shape[-1], self.compute_dtype)

    def _check_shapes(self, initial_state: Any, mask: Any) -> None:
        """Refuse states and padding masks that would broadcast wrongly or not at all."""
        if len(initial_state) != len(self.kind.states):
            raise ValueError(
                f"initial_state: expected {len(self.kind.states)} of shape (batch, {self.units}), "
                f"received {len(initial_state)}"
            )
        for state in initial_state:
            if len(state.shape) != 2 or state.shape[-1] != self.units:
                raise ValueError(f"initial_state: expected shape (batch, {self.units}), received {tuple(state.shape)}")
        if mask is not None and len(mask.shape) != 2:
            raise ValueError(f"mask: expected shape (batch, time), received {tuple(mask.shape)}")

    def _bind_step(self, recurrent_kernel: Any) -> tuple[Any, Callable[..., list[Any]]]:
        """Return the bias of the products of x, (gates · units,) or None, and the cell's step with its weights."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="rdrop")
class DropoutGRU(MethodRNN, keras.layers.GRU):  # type: ignore[misc]
    """`keras.layers.GRU` with a method of recurrent dropout; weights are interchangeable with Keras's."""

    kind = CELLS["gru"]

    def _bind_step(self, recurrent_kernel: Any) -> tuple[Any, Callable[..., list[Any]]]:
        bias = self.cell.bias
        input_bias, recurrent_bias = (bias[0], bias[1]) if self.use_bias and self.reset_after else (bias, None)
        recurrence = Recurrence(
            recurrent_kernel, recurrent_bias, self.activation, self.recurrent_activation, self.reset_after
        )
        return input_bias, partial(advance_gru, recurrence=recurrence)


@keras.saving.register_keras_serializable(package="rdrop")
class DropoutLSTM(MethodRNN, keras.layers.LSTM):  # type: ignore[misc]
    """`keras.layers.LSTM` with a method of recurrent dropout; weights are interchangeable with Keras's."""

    kind = CELLS["lstm"]

    def _bind_step(self, recurrent_kernel: Any) -> tuple[Any, Callable[..., list[Any]]]:
        recurrence = Recurrence(recurrent_kernel, None, self.activation, self.recurrent_activation)
        return self.cell.bias, partial(advance_lstm, recurrence=recurrence)


def _fold_masks(
    method: Method, masks: CallMasks, kernel: Any, recurrent_kernel: Any, gates: int
) -> tuple[CallMasks, Any, Any]:
    """Multiply the masks that a batch shares into the kernels, once per call instead of at every timestep.

    Returns:
        The remaining masks, the kernel, the recurrent kernel.
    """
    if method.site is Site.RECURRENT_KERNEL:
        for mask in masks.recurrent:
            recurrent_kernel = recurrent_kernel * mask
        return CallMasks(masks.inputs, ()), kernel, recurrent_kernel
    if method.per_sample:
        return masks, kernel, recurrent_kernel
    kernel = _scale_rows(kernel, masks.inputs, gates)
    return CallMasks((), ()), kernel, _scale_rows(recurrent_kernel, masks.recurrent, gates)


def _scale_rows(kernel: Any, masks: Sequence[Any], gates: int) -> Any:
    """Scale the rows of each gate's columns of a kernel by its mask, (1, n): (x ∘ m) U equals x (diag(m) U)."""
    if not masks:
        return kernel
    columns = split_columns(kernel, gates)
    return ops.concatenate([column * ops.transpose(m) for m, column in zip(masks, columns, strict=True)], axis=-1)
