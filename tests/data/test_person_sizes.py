from __future__ import annotations

import numpy as np
import pytest
from pycocotools.cocoeval import Params

from repro.data.person_sizes import COCO_SIZES, head_sizes_mpii
from repro.errors import ReproError


def test_head_size_is_six_tenths_of_the_diagonal():
    # Sides 30 and 40: diagonal 50, head size 30. Both layouts of the box.
    np.testing.assert_allclose(head_sizes_mpii([[10, 20, 40, 60]]), [30.0], rtol=1e-15)
    np.testing.assert_allclose(head_sizes_mpii([[[10, 20], [40, 60]], [[0, 0], [0, 10]]]), [30.0, 6.0], rtol=1e-15)
    with pytest.raises(ReproError, match="\\(2, 3\\)"):
        head_sizes_mpii(np.zeros((2, 3)))


def test_the_sizes_are_those_of_cocos_evaluation():
    params = Params("keypoints")
    assert list(COCO_SIZES) == params.areaRngLbl
    np.testing.assert_allclose(list(COCO_SIZES.values()), params.areaRng, rtol=1e-15)
