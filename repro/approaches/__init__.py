"""The two approaches: top-down, crops of persons, and bottom-up, whole images."""
