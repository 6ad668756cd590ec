"""How fast rdrop is, beside the book's way and Keras's defaults: measured side by side, told as ratios."""
