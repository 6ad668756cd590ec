"""The compiled kernel on arrays, against the same layer in float64."""

import numpy as np
import pytest

from rdrop_cli.nn.native.kernel import Masks, Sequences, Weights, load_kernel


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    """Compile into a folder that all tests of one run share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDROP_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "kernels"))
        yield


def draw_case(size, timesteps, units, features, masked, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return (scale * rng.normal(size=shape)).astype(np.float32)

    def mask(*shape):
        return ((rng.random(shape) >= 0.3) / 0.7).astype(np.float32) if masked else None

    x = normal(size, timesteps, features)
    gates = 3 * units
    weights = Weights(
        normal(features, gates, scale=features**-0.5),
        normal(units, gates, scale=units**-0.5),
        normal(2, gates, scale=0.3),
    )
    return x, weights, Masks(mask(3, size, features), mask(3, size, units)), normal(size, timesteps, units)


def run_in_float64(x, weights, masks, d_states):
    """Return all states and, for the gradients `d_states` of them, those of kernel, recurrent kernel, bias and x."""
    x, kernel, recurrent, bias = (np.float64(a) for a in (x, weights.kernel, weights.recurrent_kernel, weights.bias))
    (size, timesteps, features), units = x.shape, len(recurrent)
    m = np.ones((3, size, features)) if masks.inputs is None else np.float64(masks.inputs)
    k = np.ones((3, size, units)) if masks.recurrent is None else np.float64(masks.recurrent)
    columns = [slice(gate * units, (gate + 1) * units) for gate in range(3)]
    steps, h = [], np.zeros((size, units))
    for t in range(timesteps):
        a = [x[:, t] * m[i] @ kernel[:, c] + bias[0, c] for i, c in enumerate(columns)]
        q = [h * k[i] @ recurrent[:, c] + bias[1, c] for i, c in enumerate(columns)]
        z, r = 1 / (1 + np.exp(-a[0] - q[0])), 1 / (1 + np.exp(-a[1] - q[1]))
        g = np.tanh(a[2] + r * q[2])
        steps.append((h, z, r, g, q[2]))
        h = z * h + (1 - z) * g
    states = np.stack([step[0] for step in steps[1:]] + [h], axis=1)
    d_kernel, d_recurrent, d_bias, d_x = (np.zeros_like(a) for a in (kernel, recurrent, bias, x))
    d_h = np.zeros((size, units))
    for t, (h, z, r, g, q) in reversed(list(enumerate(steps))):
        d_h = d_h + d_states[:, t]
        d_g = d_h * (1 - z) * (1 - g**2)
        d_a = [d_h * (h - g) * z * (1 - z), d_g * q * r * (1 - r), d_g]
        d_q = [*d_a[:2], d_g * r]
        d_h = d_h * z
        for i, c in enumerate(columns):
            d_kernel[:, c] += (x[:, t] * m[i]).T @ d_a[i]
            d_recurrent[:, c] += (h * k[i]).T @ d_q[i]
            d_bias[:, c] += d_a[i].sum(0), d_q[i].sum(0)
            d_x[:, t] += d_a[i] @ kernel[:, c].T * m[i]
            d_h = d_h + d_q[i] @ recurrent[:, c].T * k[i]
    return states, (d_kernel, d_recurrent, d_bias, d_x)


def run_natively(x, weights, masks, d_states, *, every_state=True, threads=1):
    kernel = load_kernel(len(weights.recurrent_kernel), x.shape[2])
    records = kernel.take_records(*x.shape[:2])
    records[:] = 255  # NaN: what was there before must not matter
    options = {"every_state": every_state, "threads": threads}
    output = kernel.run(Sequences.from_batch(x), weights, masks, records=records, **options)
    d_output = d_states if every_state else np.ascontiguousarray(d_states[:, -1])
    gradients = kernel.differentiate(
        weights, masks, records, d_output, timesteps=x.shape[1], input_gradient=True, **options
    )
    return output, (gradients.kernel, gradients.recurrent_kernel, gradients.bias, gradients.inputs)


def assert_close(received, expected, tolerance):
    """Compare relative to the largest value: what is summed with rounding errors is of that size."""
    assert np.abs(received - expected).max() <= tolerance * max(1, np.abs(expected).max())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("size", "timesteps", "units", "features"),
    [(1, 1, 1, 1), (33, 7, 5, 17), (128, 9, 33, 14), (1, 240, 32, 14), (128, 240, 32, 14)],
)
def test_states_and_gradients_are_those_of_float64(size, timesteps, units, features, masked):
    case = draw_case(size, timesteps, units, features, masked)
    states, gradients = run_in_float64(*case)
    received, received_gradients = run_natively(*case)
    assert_close(received, states, 2e-6)
    for one, other in zip(received_gradients, gradients, strict=True):
        assert_close(one, other, 2e-6)


def test_the_last_state_alone_has_its_own_gradients():
    x, weights, masks, d_states = draw_case(33, 40, 32, 14, masked=True)
    only_last = np.zeros_like(d_states)
    only_last[:, -1] = d_states[:, -1]
    states, gradients = run_in_float64(x, weights, masks, only_last)
    received, received_gradients = run_natively(x, weights, masks, d_states, every_state=False)
    assert_close(received, states[:, -1], 2e-6)
    for one, other in zip(received_gradients, gradients, strict=True):
        assert_close(one, other, 2e-6)


@pytest.mark.parametrize("every_state", [False, True])
def test_the_number_of_threads_changes_no_bit(every_state):
    case = draw_case(200, 33, 32, 14, masked=True)
    output, gradients = run_natively(*case, every_state=every_state)
    for threads in (2, 3, 16):
        other, other_gradients = run_natively(*case, every_state=every_state, threads=threads)
        assert np.array_equal(output, other)
        assert all(np.array_equal(a, b) for a, b in zip(gradients, other_gradients, strict=True))


def test_a_run_that_keeps_nothing_gives_the_same_states():
    x, weights, masks, _ = draw_case(33, 9, 32, 14, masked=True)
    kernel = load_kernel(32, 14)
    options = {"every_state": True, "threads": 1}
    kept = kernel.run(Sequences.from_batch(x), weights, masks, records=kernel.take_records(33, 9), **options)
    assert np.array_equal(kernel.run(Sequences.from_batch(x), weights, masks, **options), kept)


def test_windows_of_a_matrix_are_the_windows_gathered():
    matrix = draw_case(1, 500, 32, 14, masked=False)[0][0]
    weights = draw_case(1, 1, 32, 14, masked=False)[1]
    starts = np.random.default_rng(1).integers(0, 500 - 39 * 6, 77)
    gathered = matrix[starts[:, None] + 6 * np.arange(40)]
    kernel = load_kernel(32, 14)
    options = {"every_state": False, "threads": 2}
    windows = kernel.run(Sequences(matrix, starts, 6, 40), weights, Masks(), **options)
    assert np.array_equal(windows, kernel.run(Sequences.from_batch(gathered), weights, Masks(), **options))
    assert len(np.unique(windows, axis=0)) == len(np.unique(starts))


@pytest.mark.parametrize(("start", "stride"), [(-1, 1), (492, 1), (0, 63), (7, -1)])
def test_a_window_that_leaves_the_matrix_is_refused(start, stride):
    matrix, weights, *_ = draw_case(1, 500, 32, 14, masked=False)
    sequences = Sequences(matrix[0], np.array([start, 8]), stride, 9)
    with pytest.raises(ValueError, match="leave their matrix of 500 rows"):
        load_kernel(32, 14).run(sequences, weights, Masks(), every_state=False, threads=1)


def test_arrays_of_a_wrong_shape_or_type_are_refused():
    x, weights, *_ = draw_case(4, 3, 32, 14, masked=False)
    for wrong in (
        Weights(weights.kernel[:, ::-1], weights.recurrent_kernel, weights.bias),
        Weights(weights.kernel, weights.recurrent_kernel, weights.bias.astype(np.float64)),
        Weights(weights.kernel, weights.recurrent_kernel, weights.bias[:1]),
    ):
        with pytest.raises(ValueError, match="expected float32 of shape"):
            load_kernel(32, 14).run(Sequences.from_batch(x), wrong, Masks(), every_state=False, threads=1)


def test_nan_stays_in_its_sequence_and_reaches_the_gradients():
    x, weights, masks, d_states = draw_case(40, 20, 32, 14, masked=True)
    x[35, 10, 3] = np.nan
    states, gradients = run_natively(x, weights, masks, d_states)
    assert np.isnan(states[35, 10:]).all()
    assert np.isfinite(np.delete(states, 35, axis=0)).all()
    assert np.isfinite(states[35, :10]).all()
    assert all(np.isnan(gradient).any() for gradient in gradients)


def test_infinite_input_saturates_the_gates():
    x, weights, masks, d_states = draw_case(33, 6, 32, 14, masked=False)
    x[0, 2, 1], x[1, 2, 1] = np.inf, -np.inf
    with np.errstate(over="ignore", invalid="ignore"):  # the gradients are NaN, as they have to be
        states, gradients = run_in_float64(x, weights, masks, d_states)
    received, received_gradients = run_natively(x, weights, masks, d_states)
    assert_close(received, states, 2e-6)
    assert np.isnan(gradients[0]).any()
    assert np.array_equal(np.isnan(received_gradients[0]), np.isnan(gradients[0]))


def test_the_activations_are_those_of_float32():
    value = np.concatenate([np.linspace(-20, 20, 50_001), np.geomspace(1e-30, 1, 10_001)]).astype(np.float32)
    kernel = load_kernel(1, 1)

    def step(input_weights, bias):
        weights = Weights(np.float32([input_weights]), np.zeros((1, 3), np.float32), np.float32([bias, [0, 0, 0]]))
        batch = Sequences.from_batch(value[:, None, None])
        return np.float64(kernel.run(batch, weights, Masks(), every_state=False, threads=2)[:, 0])

    expected = np.tanh(np.float64(value))
    tanh = step([0, 0, 1], [-200, 0, 0])  # z = 0, so that h' = g
    assert np.all(np.abs(tanh - expected) <= 2.5 * np.spacing(np.abs(expected).astype(np.float32)))
    sigmoid = 1 - step([1, 0, 0], [0, 0, 200])  # g = 1, so that h' = 1 - z
    assert np.abs(sigmoid - 1 / (1 + np.exp(-np.float64(value)))).max() < 1.5e-7


def test_loading_the_kernel_leaves_denormal_numbers_alone():
    load_kernel(32, 14)
    smallest = np.full(64, np.finfo(np.float32).tiny)
    assert np.all(smallest / 4 > 0)
    assert np.all(smallest / 4 * 4 == smallest)
