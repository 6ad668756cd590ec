"""What is learnt from: weather and other regularly sampled series, and the windows cut out of them."""
