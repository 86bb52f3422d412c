"""Trainings on a Slurm cluster: what ``repro submit`` hands in, what its jobs do, and what ``repro status`` tells of them.

``submission`` is what a submission keeps in its folder, ``scripts`` the batch scripts, ``slurm`` the programs that are called and
their answers, ``jobs`` what the jobs do, ``status`` how far all of it is.
"""
