"""The procedural data set of people: articulated bodies, drawn with exact labels, in the formats of the real data sets.

Read in this order: ``settings`` (difficulty and random streams), ``bodies`` and ``poses`` (3D skeletons), ``people`` (one
dressed figure, with ``figures``, ``heads``, ``hands`` and ``appearance``), ``render`` (drawing), ``backgrounds``,
``things`` and ``effects`` (all that is not a person), ``crops`` and ``scenes`` (whole images), ``labels`` and ``formats``
(what is known of them), ``cache`` and ``load`` (the way to the rest of the package), ``preview`` and ``export``.
"""
