"""Time series: reading, checking, downloading and cutting them into windows."""
