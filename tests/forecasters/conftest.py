"""The fixtures of the command line, for whole runs."""

from tests.cli.conftest import rdrop, weather_csv

__all__ = ["rdrop", "weather_csv"]
