"""Top-down: a network is shown a crop of each person that a box names."""
