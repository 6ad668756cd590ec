"""Training one network: epoch by epoch, with a checkpoint after each."""
