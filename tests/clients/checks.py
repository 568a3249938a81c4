"""What the scripts here share: steps that are counted, in the order in which they stand; each may build on those before it."""
import sys
import traceback

# the server's address, as http://127.0.0.1:8000
BASE = sys.argv[1].rstrip('/')

# a user of one script's own
PASSWORD = 'correct horse'

_steps = []


def step(function):
    """Makes a function a step; its docstring is its title."""
    _steps.append(function)
    return function


def same(got, expected):
    if got != expected:
        raise AssertionError(f'{got!r} is not {expected!r}')


def has(got, **expected):
    """Whether an object has these members, and maybe others."""
    same({name: got.get(name) for name in expected}, expected)


def raises(kind, call, *args, **kwargs):
    """The exception of a call that must fail."""
    try:
        answer = call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f'no {kind.__name__}, but {answer!r}')


def titles(page):
    return [book['title'] for book in page['results']]


def run():
    faults = 0
    for function in _steps:
        try:
            function()
        except Exception:
            faults += 1
            print(f'FAULT {function.__doc__}\n{traceback.format_exc()}', flush=True)
        else:
            print(f'ok    {function.__doc__}', flush=True)
    sys.exit(1 if faults else 0)
