"""How close a student is to its teacher."""

from skdistill.fidelity._metrics import agreement_score, jensen_shannon, log_loss_soft, predictive_kl
from skdistill.fidelity._scorer import make_fidelity_scorer

__all__ = ["agreement_score", "jensen_shannon", "log_loss_soft", "make_fidelity_scorer", "predictive_kl"]
