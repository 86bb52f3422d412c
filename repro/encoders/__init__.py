"""Encoders: labelled keypoints to training targets, in batches on the training device, one idea of a paper a module.

An encoder is a frozen dataclass that is called with a batch of keypoints in heatmap pixels and returns named targets.
The loss of the same method knows the names. ``weights`` (B, K) is always among them: 1 where a keypoint is learned from.
"""
