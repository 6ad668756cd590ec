"""Identifying methods: which dropout a layer computes, found from its masks and outputs."""
