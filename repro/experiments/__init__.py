"""Experiments behind findings: what a contradicted step or a choice of ours was looked into with.

Each writes plain numbers into ``results/``, which a notebook shows.
"""
