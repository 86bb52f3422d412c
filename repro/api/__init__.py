"""Trained runs in Python: load one, predict with it, evaluate it on other data, train a new one.

import repro

run = repro.load_run("skeletal/3/attention:0")
people = run.predict(["a.jpg", "b.jpg"])
people[0].points
"""
