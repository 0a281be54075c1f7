"""Settings of the models and of the device that trains them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from exprlab.config.section import Section, setting

TUNING_WORDS = (
    "which samples {what}: the validation samples (validation), or training and validation samples "
    "in ten folds, each held out once, with all of them trained on in the end (cross_validation); "
    "auto cross-validates below 100 validation samples"
)


def _refuse_softmax(name: Any) -> Any:
    if name == "softmax":
        raise ValueError(
            "softmax is no activation of hidden layers: it divides each unit by the sum of all, so "
            "that they share 1 and compete; it is the output's where there are more than two "
            "classes. Choose relu, sigmoid, tanh, leaky_relu, gelu or silu"
        )
    return name


ActivationName = Annotated[
    Literal["relu", "sigmoid", "tanh", "leaky_relu", "gelu", "silu"],
    BeforeValidator(_refuse_softmax),
]
OutputName = Literal["auto", "sigmoid", "softmax"]
OUTPUT_WORDS = (
    "what makes probabilities of the last layer's sums: sigmoid of two classes, softmax of more; "
    "auto takes the one that fits the labels, and the other one is refused"
)
Tuning = Literal["auto", "validation", "cross_validation"]


class MLPConfig(Section):
    """A multilayer perceptron trained with PyTorch Lightning."""

    kind: Literal["mlp"] = setting("mlp", "multilayer perceptron")
    encoder: Literal["principal_components", "none"] = setting(
        "principal_components",
        "what the network learns from: the principal components of the training samples that "
        "stand out from noise (cross-validation tries other numbers of them too), or the genes "
        "themselves (none)",
    )
    tuning: Tuning = setting("auto", TUNING_WORDS.format(what="pick the best epoch"))
    hidden: list[Annotated[int, Field(ge=1)]] = setting(
        lambda: [64],
        "units of each hidden layer, first to last; [] is one perceptron",
        "units",
    )
    activation: ActivationName = setting("relu", "activation function of the hidden layers")
    output: OutputName = setting("auto", OUTPUT_WORDS)
    batch_norm: bool = setting(False, "normalise each hidden layer over the batch")
    input_dropout: float = setting(
        0.0, "fraction of inputs hidden at random in each training step", ge=0, lt=1
    )
    dropout: float = setting(
        0.0, "fraction of hidden units left out at random in each training step", ge=0, lt=1
    )
    optimizer: Literal["adamw", "sgd"] = setting("adamw", "how weights follow the gradient")
    learning_rate: float = setting(1e-3, "step size of gradient descent", gt=0)
    momentum: float = setting(0.9, "momentum of sgd; adamw does not use it", ge=0, lt=1)
    weight_decay: float = setting(0.01, "pull of the weights towards zero", ge=0)
    l1: float = setting(
        0.002,
        "pull of each weight of the first layer towards exactly zero, which drops inputs that do "
        "not help; added to the loss as l1 times the sum of their absolute values",
        ge=0,
    )
    schedule: Literal["constant", "cosine"] = setting(
        "constant", "how the step size changes over the epochs"
    )
    max_epochs: int = setting(300, "most passes over the training samples", "epochs", ge=1)
    batch_size: int = setting(64, "samples of one gradient step", "samples", ge=1)
    monitor: Literal["val/loss", "val/auroc"] = setting(
        "val/loss", "metric on held-out samples that picks the best epoch and stops training"
    )
    patience: int = setting(
        40, "stop after this many epochs without a better validation metric", "epochs", ge=1
    )
    checkpoint_every: int = setting(
        50, "epochs between the checkpoints from which a killed training resumes", "epochs", ge=1
    )

    @model_validator(mode="after")
    def _normalises_no_folds(self) -> MLPConfig:
        if self.batch_norm and self.tuning == "cross_validation":
            raise ValueError(
                "batch_norm and tuning: cross_validation exclude each other: the networks of all "
                "folds train on the same batches, which hold samples that some of them must not "
                "see; set batch_norm: false or tuning: validation"
            )
        return self


class ScratchMLPConfig(Section):
    """A multilayer perceptron in NumPy alone, on the genes themselves: one to read and change."""

    kind: Literal["scratch_mlp"] = setting(
        "scratch_mlp", "multilayer perceptron from scratch, trained by plain gradient descent"
    )
    hidden: list[Annotated[int, Field(ge=1)]] = setting(
        lambda: [64], "units of each hidden layer, first to last; [] is one perceptron", "units"
    )
    activation: ActivationName = setting("relu", "activation function of the hidden layers")
    output: OutputName = setting("auto", OUTPUT_WORDS)
    learning_rate: float = setting(0.003, "step size of gradient descent", gt=0)
    momentum: float = setting(0.9, "share of the last step that goes on", ge=0, lt=1)
    weight_decay: float = setting(0.01, "pull of the weights towards zero", ge=0)
    max_epochs: int = setting(100, "most passes over the training samples", "epochs", ge=1)
    batch_size: int = setting(64, "samples of one gradient step", "samples", ge=1)
    patience: int = setting(
        20, "stop after this many epochs without a smaller validation loss", "epochs", ge=1
    )


class LogisticConfig(Section):
    """L2-regularised logistic regression, its strength chosen on samples that were held out."""

    kind: Literal["logistic"] = setting("logistic", "logistic regression, the linear baseline")
    tuning: Tuning = setting("auto", TUNING_WORDS.format(what="choose the strength"))
    strengths: list[Annotated[float, Field(gt=0)]] = setting(
        lambda: [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0],
        "inverse regularisation strengths (scikit-learn's C) to choose from",
        min_length=1,
    )
    max_iterations: int = setting(1000, "most iterations of the solver", ge=1)


class BoostingConfig(Section):
    """Gradient-boosted decision trees, their number chosen on samples that were held out."""

    kind: Literal["boosting"] = setting("boosting", "boosted decision trees, the tree baseline")
    tuning: Tuning = setting("auto", TUNING_WORDS.format(what="choose the number of trees"))
    n_genes: int = setting(
        2000, "genes that the trees may ask for: those that vary most with others", "genes", ge=1
    )
    n_components: int = setting(
        50, "principal components of the training samples that tell which genes these are", ge=1
    )
    learning_rate: float = setting(0.1, "how far each tree moves the logits", gt=0, le=1)
    max_trees: int = setting(500, "most trees; of more than two classes, of each", "trees", ge=1)
    leaves: int = setting(8, "most leaves of a tree", "leaves", ge=2)
    min_leaf_samples: int = setting(
        20,
        "fewest training samples of a leaf; a third of them where that is less",
        "samples",
        ge=1,
    )
    gene_fraction: float = setting(
        0.1, "fraction of the genes, drawn at random, that each branching chooses from", gt=0, le=1
    )
    patience: int = setting(
        30, "stop after this many trees without a smaller loss on validation", "trees", ge=1
    )


def refuse_output(output: str, n_classes: int) -> None:
    """Refuse an output that cannot tell so many classes apart.

    Raises
    ------
    ValueError
        Saying why, and what to choose.
    """
    if output == "softmax" and n_classes == 2:
        raise ValueError(
            "output: found softmax, but there are two classes: the network has one output, and "
            "softmax of one number is always 1; sigmoid makes it the probability of the second "
            "class, and 1 less that is the other's. Choose sigmoid or auto"
        )
    if output == "sigmoid" and n_classes > 2:
        raise ValueError(
            f"output: found sigmoid, but there are {n_classes} classes: each sigmoid answers yes "
            "or no by itself, so their sum is not 1, though a sample is of one class; softmax "
            "shares 1 among the classes. Choose softmax or auto"
        )


MODEL_KINDS = {
    "mlp": MLPConfig,
    "scratch_mlp": ScratchMLPConfig,
    "logistic": LogisticConfig,
    "boosting": BoostingConfig,
}
# The kinds that Lightning trains, on an accelerator if there is one.
NETWORK_KINDS = frozenset({"mlp"})
ModelConfig = Annotated[
    MLPConfig | ScratchMLPConfig | LogisticConfig | BoostingConfig, Field(discriminator="kind")
]


class TrainerConfig(Section):
    """Where and how Lightning trains; passed to its Trainer as they are."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"] = setting(
        "auto", "device: auto takes a GPU where there is one"
    )
    devices: int = setting(1, "devices of one training on each node; each has a process", ge=1)
    num_nodes: int = setting(1, "nodes of one training; more than one need SLURM", ge=1)
    strategy: str = setting("auto", "Lightning's strategy, e.g. auto or ddp", min_length=1)
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true", "bf16-true", "16-true"] = (
        setting("32-true", "number format of training")
    )

    @property
    def processes(self) -> int:
        """All processes of one training, each with its share of every batch."""
        return self.devices * self.num_nodes
