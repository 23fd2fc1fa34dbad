"""Specs that must be refused, hostile ones among them, with where and why.

``lrarun train`` of any of them must exit with 2, print every ``LINE:COLUMN: ... phrase``,
write nothing and show no traceback.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Malformed:
    """A spec file's bytes and its mistakes: (line, column, a phrase of the message), in order."""

    name: str
    content: bytes
    mistakes: tuple[tuple[int, int, str], ...]


def _case(name: str, content: str | bytes, *mistakes: tuple[int, int, str]) -> Malformed:
    return Malformed(name, content.encode() if isinstance(content, str) else content, mistakes)


LAUGHS = "algorithm: lra-e\nprobes:\n- &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"- &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh")
)
MANY_MISTAKES = """\
algoritm: lra-e
depth: 3.0
width: "256"
activation: tahn
optimizer: {learning_rate: -1, momentom: 0.9}
init: {name: gausian}
batch_size: 0
epochs: many
validation: 0
seed: true
dtype: float16
"""

HOSTILE = [
    _case("empty", "", (1, 1, "holds no spec")),
    _case("only a comment", "# nothing\n", (1, 1, "holds no spec")),
    _case("only empty documents", "---\n# nothing\n---\n", (1, 1, "holds no spec")),
    _case("NUL byte", b"algorithm: lra-e\nseed: \x00\n", (2, 7, "U+0000")),
    _case("control character", b"algorithm: lra-e\nseed: 1\x1b[31m\n", (2, 8, "U+001B")),
    _case("escaped NUL", 'algorithm: lra-e\ndataset: "a\\0b"\n', (2, 10, "control characters")),
    _case("escaped surrogate", 'algorithm: lra-e\ndataset: "\\uD800"\n', (2, 10, "control characters")),
    _case("escape out of range", 'algorithm: lra-e\ndataset: "\\UFFFFFFFF"\n', (2, 13, "out of range")),
    _case("not UTF-8", b"algorithm: lra-e\ndataset: \xe9t\xe9\n", (2, 10, "not UTF-8")),
    _case("UTF-8 cut short", "# Größe\nalgorithm: lra-e # ü".encode()[:-1], (2, 20, "not UTF-8")),
    _case("UTF-16", "algorithm: lra-e\n".encode("utf-16"), (1, 1, "not UTF-8")),
    _case("larger than the limit", b"#" * 2**21, (1, 1, "larger than 1 MiB")),
    _case("deep flow nesting", "[" * 100_000, (1, 33, "32 levels")),
    _case("deep mappings", "{a: " * 100_000, (1, 126, "32 levels")),
    _case("deep block nesting", "- " * 100_000, (1, 65, "32 levels")),
    _case("billion laughs", LAUGHS, (7, 27, "more than 50000 values")),
    _case("too many values", "algorithm: lra-e\nprobes: [" + "1," * 60_000 + "]", (2, 100_000, "more than 50000")),
    _case("the empty tag", "algorithm: lra-e\nseed: ! 3\n", (2, 7, "the tag '!'")),
    _case("too many aliases", "probes: [&a 1" + ", *a" * 101 + "]", (1, 416, "more than 100 aliases")),
    _case("recursive alias", "algorithm: &a {name: lra-e, beta: *a}\n", (1, 35, "inside its own anchor")),
    _case("undefined alias", "algorithm: *rule\n", (1, 12, "undefined alias 'rule'")),
    _case("Python call", 'algorithm: !!python/object/apply:os.system ["touch x"]\n', (1, 12, "python/object/apply")),
    _case("Python name", "algorithm: !!python/name:os.system\n", (1, 12, "python/name")),
    _case("local tag", "algorithm: lra-e\nseed: !roll 3\n", (2, 7, "'!roll' is refused")),
    _case("tagged number", 'algorithm: lra-e\nseed: !!int "x"\n', (2, 7, "is refused")),
    _case("undefined tag handle", "algorithm: !e!x lra-e\n", (1, 12, "undefined tag handle")),
    _case("merge key", "algorithm: &a {name: lra-e}\ninit: {<<: *a, std: 1}\n", (2, 8, "merge keys (<<)")),
    _case("10,000 digits", "algorithm: lra-e\nseed: " + "9" * 10_000, (2, 7, "10000 characters is too long")),
    _case("endless YAML version", "%YAML 1." + "9" * 5000 + "\n---\nalgorithm: lra-e\n", (1, 9, "out of range")),
    _case("YAML 2", "%YAML 2.0\n---\nalgorithm: lra-e\n", (1, 1, "version 1.*")),
    _case(
        "a sweep beyond bounds",
        "algorithm: lra-e\nsweep:\n" + "".join(f"  {key}: {[*range(1, 51)]}\n" for key in ("seed", "width", "epochs")),
        (3, 3, "125000 runs"),
    ),
]

SYNTAX = [
    _case("a list", "- algorithm: lra-e\n", (1, 1, "this is a list")),
    _case("a name", "lra-e\n", (1, 1, "a spec is a mapping")),
    _case("a document that is null", "algorithm: lra-e\n---\n~\n", (3, 1, "the document is empty")),
    _case("a tab", "algorithm: lra-e\noptimizer:\n\tname: sgd\n", (3, 1, "a tab")),
    _case("an open bracket", "algorithm: {name: lra-e\nseed: 1\n", (2, 5, "expected ',' or '}'")),
    _case("an open quote", "algorithm: 'lra-e\nseed: 1\n", (3, 1, "end of stream")),
    _case("no colon", "algorithm: lra-e\ndepth 3\nepochs: 2\n", (2, 1, "a colon and a space are missing")),
    _case("no colon at the end", "algorithm: lra-e\ndepth 3\n", (2, 1, "a colon and a space are missing")),
    _case("no space after it", "algorithm: lra-e\ndepth:3\nepochs: 2\n", (2, 1, "a colon and a space are missing")),
    _case("no colon at the start", "depth 3\nalgorithm: lra-e\n", (2, 10, "or the line before lacks one")),
    _case("two colons", "algorithm: lra-e: x\n", (1, 17, "mapping values are not allowed")),
    _case("CRLF lines", "algorithm: lra-e\r\n\r\ndepth: x\r\n", (3, 8, "must be an integer")),
    _case("equal keys", "seed: 1\nalgorithm: lra-e\nseed: 2\n", (3, 1, "given twice, first on line 1")),
    _case("equal nested keys", "algorithm: {name: lra-e, beta: 1, beta: 2}\n", (1, 35, "'beta' is given twice")),
    _case("keys that are no names", "algorithm: lra-e\n3: 4\n? [a]\n: 5\n", (2, 1, "be a name"), (3, 3, "be a name")),
]

VALUES = [
    _case("no algorithm", "# none\ndepth: 3\n", (2, 1, "'algorithm' is missing")),
    _case("unknown algorithm", "algorithm: lrae\n", (1, 12, "did you mean 'lra-e'?")),
    _case("algorithm without name", "seed: 1\nalgorithm: {beta: 0.1}\n", (2, 12, "algorithm needs a name: ")),
    _case(
        "a name mistyped", "algorithm: {beta: 1, nam: lra-e}\n", (1, 22, "key 'nam' for algorithm; did you mean 'name'")
    ),
    _case(
        "an optimizer's name mistyped", "algorithm: lra-e\noptimizer: {nam: adam}\n", (2, 13, "did you mean 'name'?")
    ),
    _case("capitals", "algorithm: LRA-E\nactivation: TanH\n", (1, 12, "mean 'lra-e'?"), (2, 13, "mean 'tanh'?")),
    _case(
        "a setting as a key", "beta: 0.1\nalgorithm: lra-e\n", (1, 1, "belongs under algorithm: {name: lra-e, beta: ")
    ),
    _case(
        "a setting as a key of a sweep",
        "algorithm: lra-e\nsweep: {beta: [0.1, 0.2]}\n",
        (2, 9, "in sweep and --set, write algorithm.beta"),
    ),
    _case("another rule's setting", "algorithm: backprop\nbeta: 1\n", (2, 1, "belongs under algorithm: {name: ")),
    _case(
        "the optimizer's",
        "algorithm: lra-e\noptimizer: rmsprop\ncentred: true\n",
        (3, 1, "belongs under optimizer: {name: rmsprop, centred: ...}"),
    ),
    _case(
        "widths that contradict the depth",
        "algorithm: lra-e\ndepth: 3\nwidth: [256, 128]\n",
        (3, 8, "write sweep: {width: [256, 128]}"),
    ),
    _case(
        "a list for a setting", "algorithm: {name: lra-e, beta: [1, 2]}\n", (1, 32, "sweep: {algorithm.beta: [1, 2]}")
    ),
    _case("a list of names", "algorithm: [rfa, dfa]\n", (1, 12, "write sweep: {algorithm: [rfa, dfa]}")),
    _case("algorithm is a number", "algorithm: 3\n", (1, 12, "must be a name or a mapping")),
    _case("name is a list", "algorithm: {name: [lra-e]}\n", (1, 19, "name must be a name, not a list")),
    _case("unknown key", "algorithm: lra-e\nepoch: 3\n", (2, 1, "did you mean 'epochs'?")),
    _case("dotted key", "algorithm: lra-e\noptimizer.learning_rate: 3\n", (2, 1, "write optimizer: {")),
    _case("unknown setting", "algorithm: {name: lra-e, betta: 1}\n", (1, 26, "did you mean 'beta'?")),
    _case("unknown dataset", "algorithm: lra-e\ndataset: minst\n", (2, 10, "did you mean 'mnist'?")),
    _case("empty dataset", "algorithm: lra-e\ndataset: ''\n", (2, 10, "dataset is empty")),
    _case("dataset is a number", "algorithm: lra-e\ndataset: 3\n", (2, 10, "dataset must be a name, not 3")),
    _case("unknown probe", "algorithm: lra-e\nprobes: [angel-of-music]\n", (2, 10, "unknown probe")),
    _case(
        "probes is a name",
        "algorithm: lra-e\nprobes: none\n",
        (2, 9, "probes must be a list, not the text 'none'; write probes: [none]"),
    ),
    _case("a quoted number", "algorithm: lra-e\ndepth: '3'\n", (2, 8, "an integer, not the text '3'")),
    _case("a fraction of a layer", "algorithm: lra-e\ndepth: 3.0\n", (2, 8, "an integer, not 3.0")),
    _case("true for a number", "algorithm: {name: lra-e, beta: true}\n", (1, 32, "a number, not true")),
    _case("no for false", "algorithm: lra-e\noptimizer: {name: rmsprop, centred: no}\n", (2, 37, "true or false")),
    _case("nothing for a number", "algorithm: lra-e\nseed:\n", (2, 6, "an integer, not empty")),
    _case("underscores", "algorithm: lra-e\nseed: 1_000\n", (2, 7, "not the text '1_000'")),
    _case("infinite", "algorithm: {name: lra-e, beta: .inf}\n", (1, 32, "not a finite number")),
    _case("not a number", "algorithm: {name: lra-e, beta: .nan}\n", (1, 32, "not a finite number")),
    _case("overflow", "algorithm: {name: lra-e, beta: 1e999}\n", (1, 32, "not a finite number")),
    _case("beyond a bound", "algorithm: lra-e\nseed: 4294967296\n", (2, 7, "less than 4294967296")),
    _case("beyond a setting's bound", "algorithm: {name: lra-e, beta: 0}\n", (1, 32, "greater than 0, not 0")),
    _case(
        "a choice",
        "algorithm: {name: lra-e, loss: cauchi}\n",
        (1, 32, "must be 'gaussian' or 'cauchy', not the text 'cauchi'"),
    ),
    _case(
        "many at once",
        MANY_MISTAKES,
        (1, 1, "did you mean 'algorithm'?"),
        (2, 8, "an integer"),
        (3, 8, "the text '256'"),
        (4, 13, "'tanh'"),
        (5, 28, "greater than 0"),
        (5, 32, "unknown key 'momentom'"),
        (6, 14, "'gaussian'"),
        (7, 13, "at least 1"),
        (8, 9, "an integer"),
        (9, 13, "at least 1"),
        (10, 7, "not true"),
        (11, 8, "must be 'float32' or 'float64', not the text 'float16'"),
    ),
]

SWEEPS = [
    _case("sweep is a list", "algorithm: lra-e\nsweep: [seed]\n", (2, 8, "sweep must be a mapping")),
    _case("a swept scalar", "algorithm: lra-e\nsweep: {seed: 3}\n", (2, 15, "needs a list of values, not 3")),
    _case("nothing swept", "algorithm: lra-e\nsweep: {seed: []}\n", (2, 15, "not an empty list")),
    _case("one bad value", "algorithm: lra-e\nsweep:\n  seed: [0, 1]\n  epochs: [1, x, 3]\n", (4, 15, "the text 'x'")),
    _case("unknown swept key", "algorithm: lra-e\nsweep: {epoch: [1, 2]}\n", (2, 9, "did you mean 'epochs'?")),
    _case("unknown swept block", "algorithm: lra-e\nsweep: {optimiser.decay: [1]}\n", (2, 9, "'optimizer.decay'")),
    _case("settings of a number", "algorithm: lra-e\nsweep: {depth.x: [1]}\n", (2, 9, "settings of their own")),
    _case("swept and given", "seed: 1\nalgorithm: lra-e\nsweep: {seed: [1, 2]}\n", (3, 9, "given twice")),
    _case(
        "nested, swept and given",
        "optimizer: {name: sgd, learning_rate: 1}\nalgorithm: lra-e\nsweep:\n  optimizer.learning_rate: [1]\n",
        (4, 3, "in the sweep and on line 1"),
    ),
    _case(
        "a setting that one of the rules lacks",
        "sweep:\n  algorithm: [backprop, lra-e]\n  seed: [0, 1, 2]\n  algorithm.beta: [0.1, 0.2]\n",
        (4, 3, "unknown key 'beta' for algorithm 'backprop'"),
    ),
]

MALFORMED = HOSTILE + SYNTAX + VALUES + SWEEPS
