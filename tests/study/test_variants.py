"""The networks by name."""

import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.study.variants import STUDY, VARIANTS, explain_input_mask, find_variant


def test_the_study_compares_the_books_two_networks() -> None:
    baseline, dropout = map(find_variant, STUDY)
    assert (baseline.dropout, baseline.recurrent_dropout, baseline.drops) == (0, 0, False)
    assert (dropout.dropout, dropout.recurrent_dropout, dropout.drops) == (0.2, 0.2, True)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_found_by_its_name_and_says_what_it_is(name: str) -> None:
    variant = find_variant(name)
    assert variant.name == name
    assert variant.summary
    assert variant.paper
    assert 0 <= variant.dropout < 1
    assert 0 <= variant.recurrent_dropout < 1


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no variant 'dropuot'; did you mean 'dropout'"):
        find_variant("dropuot")


def test_what_is_near_to_nothing_is_answered_with_all_names() -> None:
    with pytest.raises(UsageError, match="no variant 'xyz'; expected one of baseline, dropout"):
        find_variant("xyz")


@pytest.mark.parametrize(
    ("name", "products"),
    [
        ("baseline", 240 * 32 * (32 + 14)),
        ("stacked", 240 * (32 * (32 + 14) + 64 * (64 + 32))),
        ("bidirectional", 240 * 2 * 32 * (32 + 14)),
        ("dense", 240 * 14 * 32),
        ("conv", 236 * 32 * 5 * 14 + 74 * 32 * 5 * 32 + 20 * 32 * 5 * 32),
        ("conv-gru", 236 * 32 * 5 * 14 + 74 * 32 * 5 * 32 + 74 * 32 * (32 + 32)),
    ],
)
def test_the_work_of_a_network_is_counted_layer_by_layer(name: str, products: int) -> None:
    assert find_variant(name).count_products(timesteps=240, features=14, units=32) == products


@pytest.mark.parametrize(
    ("variant", "rates", "differs"),
    [
        ("dropout", [(0.2, 0.0), (0.2, 0.2)], True),
        ("stacked", [(0.1, 0.0), (0.1, 0.5)], True),
        ("dropout", [(0.0, 0.0), (0.0, 0.2), (0.2, 0.2)], False),
        ("gal", [(0.2, 0.0), (0.2, 0.2)], False),
        ("lstm-dropout", [(0.5, 0.0), (0.5, 0.25)], False),
        ("my_network:make_network", [(0.2, 0.0), (0.2, 0.2)], False),
    ],
)
def test_only_layers_of_keras_have_another_input_mask_without_a_recurrent_rate(
    variant: str, rates: list[tuple[float, float]], differs: bool
) -> None:
    assert bool(explain_input_mask(variant, variant, rates)) is differs
