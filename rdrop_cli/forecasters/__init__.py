"""Reference forecasts: those without a network, from the newest reading to gradient boosting."""
