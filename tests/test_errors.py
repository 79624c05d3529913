"""Exceptions of readers in words."""

import json

import pytest

from vidrobust.errors import DAMAGED, InputError, in_plain_words, reading


def _raised(code):
    try:
        eval(code, {"json": json})
    except Exception as error:
        return error
    raise AssertionError(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("{}['category_id']", "'category_id' is missing"),
        ("None.items()", "nothing (null) stands where it cannot"),
        ("(3).items()", "a number stands where it cannot"),
        ("json.loads('[1]')['a']", "a list stands where it cannot"),
        ("float({})", "an object stands where it cannot"),
        ("'a' + 1", "text stands where it cannot"),
        ("[][0]", "a list has fewer values than expected"),
        ("float('much')", "'much' is no number"),
        ("int('1.5')", "'1.5' is no number"),
        ("int(float('nan'))", "a number is not finite"),
        ("int(float('inf'))", "a number is out of range"),
        ("[a for a, b in [(1, 2, 3)]]", "a list has more or fewer values than expected"),
        ("b'\\xc3('.decode()", "the byte at 0 is no UTF-8"),
        ("json.loads('{')", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)  # fmt: skip
def test_no_words_of_python(code, words):
    error = _raised(code)
    assert isinstance(error, DAMAGED)
    assert in_plain_words(error) == words
    with pytest.raises(InputError) as refused, reading("a.json", "labels"):
        raise error
    assert str(refused.value) == f"a.json: cannot be read as labels: {words}"


def test_a_type_is_named_as_people_know_it():
    for kind in (ValueError, TypeError):
        error = kind("expected whole numbers, got <class 'str'> and <class 'numpy.int8'>")
        assert in_plain_words(error) == "expected whole numbers, got text and <class 'numpy.int8'>"


def test_what_the_system_says():
    assert in_plain_words(PermissionError(13, "Permission denied", "a.csv")) == "Permission denied"


UNPICKLED = (
    "Weights only load failed. This file can still be loaded, to do so you have two options, only if you trust it. \n"
    "\t(1) Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in "
    "arbitrary code execution. Do it only if you got the file from a trusted source.\n"
    "\tWeightsUnpickler error: Unsupported global: GLOBAL parts.Net was not an allowed global by default. "
    "Please use `torch.serialization.add_safe_globals([Net])` to allowlist it."
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (UNPICKLED, "Unsupported global: GLOBAL parts.Net"),
        ("Object arrays cannot be loaded when allow_pickle=False", "objects of Python"),
        ("Cannot load file containing pickled data when allow_pickle=False", "objects of Python"),
        (
            "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits; "
            "use sys.set_int_max_str_digits() to increase the limit",
            "value has 5000 digits",
        ),
    ],
)
def test_no_advice_that_lets_a_file_run_code(said, kept):
    text = str(InputError(f"a.pt: cannot be read: {said}"))
    assert text.startswith("a.pt: cannot be read")
    assert kept in text
    for advice in ("weights_only", "allow_pickle", "safe_globals", "set_int_max", "arbitrary code"):
        assert advice not in text
