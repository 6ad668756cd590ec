"""Uncertainty of forecasts: their spread, conformal intervals, scores and calibration."""
