"""Metrics: what is measured on predicted keypoints, and the counted columns of the tables.

``catalogue`` lists them all. ``oks`` and ``coco`` are COCO's similarity and average precision, ``pck`` the protocols of MPII
and Leeds Sports Pose, ``counts`` #Params and GFLOPs in the papers' convention. Rates are fractions in 0..1; tables show them
times 100.
"""
