"""A second device for machines without one: tensors that compute on the CPU and say they do not.

A tensor that is made without `device=` works on a CPU and fails on a GPU, and few who change this
code have one. Here is what a GPU would refuse:

- an operation on tensors of both devices; only a CPU number without dimensions may join in, and CPU
  indices may choose from a tensor that is elsewhere;
- numbers drawn elsewhere by a generator of the CPU;
- float64, which Apple's GPUs do not have and other GPUs are slow at.

    with elsewhere():
        Studio().generate(config)  # once `resolve_device` gives DEVICE

How: an `Elsewhere` is a tensor without numbers of its own, on torch's device `meta`, and holds the
CPU tensor that has them. Every operation of torch comes by `_run`, which checks where its tensors
are, computes on the CPU and says that the results are elsewhere too. `meta` and no device of a name
of its own, as autograd needs one that torch knows in every build.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map
from transformers import PreTrainedModel

DEVICE = torch.device("meta")
_aten = torch.ops.aten
_CROSSING = {_aten._to_copy.default, _aten.copy_.default}  # operations between devices
_INDEXING = {
    _aten.index.Tensor,
    _aten.index_put.default,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
}
_JOINING = {_aten.cat.default, _aten.stack.default}  # these refuse even a CPU number


class MisplacedError(AssertionError):
    """What a GPU would have refused."""


class Elsewhere(Tensor):
    """A tensor that is not on the CPU, as far as anybody can tell.

    Attributes:
        held: its numbers, on the CPU.
    """

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Also without the mode, as in autograd's own threads."""
        return _run(operation, args, kwargs or {})

    # What follows would read or make numbers behind the dispatcher's back.

    def tolist(self) -> Any:
        """The numbers: they may be asked for on every device."""
        return self.held.tolist()

    def __getitem__(self, index: Any) -> Tensor:
        """Lists of numbers among the indices become tensors here, on the CPU."""
        return Tensor.__getitem__(self, _with_tensors(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        """As `__getitem__`."""
        Tensor.__setitem__(self, _with_tensors(index), value)

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        """For the messages of failing tests."""
        return f"Elsewhere({self.held})"


class _Everywhere(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees the operations without an `Elsewhere` too: those that make one."""

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(operation, args, kwargs or {})


class _Making(TorchFunctionMode):  # type: ignore[no-untyped-call]
    """These fill tensors from lists, behind the dispatcher's back."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        wanted = kwargs.get("device")
        if function not in (torch.tensor, torch.as_tensor) or wanted is None:
            return function(*args, **kwargs)
        return function(*args, **{**kwargs, "device": None}).to(wanted)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Let `DEVICE` be a device that computes, in this block."""
    real = PreTrainedModel.from_pretrained.__func__  # type: ignore[attr-defined]

    def loaded(cls: type, *args: Any, **kwargs: Any) -> Any:
        # transformers lays its networks out on the real `meta` before it reads their weights.
        with _disable_current_modes():
            return real(cls, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, _Making(), _Everywhere():
        patch.setattr(PreTrainedModel, "from_pretrained", classmethod(loaded))
        yield


def _with_tensors(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_with_tensors(part) for part in index)
    return torch.tensor(index) if isinstance(index, list) else index


def _run(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Check, compute on the CPU, and wrap the results where they belong elsewhere."""
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = [x for x in given if isinstance(x, Elsewhere)]
    _check_places(operation, args, [x for x in given if not isinstance(x, Elsewhere)], there)
    is_there = bool(there)
    if operation is _aten.copy_.default:
        is_there = isinstance(args[0], Elsewhere)
    if kwargs.get("device") is not None:
        is_there = torch.device(kwargs["device"]) == DEVICE
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if is_there and kwargs.get("generator") is not None:
        raise MisplacedError(f"{operation} draws elsewhere with a generator of the CPU")
    known = {id(x.held): x for x in there}  # what an operation in place gives back

    def wrapped(result: Any) -> Any:
        if not isinstance(result, Tensor) or not is_there:
            return result
        if result.dtype == torch.float64:
            raise MisplacedError(f"{operation} makes float64 elsewhere")
        return known[id(result)] if id(result) in known else Elsewhere(result)

    return tree_map(wrapped, operation(*_held(args), **_held(kwargs)))


def _check_places(operation: Any, args: Any, here: list[Tensor], there: list[Elsewhere]) -> None:
    if any(x.device == DEVICE for x in here):
        raise MisplacedError(f"{operation} is given a tensor without numbers")
    if not there or operation in _CROSSING:
        return
    if operation in _INDEXING:
        here = [x for x in (args[0], *args[2:3]) if not isinstance(x, Elsewhere)]
    alien = [x for x in here if x.dim() or operation in _JOINING]
    if alien:
        shapes = ", ".join(str(tuple(x.shape)) for x in alien)
        raise MisplacedError(f"{operation} is given tensors of the CPU among others: {shapes}")


def _held(given: Any) -> Any:
    return tree_map(lambda x: x.held if isinstance(x, Elsewhere) else x, given)
