"""Skeletons: the keypoints of a data set and what is known about them."""
