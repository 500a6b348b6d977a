"""Trains every model of the legacy stand-in anew: `python build.py FOLDER`. The same bytes come out on the same kind of processor;
on another one the last bits of a sum may differ, and accuracies agree."""

import logging
import os
import sys
import warnings

from catalogue import Catalogue
from comparison import bounds_table
from faulty import add_faulty
from good import add_good
from retrained import add_classifiers, add_regressors
from sklearn.exceptions import ConvergenceWarning

# The passes of training are limited on purpose, the quantiser advises on every file, and what the converter makes of pairs of
# characters is measured on held-out texts.
warnings.simplefilter("ignore", ConvergenceWarning)
warnings.filterwarnings("ignore", message="The conversion of CountVectorizer")
logging.getLogger().setLevel(logging.ERROR)

root = sys.argv[1]
os.makedirs(root)
catalogue = Catalogue(root)
for add in (add_good, add_classifiers, add_regressors, add_faulty):
    add(catalogue)
catalogue.save()
with open(os.path.join(root, "score-interval-bounds.csv"), "w", encoding="ascii") as file:
    file.write(bounds_table())
for name, entry in catalogue.expected.items():
    decision = entry.get("comparison", {}).get("decision", entry["outcome"])
    if decision != entry["outcome"]:
        sys.exit(f"{name}: {entry['outcome']} is expected of the comparison, which decides {decision}")
    form = entry.get("int8")
    if form is not None and form["comparison"]["decision"] != form["outcome"]:
        sys.exit(f"{name}, int8: {form['outcome']} is expected, {form['comparison']['decision']} decided")
