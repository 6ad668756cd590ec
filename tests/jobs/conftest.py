"""The same small series as the command line's tests have."""

from tests.cli.conftest import weather_csv

__all__ = ["weather_csv"]
