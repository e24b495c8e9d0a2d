"""One BROJA problem with two states on either side, in plain floats: calls into numpy cost more than its arithmetic."""

from math import exp, inf, log, nan, sqrt

from skdistill.information._broja_binary import AGREE, SMALLEST

__all__ = ["single_bounds"]

Row = tuple[float, float]
# First and second margin, and what the front and the back diagonal cell have beyond the lighter of the two.
Table = tuple[float, float, float, float]
Plan = list[list[list[float]]]


def _table(t: Row, s: Row) -> Table:
    excess = t[1] - s[0]
    return (t[0], s[0], 0.0, excess) if excess >= 0 else (s[1], t[1], -excess, 0.0)


def _lighter(table: Table, odds: float) -> tuple[float, float]:
    """Lighter diagonal cell of a table with this odds ratio, and the square root in its quadratic equation."""
    first, second, front, back = table
    linear = front + back + odds * (first + second)
    root = sqrt(linear * linear + 4 * odds * (1 - odds) * first * second)
    return 2 * odds * first * second / (linear + root), root


def _common_log_odds(tables: list[Table], agree: float, max_iter: int) -> float:
    """Log odds ratio, at most 0, of each table and of their sum: Newton's method within a bracket."""
    log_odds, lower, upper = 0.0, -inf, 0.0
    for _ in range(max_iter):
        odds, slope = exp(log_odds), 0.0
        front = back = off = other = 0.0
        for table in tables:
            light, root = _lighter(table, odds)
            front, back = front + light + table[2], back + light + table[3]
            off, other = off + table[0] - light, other + table[1] - light
            slope += odds * (table[0] - light) * (table[1] - light) / root
        value = log_odds - log(front * back / (off * other))
        if abs(value) <= agree or (log_odds <= SMALLEST and value > 0):
            break
        lower, upper = (lower, log_odds) if value > 0 else (log_odds, upper)
        rise = 1 - slope * ((front + back) / (front * back) + (off + other) / (off * other))
        step = max(log_odds - value / max(rise, 1e-12), SMALLEST)
        log_odds = step if lower < step < upper else 0.5 * (max(lower, SMALLEST) + upper)
    return log_odds


def _certify(cells: list[list[float]]) -> tuple[float, float]:
    """Entropy and dual value of a plan given as one ``[q00, q01, q10, q11]`` per label; all must be positive."""
    joint = [sum(column) for column in zip(*cells, strict=True)]
    least = joint.index(min(joint))
    sign = 1.0 if least in (0, 3) else -1.0
    entropy = moved = total = 0.0
    for q in cells:
        log_p = [log(mass / whole) for mass, whole in zip(q, joint, strict=True)]
        bend = sign * (log_p[1] + log_p[2] - log_p[0] - log_p[3])
        entropy -= q[0] * log_p[0] + q[1] * log_p[1] + q[2] * log_p[2] + q[3] * log_p[3]
        moved += q[least] * bend
        total += exp(log_p[least] + bend)
    charge = joint[least] + min(joint[least ^ 1], joint[least ^ 2])
    return entropy, entropy - moved + max(log(total), 0.0) * charge


def single_bounds(p_t: list[Row], p_s: list[Row], *, tol: float, max_iter: int) -> tuple[float, float, Plan]:
    """Do what `binary_bounds` does, for one problem; NaN where a marginal or a cell of the plan is zero.

    Parameters
    ----------
    p_t, p_s : list of n_y pairs of float
        Marginals P(Y, T) and P(Y, S).
    tol : float
        Gap in nats that is aimed at.
    max_iter : int
        Number of Newton steps.

    Returns
    -------
    lower, upper : float
        Certified bounds in nats.
    plan : list of shape (n_y, 2, 2)
        Feasible plan that attains ``lower``.
    """
    try:
        product = [[t[a] * s[b] / (t[0] + t[1]) for a in (0, 1) for b in (0, 1)] for t, s in zip(p_t, p_s, strict=True)]
        joint = [sum(column) for column in zip(*product, strict=True)]
        swapped = joint[0] * joint[3] > joint[1] * joint[2]
        tables = [_table(t, (s[1], s[0]) if swapped else s) for t, s in zip(p_t, p_s, strict=True)]
        odds = exp(_common_log_odds(tables, AGREE * tol, max_iter))
        cells = []
        for table in tables:
            light, _ = _lighter(table, odds)
            q = [light + table[2], table[0] - light, table[1] - light, light + table[3]]
            cells.append([q[1], q[0], q[3], q[2]] if swapped else q)
        return *_certify(cells), [[q[:2], q[2:]] for q in cells]
    except (ValueError, ZeroDivisionError, OverflowError):
        return nan, nan, []
