"""Models whose layers are on several processes: not here."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="ScheduleGPipe SplitPoint Schedule1F1B PipelineStage",
    functions="pipeline",
)
