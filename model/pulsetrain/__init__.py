"""pulsetrain: networks trained by pulse trains. ``import pulsetrain as pt`` offers what a script needs, and no more.

The public names are listed in ``__init__.pyi``; each is imported when it is first used, so that the import itself takes
no time. Everything else is the inside of the house (``docs/architecture.md``) and may move without notice. The
contract is ``docs/specification.md``.
"""

from typing import Any as _Any

import lazy_loader as _lazy_loader

from pulsetrain import moved as _moved

_lazy, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)
_moved.install()


def _installed_version() -> str:
    """The version of the installation; 0.0.0 for a source tree that was never installed."""
    from importlib.metadata import PackageNotFoundError, version  # here: it takes longer than all the rest

    try:
        return version("pulsetrain")
    except PackageNotFoundError:
        return "0.0.0"


def __getattr__(name: str) -> _Any:
    if name == "__version__":
        return _installed_version()
    if name in __all__:
        return _lazy(name)
    raise AttributeError(_moved.unknown(name, __all__))
