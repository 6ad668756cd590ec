"""The distributions agree to the bit with SciPy's own, whose import takes too long for a command."""

import pytest
from scipy import stats

from rdrop_cli.analysis.distributions import exceed_t, find_beta, find_chi2, find_t


@pytest.mark.parametrize("share", [1e-7, 0.025, 0.5, 0.9, 0.975, 0.99999])
@pytest.mark.parametrize("freedom", [1, 2.7, 13, 999])
def test_quantiles_are_those_of_scipy(share: float, freedom: float) -> None:
    assert find_t(share, freedom) == stats.t.ppf(share, freedom)
    assert find_chi2(share, freedom) == stats.chi2.ppf(share, freedom)
    assert find_beta(share, 3, freedom) == stats.beta.ppf(share, 3, freedom)
    assert exceed_t(20 * share - 10, freedom) == stats.t.sf(20 * share - 10, freedom)
