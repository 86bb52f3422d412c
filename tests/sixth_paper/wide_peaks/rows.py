"""How the rows of the paper's table are run."""

from repro.data.crops import Input
from repro.decoders.dark import Dark
from repro.encoders.gaussian import GaussianHeatmap
from repro.losses.mse import HeatmapMSE
from repro.models.networks import HeatmapNetwork
from repro.papers.recipes import Row, TableRows
from repro.recipe import Method, Recipe
from repro.skeletons.skeleton import COCO17

from .parts import DeepHeadNetwork, SmoothLoss, WidePeaks

HRNET = Method(encoder=GaussianHeatmap(), network=HeatmapNetwork(), loss=HeatmapMSE(), decoder=Dark())
WIDE = HRNET.but(encoder=WidePeaks())
SMOOTH = WIDE.but(loss=SmoothLoss())
FULL = SMOOTH.but(network=DeepHeadNetwork())

METHODS = {"hrnet": HRNET, "wide": WIDE, "wide-smooth": SMOOTH, "full": FULL}
ROWS = {name: Row(Recipe(method=method, input=Input(size=(192, 256)))) for name, method in METHODS.items()}
TABLES = {1: TableRows(data="coco", skeleton=COCO17, rows=ROWS)}
