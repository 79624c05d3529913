"""Weight files: read without running code from them, unwrapped, and fitted to a module or refused."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch

from vidrobust.errors import InputError, SettingsError

State = dict[str, torch.Tensor]

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")


def read_state(path: Path) -> State:
    """The parameters in a .pth, .pt or .safetensors file, by name, on the CPU.

    A checkpoint's wrapper ("state_dict", "model") and the prefix of DataParallel, torch.compile or Lightning
    are taken off. Raises InputError for a damaged file or one that holds anything but tensors by name.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise SettingsError(f"{path}: needs the package safetensors: pip install safetensors") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: is not a plain file of weights (weights_only); save it with "
            f"torch.save(model.state_dict(), path): {_first_line(error)}"
        ) from error
    except Exception as error:
        raise InputError(f"{path}: cannot be read as weights: {_first_line(error)}") from error
    return _unwrapped(content, path)


@contextlib.contextmanager
def weights_only() -> Iterator[None]:
    """Let no ``torch.load`` inside run code from a file, not even one that asks for it.

    ``torch.export.load`` tries without and then, where that fails, with: so a file decides. The variable is
    torch's own and overrides the argument.
    """
    before = os.environ.get(_FORCE)
    os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FORCE]
        else:
            os.environ[_FORCE] = before


def fit_state(module: torch.nn.Module, state: State, spec: str) -> None:
    """Load every parameter, none left over and none missing.

    Raises SettingsError that shows the shapes or names that differ, and the option that may put it right.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - state.keys())
    extra = sorted(state.keys() - own.keys())
    if missing or extra:
        raise SettingsError(
            f"{spec}: the weights belong to another architecture: {len(missing)} parameters missing"
            f"{_some(missing)}, {len(extra)} unknown{_some(extra)}"
        )
    wrong = [name for name, value in own.items() if value.shape != state[name].shape]
    if wrong:
        name = wrong[0]
        got, expected = tuple(state[name].shape), tuple(own[name].shape)
        hint = f"; add ,num_classes={got[0]}" if got[1:] == expected[1:] else ""
        raise SettingsError(
            f"{spec}: {len(wrong)} parameters have other shapes than the network: {name} is {got} in the file, "
            f"{expected} in the network{hint}"
        )
    module.load_state_dict(state)


def _unwrapped(content: object, path: Path) -> State:
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: holds {type(content).__name__}, not parameters by name (a state_dict)")
    others = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise InputError(f"{path}: holds more than parameters by name: {_some(list(map(str, others)))[2:]}")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in content):
            content = {name.removeprefix(prefix): value for name, value in content.items()}
    return content


def _some(names: list[str]) -> str:
    return f": {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}" if names else ""


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
