"""What a teacher says about rows: typed answers, temperature, collection."""

from skdistill.response._calibration import ResponseCalibration, fit_calibration
from skdistill.response._collect import ask
from skdistill.response._crossfit import collect_out_of_fold
from skdistill.response._folds import row_folds
from skdistill.response._response import TeacherResponse
from skdistill.response._temperature import soften

__all__ = [
    "ResponseCalibration",
    "TeacherResponse",
    "ask",
    "collect_out_of_fold",
    "fit_calibration",
    "row_folds",
    "soften",
]
