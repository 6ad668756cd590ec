"""Identifying methods: which dropout a layer computes, found from its masks and outputs."""

import rdrop_cli.nn  # noqa: F401 -- mutes TensorFlow, which the modules of this package import
