from upres import errors
from upres.errors import InputError, MissingExtraError, UpresError, nearest


def test_every_exception_is_in_the_tree_drawn_at_the_top():
    drawn = errors.__doc__ or ""
    classes = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    made = [v for v in classes if not issubclass(v, Warning)]
    assert len(made) > 5
    for one in made:
        assert issubclass(one, UpresError)
        assert one.__name__ in drawn
        assert one.__doc__


def test_a_missing_extra_is_not_the_callers_fault():
    assert not issubclass(MissingExtraError, InputError)


def test_nearest_puts_the_likeliest_first():
    assert nearest("edrs", ["srcnn", "edsr"]) == "did you mean edsr? Known: edsr, srcnn"
    assert nearest("zzz", ["b", "a"]) == "Known: a, b"
    assert nearest("x", []) == "Known: none"
