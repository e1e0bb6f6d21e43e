"""Write docs/catalogue.md from the catalogue: `python docs/write_catalogue.py`."""

from pathlib import Path

from api.web.routes.catalogue import rows

PAGE = Path(__file__).with_name("catalogue.md")

INTRODUCTION = """# Catalogue of LIV classes

`python docs/write_catalogue.py` writes this page from `genome/catalogue/`; a test compares the two.

A class is five digits: featurizer, token mixing, sparsity, nonlinearity and channel mixing. State is the number of
elements that one LIV keeps, and FLOPs are those of one decoded token, both at width 64 with heads of 16 channels and at
position 4,096. Classes 1 to 9 and the differential variants of the first eight (10 to 17) are the seventeen classes of
the paper. The presets search over these seventeen; a plan without `classes` searches over the whole catalogue.
Differential classes, each of which is the learned difference of two copies of another class, are not listed.

| structure | T_ij |
|---|---|
| diagonal | σ(c_i) |
| low rank | softmax(c_i · b_j) |
| toeplitz | c_i h_(i-j) b_j, or with heads h_(i-j) (c_i · b_j) |
| semi separable | c_i A_(i-1) … A_(j+1) b_j |
| delta | as semi separable, A = (I - β b bᵀ) α: a state that replaces the value under a key; α decays a head or a key |
| memory cell | none: sLSTM is nonlinear in its state, the only class that is no LIV |

A structure may be banded (a window of tokens; for a recurrence, jagged blocks of 16 tokens) or routed (a token takes
some of several memories, clusters or experts, and the others are not computed for it). The rows of a semi-separable T
may be divided by their sums.

The feature groups are c, which reads (queries, output gates), b, which writes (keys, input gates), the values v, the
decay a and the step d of a recurrence, a filter h, the routes r, a weight s of the values that are added to the output,
a gate o of the output, which may normalise it too, and an activation g of the output, which is then projected with
biases or by a gated linear unit. Attention may have maps u from a latent to the keys and values of each head, or a
factor l of every second softmax, which is subtracted from the one before; a memory cell may have a convolved input x,
from which its gates are projected.

A name with `-Published` is the layer of the source where the row without this ending lacks a part of it.

With `"space": {"levels": "operator"}` or `"featurizer"` in a plan a search invents classes too: it changes one digit of
a class, the rules in `genome/classes/` refuse combinations that cannot be built, and the job's own table stores the
digits of its classes.

"""
WITHOUT_DIGITS = (
    (
        "RWKV-7 (arXiv 2503.14456)",
        "a state from which one key removes and to which another writes, with a rate for each channel, and the values "
        "of the first layer in all others",
    ),
    (
        "Mamba-3 (arXiv 2603.15569)",
        "the trapezoid rule, which writes the token before beside the new one, rotations by angles that add up over "
        "tokens, and several inputs and outputs a head",
    ),
    (
        "Log-linear attention (arXiv 2506.04761)",
        "a state for each power of two of past tokens, so that memory grows with the logarithm of the length",
    ),
    (
        "Titans (arXiv 2501.00663)",
        "a memory that is a network trained while it reads: nonlinear in its state, with momentum as a second state",
    ),
)
"""Systems of the field, each with the part for which there is no digit."""

REST = """## Not said in digits

| system | what has no digit |
|---|---|
"""
COLUMNS = ("id", "class", "digits", "structure", "state", "FLOPs a token", "description", "source")


def page() -> str:
    """Return the whole page as Markdown."""
    head = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
    lines = (
        f"| {row['id']} | {row['name']} | {'.'.join(map(str, row['digits']))} | {row['structure'].replace('_', ' ')} "
        f"| {row['state']} | {row['decode_flops']:,} | {row['description']} | {row['source']} |\n"
        for row in rows()
        if not row["differential"]
    )
    missing = "".join(f"| {system} | {part} |\n" for system, part in WITHOUT_DIGITS)
    return f"{INTRODUCTION}{head}{''.join(lines)}\n{REST}{missing}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
