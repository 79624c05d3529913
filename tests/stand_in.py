"""A device for machines without one: tensors in main memory that claim to lie on ``cuda:0``.

``stand_in()`` makes torch see two GPUs. Tensors on them refuse to be mixed with others, as a GPU's do, and every copy
between them and main memory is counted with its size and the line that asked for it. The arithmetic is the
processor's: a real GPU's kernels, rounding, streams, memory and speed are not tested.
"""

import contextlib
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

PACKAGE = str(Path(__file__).parents[1] / "vidrobust")
DEVICES = 2
# Functions that read numbers of the device, for which the processor waits
READING = {"item", "tolist", "__bool__", "__int__", "__float__", "__index__", "equal", "allclose"}
FROM_NUMBERS = {"tensor", "as_tensor", "asarray"}

Way = Literal["up", "down"]


@dataclass(frozen=True)
class Copy:
    """One copy between main memory and a device."""

    way: Way
    bytes: int
    place: str  # the innermost line of the package that asked for it, such as "video/stream.py:99"
    waits: bool  # False where the caller asked not to wait


@dataclass
class Copies:
    """Every copy so far."""

    made: list[Copy] = field(default_factory=list)

    def of(self, way, least=0):
        """Return the copies of one way of at least so many bytes."""
        return [copy for copy in self.made if copy.way == way and copy.bytes >= least]


class Elsewhere(torch.Tensor):
    """A tensor that claims to lie on ``place``."""

    copies: ClassVar[Copies] = Copies()
    place: torch.device

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "__get__":
            return _attribute(func, args[0])
        if name in ("numpy", "__array__") or name == "from_dlpack":
            raise TypeError(f"{name}: the tensor lies on {args[0].place}; copy it to the CPU first")
        if name == "cpu":
            return _moved(args[0], torch.device("cpu"))
        if name == "to":
            return _to(args, kwargs)
        if name == "copy_":
            return _copied(args[0], args[1], *args[2:], **kwargs)
        # modules then take moved weights as they are
        if name == "_has_compatible_shallow_copy_type":
            return False
        return _run(func, args, kwargs)


class _Calls(TorchFunctionMode):
    """Catches calls that would start a real GPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if kwargs.pop("pin_memory", False):
            kwargs["device"] = "cpu"  # memory cannot be pinned without a GPU
        if name == "cuda":
            return _moved(args[0], _number("cuda"), non_blocking=kwargs.get("non_blocking", False))
        if (
            name == "to"
            and isinstance(args[0], torch.Tensor)
            and not isinstance(args[0], Elsewhere)
        ):
            return _to(args, kwargs)
        target = kwargs.get("device")
        if target is None or torch.device(target).type != "cuda" or name == "Generator":
            return func(*args, **kwargs)
        if any(isinstance(x, Elsewhere) for x in tree_leaves(args)):
            return func(*args, **kwargs)
        if (own := kwargs.get("generator")) is not None:
            raise RuntimeError(f"{name}: expected a generator of {target}, got one of {own.device}")
        made = func(*args, **{**kwargs, "device": "cpu"})
        if name in FROM_NUMBERS:
            _count("up", made.nbytes, waits=True)
        return _on(made, _number(target))


@contextlib.contextmanager
def stand_in():
    """Let torch see two GPUs, on every thread begun inside, and count the copies."""
    copies = Elsewhere.copies = Copies()
    start = threading.Thread.start

    def started(thread):
        run = thread.run

        def with_calls():
            with _Calls():
                run()

        thread.run = with_calls
        start(thread)

    changed = {
        "is_available": lambda: True,
        "device_count": lambda: DEVICES,
        "empty_cache": lambda: None,
        "set_device": lambda device: None,
        "synchronize": lambda device=None: None,
        "current_stream": lambda device=None: mock.Mock(),
        "mem_get_info": lambda device=None: (8 * 2**30, 16 * 2**30),
    }
    with contextlib.ExitStack() as stack:
        for name, function in changed.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, function))
        stack.enter_context(mock.patch.object(threading.Thread, "start", started))
        stack.enter_context(_Calls())
        yield copies


def _run(func, args, kwargs):
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    name = getattr(func, "__name__", "")
    places = {x.device for x in tensors if x.ndim or isinstance(x, Elsewhere)}
    if len(places) > 1:
        where = " and ".join(sorted(map(str, places)))
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, got {where}")
    (place,) = places
    if name in READING:
        size = args[0].nbytes if name == "tolist" else args[0].element_size()
        _count("down", size, waits=True)
    if kwargs.get("device") is not None:
        place, kwargs["device"] = _number(kwargs["device"]), "cpu"
    given = {id(x): x for x in tensors}
    with torch._C.DisableTorchFunctionSubclass():
        result = func(*tree_map(_plain, args), **tree_map(_plain, kwargs))
    if name == "__setitem__":
        return None
    if any(result is x for x in given.values()):
        return result
    if isinstance(result, torch.Tensor) and name.endswith("_") and not name.endswith("__"):
        return args[0]  # in place
    return tree_map(lambda x: _on(x, place) if isinstance(x, torch.Tensor) else x, result)


def _attribute(func, tensor):
    name = func.__self__.__name__
    if name == "device":
        return tensor.place
    if name in ("is_cuda", "is_cpu"):
        return name == "is_cuda"
    with torch._C.DisableTorchFunctionSubclass():
        value = func(_plain(tensor) if name in ("T", "mT", "data", "real", "imag") else tensor)
    return _on(value, tensor.place) if isinstance(value, torch.Tensor) and name != "grad" else value


def _to(args, kwargs):
    source, *rest = args
    asked = [*rest, *kwargs.values()]
    like = next((x for x in asked if isinstance(x, torch.Tensor)), None)
    places = [torch.device(x) for x in asked if isinstance(x, str | torch.device)]
    place = places[0] if places else source.device if like is None else like.device
    kinds = [x for x in asked if isinstance(x, torch.dtype)]
    kinds += [source.dtype if like is None else like.dtype]
    how = {k: v for k, v in kwargs.items() if k in ("memory_format", "copy")}
    blocking = kwargs.get("non_blocking", False)
    place = _number(place) if place.type == "cuda" else place
    if place == source.device:
        with torch._C.DisableTorchFunctionSubclass():
            made = _plain(source).to(kinds[0], **how)
        memory = {(each.data_ptr(), each.dtype) for each in (made, source)}
        same = made is source or len(memory) == 1
        return source if same and not how else _on(made, place)
    return _moved(source, place, non_blocking=blocking, dtype=kinds[0])


def _moved(source, place, *, non_blocking=False, dtype=None):
    if source.device == place:
        return source
    _count("down" if place.type == "cpu" else "up", source.nbytes, waits=not non_blocking)
    with torch._C.DisableTorchFunctionSubclass():
        made = _plain(source).clone().to(dtype or source.dtype)
    return _on(made, place)


def _copied(to, source, non_blocking=False):
    if to.device != source.device:
        way = "up" if isinstance(to, Elsewhere) else "down"
        _count(way, source.nbytes, waits=not non_blocking)
    with torch._C.DisableTorchFunctionSubclass():
        _plain(to).copy_(_plain(source))
    return to


def _plain(x):
    return x.as_subclass(torch.Tensor) if isinstance(x, Elsewhere) else x


def _on(x, place):
    if place.type == "cpu" or not isinstance(x, torch.Tensor):
        return x
    with torch._C.DisableTorchFunctionSubclass():
        made = x.as_subclass(Elsewhere)
    made.place = place
    return made


def _number(place):
    place = torch.device(place)
    return torch.device(place.type, place.index or 0) if place.type == "cuda" else place


def _count(way, size, *, waits):
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    line = ""
    if frame is not None:
        line = f"{frame.f_code.co_filename[len(PACKAGE) + 1 :]}:{frame.f_lineno}"
    Elsewhere.copies.made.append(Copy(way, size, line, waits))
