"""Samplers: the further rows on which a teacher is asked."""

from skdistill.samplers._base import BaseSampler
from skdistill.samplers._conditional import ConditionalSampler
from skdistill.samplers._mixup import MixupSampler
from skdistill.samplers._munge import MungeSampler
from skdistill.samplers._resolve import check_sampled_rows, resolve_sampler

__all__ = [
    "BaseSampler",
    "ConditionalSampler",
    "MixupSampler",
    "MungeSampler",
    "check_sampled_rows",
    "resolve_sampler",
]
