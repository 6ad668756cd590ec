"""What the command line's tests have: the command in this process, and a small series."""

from tests.cli.conftest import rdrop, weather_csv

__all__ = ["rdrop", "weather_csv"]
