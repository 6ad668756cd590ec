"""Forecasts: networks of finished runs on new windows, with intervals, and their calibration."""
