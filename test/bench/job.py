#!/usr/bin/env python3
"""What the job that bixarena_rank replaces publishes, for comparison.

    job.py NUM_BOOTSTRAP < votes.csv > entries.csv

The votes are (model1, model2, outcome), models by their names, with a header.  The
method is that of incumbent.py; what the job does around it is here: a battle of a
model against itself counts twice, the zero point is the mean of all models that were
fitted, then models of fewer than 10 battles and scores at or below 0 or above 3000 are
dropped, and bounds are cut at -3000 and 3000.  The entries are (model, bt_score,
bootstrap_q025, bootstrap_q975, vote_count), the best first, without a header.
"""
import csv
import sys

import numpy as np

from incumbent import bootstrap, fit, read_votes

MIN_EVALUATIONS = 10
MAX_SCORE = 3000


def main():
    num_bootstrap = int(sys.argv[1])
    names, first, second, share, counts = read_votes(sys.stdin)
    cells = len(names), first, second, share, counts

    scores = fit(*cells)
    bounds = np.clip(bootstrap(num_bootstrap, *cells), -MAX_SCORE, MAX_SCORE)
    battles = np.bincount(first, counts, len(names)) + np.bincount(second, counts, len(names))

    writer = csv.writer(sys.stdout)
    for i in np.argsort(-scores):
        if battles[i] >= MIN_EVALUATIONS and 0 < scores[i] <= MAX_SCORE:
            writer.writerow([names[i], scores[i], bounds[0][i], bounds[1][i], int(battles[i])])


if __name__ == "__main__":
    main()
