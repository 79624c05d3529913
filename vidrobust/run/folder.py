"""The run folder: what a run leaves behind, written beside and renamed, so that a file is whole or absent."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust import tables
from vidrobust.errors import InputError, SettingsError
from vidrobust.files import plain, write_text
from vidrobust.run.settings import Settings

PACKAGES = ("vidrobust", "torch", "torchvision", "av", "numpy", "pandas", "scipy", "opencv-python-headless")


class RunFolder:
    """A folder ``reports/NAME`` with run.json, the tables, metrics.json, the policy and the report."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, settings: Settings) -> RunFolder:
        """A new folder with run.json begun; the results of an earlier run in it are removed first.

        Raises SettingsError where it cannot be made, or where it holds something that is not a run.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()) and not is_run_folder(path):
                raise SettingsError(f"{path}: is not empty and not a run folder; give another --out")
            _remove_results(path)
        except OSError as error:
            raise SettingsError(
                f"{path}: the run folder cannot be made ({error.strerror}); see --out"
            ) from error
        folder = cls(path)
        folder.write_json(
            "run.json",
            {
                "schema": 1,
                "settings": settings.as_dict(),
                "versions": versions(),
                "inputs": [],
                "failed": [],
                "left_out": [],
                "models": [],
                "stages": {},
            },
        )
        return folder

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """A folder that a run has made; InputError where it is none."""
        if not is_run_folder(path):
            raise InputError(
                f"{path}: is not a run folder (it has no run.json); make one with vidrobust study"
            )
        return cls(path)

    @property
    def run(self) -> dict[str, Any]:
        """run.json as it stands."""
        return self.read_json("run.json")

    @property
    def settings(self) -> Settings:
        """The settings the run was made with."""
        return Settings().changed(self.run["settings"], str(self.path / "run.json"))

    def update(self, **values: Any) -> None:
        """Replace some keys of run.json."""
        self.write_json("run.json", {**self.run, **values})

    def stage_done(self, stage: str, seconds: float, **facts: Any) -> None:
        """Note that a stage is complete, how long it took, and what else there is to say of it."""
        run = self.run
        run["stages"][stage] = {"seconds": round(seconds, 2), **facts}
        self.write_json("run.json", run)

    def has(self, table: str) -> bool:
        return (self.path / f"{table}.parquet").is_file()

    def table(self, name: str) -> pd.DataFrame:
        """A table that must be there."""
        return tables.read(name, self.path)

    def table_or_empty(self, name: str) -> pd.DataFrame:
        """A table, or one without rows where its stage has not run."""
        return self.table(name) if self.has(name) else tables.empty(name)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        tables.write(name, table, self.path)

    def read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
        return content

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Strict JSON: what is not a number becomes null."""
        write_text(self.path / name, json.dumps(plain(content), indent=2, ensure_ascii=False) + "\n")


def _remove_results(path: Path) -> None:
    """What an earlier run wrote, so that old and new numbers never stand side by side."""
    for pattern in (
        "*.parquet",
        "*.json",
        "policy_*",
        "report.html",
        "moments/*.jpg",
        "policies/*/*",
        "*.part",
    ):
        for file in path.glob(pattern):
            file.unlink()


def is_run_folder(path: Path) -> bool:
    return (path / "run.json").is_file()


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed as a package"
    return found
