"""What the metrics of a report are called in words, and what they mean."""

from typing import Literal, NamedTuple

__all__ = ["GLOSSARY", "GROUPS", "OUTCOMES", "Term", "term"]

Unit = Literal["share", "nats", "gap", "value"]


class Term(NamedTuple):
    """A metric in words.

    Parameters
    ----------
    label : str
        Its name in a table.
    group : str
        Which of GROUPS it belongs to.
    unit : {"share", "nats", "gap", "value"}
        A part of one, a divergence in nats, a difference of parts of one, or a number on the target's scale.
    meaning : str
        One or two sentences.
    """

    label: str
    group: str
    unit: Unit
    meaning: str


TEACHER, TRUTH, CALIBRATION, OTHER = "Against the teacher", "Against the labels", "Calibration", "Other"
GROUPS = (TEACHER, TRUTH, CALIBRATION, OTHER)

GLOSSARY: dict[str, Term] = {
    "agreement": Term(
        "agreement", TEACHER, "share", "Share of the rows on which teacher and student predict the same class."
    ),
    "agreement_lower_bound": Term(
        "least agreement possible",
        TEACHER,
        "share",
        "The least agreement that two models of these accuracies can have: max(0, accuracy of the teacher + accuracy "
        "of the student - 1).",
    ),
    "agreement_upper_bound": Term(
        "greatest agreement possible",
        TEACHER,
        "share",
        "The greatest agreement that two models of these accuracies can have: 1 - |accuracy of the teacher - accuracy "
        "of the student|.",
    ),
    "agreement_by_chance": Term(
        "agreement by chance",
        TEACHER,
        "share",
        "The agreement to expect of two models that say each class as often as these do, but err independently of each "
        "other; counted within each true class where the labels are known.",
    ),
    "agreement_over_chance": Term(
        "agreement over chance",
        TEACHER,
        "gap",
        "Agreement less agreement by chance: what two models that err independently do not explain.",
    ),
    "jensen_shannon": Term(
        "Jensen-Shannon divergence",
        TEACHER,
        "nats",
        "Distance of the two predicted distributions, in nats, averaged over the rows: 0 where they are the same, "
        "0.693 where they share no class.",
    ),
    "predictive_kl": Term(
        "KL divergence",
        TEACHER,
        "nats",
        "Kullback-Leibler divergence from the teacher's distribution to the student's, in nats; 0 where they are the "
        "same, large where the student all but excludes what the teacher expects.",
    ),
    "total_variation": Term(
        "total variation",
        TEACHER,
        "share",
        "Half the sum of the absolute differences of the probabilities: the probability mass that would have to move.",
    ),
    "brier_distance": Term(
        "squared distance",
        TEACHER,
        "gap",
        "Sum over the classes of the squared differences of the probabilities, averaged over the rows; from 0 to 2.",
    ),
    "log_loss_soft": Term(
        "log loss to the teacher",
        TEACHER,
        "nats",
        "Cross-entropy of the student's distribution under the teacher's, in nats. Its least value is the teacher's "
        "own entropy, not 0.",
    ),
    "calibration_error_to_teacher": Term(
        "calibration error to the teacher",
        CALIBRATION,
        "gap",
        "How far the student's probability for its own prediction lies from what the teacher gives to the same class, "
        "on average in each bin.",
    ),
    "accuracy_teacher": Term("accuracy, teacher", TRUTH, "share", "Share of the rows that the teacher gets right."),
    "accuracy_student": Term("accuracy, student", TRUTH, "share", "Share of the rows that the student gets right."),
    "accuracy_difference": Term(
        "accuracy, student less teacher", TRUTH, "gap", "The student's accuracy less the teacher's, on the same rows."
    ),
    "log_loss_teacher": Term(
        "log loss, teacher", TRUTH, "nats", "Mean of minus the log of the teacher's probability for the right class."
    ),
    "log_loss_student": Term(
        "log loss, student", TRUTH, "nats", "Mean of minus the log of the student's probability for the right class."
    ),
    "calibration_error_teacher": Term(
        "calibration error, teacher",
        CALIBRATION,
        "gap",
        "How far the teacher's probability for its own prediction lies from how often it is right.",
    ),
    "calibration_error_student": Term(
        "calibration error, student",
        CALIBRATION,
        "gap",
        "How far the student's probability for its own prediction lies from how often it is right.",
    ),
    "r2_to_teacher": Term(
        "R\u00b2 to the teacher",
        TEACHER,
        "gap",
        "Share of the variance of the teacher's predictions that the student reproduces; 1 is all of it, and 0 is no "
        "better than their mean.",
    ),
    "mean_absolute_difference": Term(
        "mean absolute difference",
        TEACHER,
        "value",
        "Mean size of student less teacher, in units of the target.",
    ),
    "root_mean_squared_difference": Term(
        "root mean squared difference",
        TEACHER,
        "value",
        "Square root of the mean square of student less teacher, in units of the target; large differences count more.",
    ),
    "mean_difference": Term(
        "mean difference",
        TEACHER,
        "value",
        "Mean of student less teacher; other than 0, the student predicts too much or too little on the whole.",
    ),
    **{
        f"difference_q{percent:02d}": Term(
            f"difference, {percent} % quantile",
            TEACHER,
            "value",
            f"{percent} % of the rows have this value of student less teacher, or a smaller one.",
        )
        for percent in (5, 25, 50, 75, 95)
    },
    "r2_teacher": Term("R\u00b2, teacher", TRUTH, "gap", "Share of the target's variance that the teacher explains."),
    "r2_student": Term("R\u00b2, student", TRUTH, "gap", "Share of the target's variance that the student explains."),
    "mean_absolute_error_teacher": Term(
        "mean absolute error, teacher", TRUTH, "value", "Mean size of the teacher's error, in units of the target."
    ),
    "mean_absolute_error_student": Term(
        "mean absolute error, student", TRUTH, "value", "Mean size of the student's error, in units of the target."
    ),
    "absolute_error_difference": Term(
        "absolute error, student less teacher",
        TRUTH,
        "value",
        "The student's mean absolute error less the teacher's, on the same rows.",
    ),
}

# What each outcome of "who is right" says, for both tasks.
OUTCOMES = {
    "both right": "teacher and student are right",
    "lost": "the teacher is right, the student is not: knowledge that did not arrive",
    "gained": "the student is right, the teacher is not",
    "both wrong alike": "both are wrong, with the same class: the teacher's mistake was learnt",
    "both wrong differently": "both are wrong, with different classes",
    "teacher nearer": "the teacher's value is nearer to the target",
    "student nearer": "the student's value is nearer to the target",
    "equally near": "both values are equally far from the target",
}


def term(metric: str) -> Term:
    """Put a metric into words.

    Parameters
    ----------
    metric : str
        Name of the metric, as in the records of a report.

    Returns
    -------
    Term
        Its words; of a metric that is not in the glossary, its own name.

    Examples
    --------
    >>> from skdistill.fidelity._page._glossary import term
    >>> term("jensen_shannon").label
    'Jensen-Shannon divergence'
    >>> term("log_odds_gap").label
    'log odds gap'
    """
    return GLOSSARY.get(metric) or Term(metric.replace("_", " "), OTHER, "value", "")
