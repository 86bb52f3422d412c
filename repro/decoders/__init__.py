"""Decoders: the maps of one person to keypoints.

A decoder is a frozen dataclass that is called with the named outputs of a network and returns points (B, K, 2), x, y in
heatmap px, and scores (B, K). ``flip`` averages the outputs of an image and of its mirror image before that.
"""
