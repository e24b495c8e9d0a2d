"""Errors and warnings of skdistill; each is also a standard one."""

__all__ = [
    "ConstantRepresentationError",
    "ConvergenceError",
    "DistillationDeclinedWarning",
    "InvalidResponseError",
    "OptionalDependencyError",
    "RouteWarning",
    "SampledRowsError",
    "StudentRouteError",
    "TeacherError",
]


class TeacherError(ValueError):
    """The teacher cannot be asked: it has no usable prediction method or is not fitted."""


class InvalidResponseError(TeacherError):
    """The teacher answered, but its answer is not what it claims to be (NaN, not a distribution)."""


class StudentRouteError(TypeError, ValueError):
    """The student cannot learn soft targets by the route that was asked for."""


class ConstantRepresentationError(ValueError):
    """What a model sees inside is the same for all rows, so nothing can be learnt from it."""


class SampledRowsError(ValueError):
    """A sampler returned rows that do not look like the rows it was fitted on."""


class ConvergenceError(RuntimeError):
    """Training went astray, for instance to a NaN loss."""


class OptionalDependencyError(ImportError):
    """A package of one of the extras is needed and not installed."""


class DistillationDeclinedWarning(UserWarning):
    """The teacher has nothing to give this student, which was fitted on the labels alone."""


class RouteWarning(UserWarning):
    """A student learns by a route under which one of its parameters means something else."""
