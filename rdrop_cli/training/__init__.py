"""Train one network: epoch by epoch, every epoch on the disk before the next."""
