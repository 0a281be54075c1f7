"""Every metric and word of the report in one line."""

from __future__ import annotations

GLOSSARY = (
    ("AUROC", "chance that a random malignant sample gets a higher score than a random benign one; "
     "0.5 is guessing, 1 is perfect"),
    ("AUPRC", "mean precision over all recalls; guessing reaches the share of malignant samples"),
    ("accuracy", "fraction of samples whose predicted class is right"),
    ("balanced accuracy", "mean of sensitivity and specificity; fair if classes differ in size"),
    ("sensitivity", "fraction of malignant samples that are found (also: recall)"),
    ("specificity", "fraction of benign samples that are called benign"),
    ("precision", "fraction of the samples called malignant that are malignant"),
    ("F1", "harmonic mean of precision and sensitivity"),
    ("MCC", "correlation between predicted and true class; 0 is guessing, 1 is perfect"),
    ("Brier score", "mean squared distance between probability and truth (0 or 1); smaller is "
     "better"),
    ("log loss", "mean surprise (in nats) at the true class given the probability; smaller is "
     "better"),
    ("expected calibration error", "mean distance between predicted probability and observed "
     "fraction, over bins of probability; smaller is better"),
    ("integrated gradients", "a method that divides the difference in logit between a sample and "
     "the mean sample among the genes"),
    ("saliency", "how fast the logit changes with a gene, per standard deviation of its log count"),
    ("average precision", "mean share of causal genes among the first ones, as the list grows to "
     "each causal gene; chance reaches their share of all genes"),
    ("Jaccard", "genes that two lists share, over the genes that are in either"),
    ("interval", "range of values that the test samples leave plausible; it does not cover what "
     "another cohort or another training would change"),
    ("p value", "how often a difference at least this large would arise if two models were equally "
     "good; many tests give some small ones by chance"),
    ("split", "one division of the samples into training, validation and test, with one seed"),
    ("decision threshold", "probability from which a sample is called malignant, chosen on "
     "validation samples"),
    ("calibrated probability", "probability after temperature scaling, which makes it agree with "
     "observed frequencies"),
)  # fmt: skip
MORE_CLASSES = (
    ("class against the rest", "with more than two classes each takes its turn as the one to be "
     "found, and all others together are told from it, as benign samples are from malignant ones; "
     "AUROC, AUPRC, sensitivity, specificity and F1 are the means over classes"),
    ("predicted class", "with more than two classes, the one with the largest calibrated "
     "probability; the expected calibration error is that of this probability"),
)  # fmt: skip
