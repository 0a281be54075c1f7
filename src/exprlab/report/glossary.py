"""Every metric and word of the report in one line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

# Of two classes the second one is the positive one.
GLOSSARY = (
    ("AUROC", "chance that a random {positive} sample gets a higher score than a random "
     "{negative} one; 0.5 is guessing, 1 is perfect"),
    ("AUPRC", "mean precision over all recalls; guessing reaches the share of {positive} samples"),
    ("accuracy", "fraction of samples whose predicted class is right"),
    ("balanced accuracy", "mean of sensitivity and specificity; fair if classes differ in size"),
    ("sensitivity", "fraction of {positive} samples that are found (also: recall)"),
    ("specificity", "fraction of {negative} samples that are called {negative}"),
    ("precision", "fraction of the samples called {positive} that are {positive}"),
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
    ("saliency", "how fast the logit changes with a gene, per standard deviation of its log value"),
    ("average precision", "mean share of causal genes among the first ones, as the list grows to "
     "each causal gene; chance reaches their share of all genes"),
    ("Jaccard", "genes that two lists share, over the genes that are in either"),
    ("interval", "range of values that the test samples leave plausible; it does not cover what "
     "another cohort or another training would change"),
    ("p value", "how often a difference at least this large would arise if two models were equally "
     "good; many tests give some small ones by chance"),
    ("split", "one division of the samples into training, validation and test, with one seed"),
    ("decision threshold", "probability from which a sample is called {positive}, chosen on "
     "validation samples"),
    ("calibrated probability", "probability after a correction fitted on validation samples, which "
     "makes it agree with observed frequencies"),
    ("prediction set", "the classes that cannot be excluded: of the samples of each class, at most "
     "the chosen share has a set without it, if samples are like those of validation"),
    ("typicality", "share of validation samples that are at least as far from the training samples "
     "as this one; a small one says that the model was not made for it"),
)  # fmt: skip
# What these words mean where there are more than two classes.
_OF_SEVERAL = {
    "AUROC": "chance that a random sample of a class gets a higher score for it than a random "
    "sample of the others, the mean over classes; 0.5 is guessing, 1 is perfect",
    "AUPRC": "mean precision over all recalls, the mean over classes; for a class, guessing "
    "reaches its share of the samples",
    "balanced accuracy": "mean of the classes' sensitivities; fair if classes differ in size",
    "sensitivity": "fraction of a class's samples that are found (also: recall), the mean over "
    "classes",
    "specificity": "fraction of the other samples that are not called the class, the mean over "
    "classes",
    "precision": "fraction of the samples called a class that are of it",
    "F1": "harmonic mean of precision and sensitivity, the mean over classes",
    "Brier score": "squared distance between probability and truth (0 or 1), added up over "
    "classes, the mean over samples; smaller is better",
    "expected calibration error": "mean distance between the probability of the predicted class "
    "and the observed fraction of right calls, over bins of probability; smaller is better",
}


def glossary(classes: Collection[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """Return the words for data sets with these classes each, in the order of their labels."""
    pairs = {tuple(names) for names in classes if len(names) == 2}
    if pairs:
        negative, positive = pairs.pop() if len(pairs) == 1 else ("negative", "positive")
        known = [(w, text.format(positive=positive, negative=negative)) for w, text in GLOSSARY]
        several = [(f"{word} of several classes", text) for word, text in _OF_SEVERAL.items()]
        return (*known, *(several if max(map(len, classes)) > 2 else ()))
    # More than two classes have no threshold.
    return tuple(
        (word, _OF_SEVERAL.get(word, meaning))
        for word, meaning in GLOSSARY
        if word != "decision threshold"
    )
