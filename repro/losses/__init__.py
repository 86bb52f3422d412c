"""Losses: network outputs and targets to named scalars. ``loss`` is the one that is minimised; the others are logged."""
