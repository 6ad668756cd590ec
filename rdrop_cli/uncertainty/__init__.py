"""Uncertainty of forecasts: their spread, conformal intervals, scores, and how true they are."""
