"""How close a student is to its teacher, where it is not, and why."""

from skdistill.fidelity._calibration import ReliabilityCurve, expected_calibration_error, reliability_curve
from skdistill.fidelity._differences import difference_quantiles
from skdistill.fidelity._drawing._curve_displays import DistillationCurveDisplay, TemperatureCurveDisplay
from skdistill.fidelity._drawing._displays import FidelityDisplay
from skdistill.fidelity._estimates import Estimate, wilson_interval
from skdistill.fidelity._findings import Finding
from skdistill.fidelity._intervals import metric_interval
from skdistill.fidelity._metrics import (
    agreement_bounds,
    agreement_score,
    brier_distance,
    jensen_shannon,
    log_loss_soft,
    predictive_kl,
    total_variation,
)
from skdistill.fidelity._refitting._curves import DistillationCurve, distillation_curve, temperature_curve
from skdistill.fidelity._report import FidelityReport
from skdistill.fidelity._scorer import make_fidelity_scorer

__all__ = [
    "DistillationCurve",
    "DistillationCurveDisplay",
    "Estimate",
    "FidelityDisplay",
    "FidelityReport",
    "Finding",
    "ReliabilityCurve",
    "TemperatureCurveDisplay",
    "agreement_bounds",
    "agreement_score",
    "brier_distance",
    "difference_quantiles",
    "distillation_curve",
    "expected_calibration_error",
    "jensen_shannon",
    "log_loss_soft",
    "make_fidelity_scorer",
    "metric_interval",
    "predictive_kl",
    "reliability_curve",
    "temperature_curve",
    "total_variation",
    "wilson_interval",
]
