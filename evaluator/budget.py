"""The budget of one candidate: the settings of its training, and its time limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from evaluator.optimizers.names import OptimizerName
from evaluator.value import Value

MAX_RATES = 16


class Budget(Value):
    """Training settings of each candidate: an optimiser with a warm-up, a constant rate and a cool-down."""

    steps: int = Field(default=200, ge=1, le=10_000_000, description="training steps")
    batch: int = Field(default=16, ge=1, le=65536, description="sequences in a training step")
    length: int = Field(default=128, ge=2, le=1_048_576, description="tokens in a sequence")
    optimizer: OptimizerName = Field(
        default=OptimizerName.ADAMW,
        description="optimiser; `muon` updates hidden matrices and leaves all other parameters to AdamW",
    )
    learning_rate: FiniteFloat = Field(
        default=3e-3,
        gt=0,
        le=1,
        description="highest learning rate; each optimiser has its own scale (docs/training.md)",
    )
    base_width: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="width of the model for which `learning_rate` was chosen: rates, and the head, are scaled to the "
        "width of the plan as in muP. None for no scaling",
    )
    rates: tuple[Annotated[FiniteFloat, Field(gt=0, le=1)], ...] = Field(
        default=(),
        max_length=MAX_RATES,
        description="learning rates that each candidate tries in its first `rate_steps` steps; it goes on at the best, "
        "and not at `learning_rate`. None for no trial",
    )
    rate_steps: int = Field(default=20, ge=2, le=10_000_000, description="steps of the trial of each of the `rates`")
    weight_decay: FiniteFloat = Field(
        default=0.1, ge=0, le=1, description="weight decay, multiplied by the learning rate at each step"
    )
    warmup: int = Field(default=20, ge=0, le=10_000_000, description="steps of linear warm-up")
    cooldown: FiniteFloat = Field(default=0.2, ge=0, le=1, description="share of the steps in which the rate falls")
    clip: FiniteFloat = Field(default=1.0, gt=0, le=1e6, description="largest norm of the gradient")
    validation: int = Field(default=128, ge=2, le=1_000_000, description="validation sequences")
    checkpoint_activations: bool = Field(
        default=False,
        description="keep only the inputs of each LIV and compute it again in the backward pass: less memory, about a "
        "third more time, and the same results",
    )
    deterministic: bool = Field(
        default=False,
        description="use only algorithms that give the same bits each time; on a GPU they are slower, and a candidate "
        "that needs another one fails. A CPU always gives the same bits",
    )
    seconds: FiniteFloat = Field(default=300.0, gt=0, le=1e7, description="time limit of a candidate in seconds")

    @property
    def tokens(self) -> int:
        """The training tokens of all steps."""
        return self.steps * self.batch * self.length

    @property
    def trial_tokens(self) -> int:
        """The training tokens of the trials of learning rates that a candidate does not go on from."""
        return max(0, len(self.rates) - 1) * self.rate_steps * self.batch * self.length

    def steps_of(self, tokens: int) -> int:
        """Return the steps that train with so many tokens.

        Raises:
            ValueError: they are not a whole number of steps, or more than the budget's; the message names the bounds.
        """
        each = self.batch * self.length
        if tokens % each or not each <= tokens <= self.tokens:
            raise ValueError(f"tokens must be a multiple of {each} from {each} to {self.tokens}, not {tokens}")
        return tokens // each
