"""Student's t, χ² and beta, from SciPy's special functions: importing `scipy.stats` takes ten times as long."""


def find_t(share: float, freedom: float) -> float:
    """Return the quantile of Student's t with `freedom` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def exceed_t(t: float, freedom: float) -> float:
    """Return the probability that Student's t exceeds a value."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -t))


def find_chi2(share: float, freedom: float) -> float:
    """Return the quantile of χ²."""
    from scipy.special import gammaincinv

    return float(2 * gammaincinv(freedom / 2, share))


def find_beta(share: float, a: float, b: float) -> float:
    """Return the quantile of the beta distribution."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, share))
