"""Trainings that rows of tables start from."""
