"""Numbers that carry their uncertainty. Shares are of 1, confidences lie strictly between 0 and 1; no third-party import."""

from rhesis_app.scoring.stats.clusters import ClusteredRate, clustered_rate
from rhesis_app.scoring.stats.families import benjamini_hochberg, holm
from rhesis_app.scoring.stats.gates import RateClaim, claim_clustered_rate, claim_rate, trials_needed
from rhesis_app.scoring.stats.pairs import Paired, mcnemar, paired
from rhesis_app.scoring.stats.rates import (
    Interval,
    clopper_pearson,
    extremes,
    lower_bound,
    pass_rate,
    upper_bound,
    wilson,
)
from rhesis_app.scoring.stats.scores import ScoreDifference, score_difference

__all__ = [
    "ClusteredRate",
    "Interval",
    "Paired",
    "RateClaim",
    "ScoreDifference",
    "benjamini_hochberg",
    "claim_clustered_rate",
    "claim_rate",
    "clopper_pearson",
    "clustered_rate",
    "extremes",
    "holm",
    "lower_bound",
    "mcnemar",
    "paired",
    "pass_rate",
    "score_difference",
    "trials_needed",
    "upper_bound",
    "wilson",
]
