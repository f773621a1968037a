#!/usr/bin/env python3
"""The method of the job that bixarena_rank replaces, as a yardstick.

    incumbent.py NUM_BOOTSTRAP RANKING.csv < votes.csv

Reads every vote (model1, model2, outcome, with a header), counts the votes by
pair and outcome, fits a Bradley-Terry model with ties as half wins by L-BFGS-B,
and refits it on each of NUM_BOOTSTRAP multinomial resamples of the counts.

RANKING.csv is what bixarena_rank gave for the same votes (model, bt_score,
bootstrap_q025, bootstrap_q975, with a header).  Prints, in seconds, the time of
reading, fit and bootstrap, and, in points, the largest difference of a score and
of a bound from that ranking.
"""
import csv
import sys
import time
from collections import Counter

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

POINTS_PER_STRENGTH = 400 / np.log(10)
SHARE_OF_FIRST = {"model1": 1.0, "model2": 0.0, "tie": 0.5}


def read_votes(stream):
    """The votes as models' names and, by pair and outcome, arrays of counts."""
    rows = list(csv.reader(stream))[1:]
    names = sorted({row[0] for row in rows} | {row[1] for row in rows})
    number = {name: i for i, name in enumerate(names)}
    cells = Counter(map(tuple, rows))
    first = np.array([number[cell[0]] for cell in cells])
    second = np.array([number[cell[1]] for cell in cells])
    share = np.array([SHARE_OF_FIRST[cell[2]] for cell in cells])
    return names, first, second, share, np.array(list(cells.values()))


def fit(num_models, first, second, share, counts):
    """Scores, with a mean of 1000, at the maximum of the likelihood."""

    def loss(strengths):
        difference = strengths[first] - strengths[second]
        value = counts @ (np.logaddexp(0, difference) - share * difference)
        slope = counts * (expit(difference) - share)
        gradient = np.bincount(first, slope, num_models) - np.bincount(
            second, slope, num_models
        )
        return value, gradient

    strengths = minimize(
        loss, np.zeros(num_models), jac=True, method="L-BFGS-B", tol=1e-6
    ).x
    return 1000 + POINTS_PER_STRENGTH * (strengths - strengths.mean())


def bootstrap(num_bootstrap, num_models, first, second, share, counts):
    """The 2.5 % and 97.5 % quantiles of each model's score."""
    random = np.random.default_rng(0)
    num_votes = counts.sum()
    scores = [
        fit(num_models, first, second, share,
            random.multinomial(num_votes, counts / num_votes))
        for _ in range(num_bootstrap)
    ]
    return np.quantile(scores, [0.025, 0.975], axis=0)


def read_ranking(path, names):
    """Score and bounds of each model, in the order of the names."""
    with open(path, newline="", encoding="utf-8") as stream:
        rows = {row[0]: row[1:4] for row in csv.reader(stream)}
    return np.array([rows[name] for name in names], dtype=float).T


def main():
    num_bootstrap, ranking_path = int(sys.argv[1]), sys.argv[2]
    times = [time.perf_counter()]

    names, *cells = read_votes(sys.stdin)
    times.append(time.perf_counter())
    scores = fit(len(names), *cells)
    times.append(time.perf_counter())
    bounds = bootstrap(num_bootstrap, len(names), *cells)
    times.append(time.perf_counter())

    ranking = read_ranking(ranking_path, names)
    print(
        *(f"{seconds:.3f}" for seconds in np.diff(times)),
        f"{np.abs(scores - ranking[0]).max():.3f}",
        f"{np.abs(bounds - ranking[1:]).max():.3f}",
    )


if __name__ == "__main__":
    main()
