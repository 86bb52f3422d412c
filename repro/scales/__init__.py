"""Scales: how a recipe becomes one that the machine at hand can afford."""
