"""What a layer's dropout does, found out from its numbers."""
