"""Grouping: the maps of an image to its people.

A grouper is a frozen dataclass that is called with the named maps of one image and returns ``People`` in px of the network's
input. Where a map is smaller than the input by a stride s, its pixel i lies at input pixel s * i: the biased convention, in
which the bottom-up papers train and test, has no half pixels.
"""
