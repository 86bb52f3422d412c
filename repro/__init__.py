"""Reproduces every table of five papers on heatmap-based human pose estimation on one backbone, data path and evaluator."""

__version__ = "0.1.0"
