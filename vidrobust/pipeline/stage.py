"""Stage: one step of a run, and all that is known of it; what must be made follows from these records."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Per = Literal["item", "model", "run"]
How = Literal["stream", "frames", "tables"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A record; the list of stages is in ``pipeline/stages.py``.

    name      of its command, of its line in run.json, of its folder under parts/
    sentence  what it answers, for the command line
    version   raised whenever its numbers change; then its parts are made anew
    per       its unit of work: an item, an item and a model, or the whole run at once
    how       a unit's work is fed with every frame in order ("stream"), asks for single frames ("frames"), or
              reads tables ("tables", the whole run at once)
    tasks     of the models that have such a unit
    needs     stages whose results it reads: they are made first
    uses      stages whose results it reads where they are there
    settings  names of the settings on which its numbers depend
    summed    names of settings on which ``gives`` alone depends, not its parts; of ``labels`` also what they say
    also      "module:function" (Settings, Model or None) -> plain values on which they depend besides: what other
              packages bring
    unit_tables  raw tables, made unit by unit, the first one marks a unit as done
    gives     tables made of all units together; ``files`` beside them
    work      "module:function" that does one unit; docs/architecture.md has the signatures
    whole     "module:function" (Settings, model, what run.json says of the item, tables, transitions) -> the raw
              tables of an item in several segments, where rows depend on the whole of it
    counted   of a stage that works on a sample: the setting that says how many of the run, "frames" or "pairs"
    asks      "module:function" (Context) -> numbers of the frames that its work asks for, to be decoded once
    taken     "module:function" (rows, transitions, content, Settings, count) -> those of a sample so large
    steps     "module:function" (Settings) -> steps that one of the sample takes; ``step`` is what one is called
    finish    "module:function" (Run) that writes ``gives`` and ``files``
    told      "module:function" (Run) -> what ``--json`` prints
    check     "module:function" (Settings) that raises SettingsError for what the stage could not use
    command   whether it is a command of its own
    """

    name: str
    sentence: str
    version: int
    per: Per
    how: How
    tasks: tuple[str, ...] = ("classification", "detection")
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    summed: tuple[str, ...] = ()
    also: str = ""
    unit_tables: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    work: str = ""
    whole: str = ""
    counted: str = ""
    asks: str = ""
    taken: str = ""
    steps: str = ""
    step: str = "steps"
    finish: str = ""
    told: str = ""
    check: str = ""
    command: bool = True

    @property
    def reads_footage(self) -> bool:
        """Whether its units are cut from footage."""
        return self.how != "tables"


def load(place: str) -> Callable[..., Any]:
    """The function that "module:function" names; imported only when it is called for."""
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
