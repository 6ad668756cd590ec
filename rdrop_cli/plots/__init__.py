"""Pictures: loss curves, maps of the error over both rates, forecasts, and series."""
