"""The whole order: which stages there are, what each needs, and how they run one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import model_info
from vidrobust.models.load import load_classifiers
from vidrobust.predictions import Classifier
from vidrobust.run import footage_pass, headline, inputs, sensitivity_pass
from vidrobust.run.folder import RunFolder
from vidrobust.run.inputs import Inputs
from vidrobust.run.progress import Reporter
from vidrobust.run.settings import Settings

STAGES = ("stability", "sensitivity", "variation", "causes", "correlate", "policy", "report")


class Study:
    """A run on one folder. Footage and models are opened when the first stage needs them."""

    def __init__(self, folder: RunFolder, settings: Settings, reporter: Reporter) -> None:
        self.folder, self.settings, self.reporter = folder, settings, reporter
        self._inputs: Inputs | None = None
        self._models: list[Classifier] | None = None

    def run(self, stages: Sequence[str]) -> None:
        """Run these stages in their order; each leaves its tables complete."""
        work: dict[str, Callable[[], None]] = {
            "stability": self._stability,
            "sensitivity": self._sensitivity,
            "variation": self._variation,
            "causes": self._causes,
            "correlate": self._correlate,
            "policy": self._policy,
            "report": self._report,
        }
        for stage in STAGES:
            if stage not in stages or (stage == "variation" and "stability" in stages):
                continue  # the first pass measures the variation along with the stability
            started = time.perf_counter()
            work[stage]()
            self.folder.write_json("metrics.json", headline.collect(self.folder))
            self.folder.stage_done(stage, time.perf_counter() - started)

    @property
    def failed(self) -> list[dict[str, str]]:
        """Inputs that could not be read."""
        return list(self.folder.run["failed"])

    @property
    def inputs(self) -> Inputs:
        if self._inputs is None:
            self._inputs = inputs.find(self.settings, self.reporter)
            if not self._inputs.items:
                self.folder.update(failed=self._inputs.failed, left_out=self._inputs.left_out)
                raise InputError("nothing could be evaluated: none of the sources holds any footage")
        return self._inputs

    @property
    def models(self) -> list[Classifier]:
        if self._models is None:
            if not self.settings.model:
                raise SettingsError(
                    "no model given: use --model SPEC, for example --model efficientnet-lite0"
                )
            self._models = load_classifiers(self.settings.model, device=self.settings.device)
            for model in self._models:
                self.reporter.say(f"model {model.name}: {len(model.class_names)} classes")
            described = [{"name": model.name, **model_info(model).as_dict()} for model in self._models]
            self.folder.update(models=described)
        return self._models

    def _stability(self) -> None:
        models = self.models  # a wrong spec is found before any video is opened
        footage_pass.run(self.folder, self.inputs, models, self.settings, self.reporter)

    def _variation(self) -> None:
        footage_pass.run(self.folder, self.inputs, [], self.settings, self.reporter)

    def _sensitivity(self) -> None:
        models = self.models
        sensitivity_pass.run(self.folder, self.inputs, models, self.settings, self.reporter)

    def _causes(self) -> None:
        from vidrobust.run import causes_pass

        models = self.models
        causes_pass.run(self.folder, self.inputs, models, self.settings, self.reporter)

    def _correlate(self) -> None:
        from vidrobust.run import conclusions

        conclusions.correlate(self.folder, self.settings, self.reporter)

    def _policy(self) -> None:
        from vidrobust.run import conclusions

        conclusions.make_policy(self.folder, self.settings, self.reporter)

    def _report(self) -> None:
        from vidrobust.report.html import write_report

        path = write_report(self.folder.path)
        self.reporter.say(f"report: {path}")


def open_study(target: Sequence[str], out: str | None, settings: Settings, reporter: Reporter) -> Study:
    """A new study of some sources in ``out``, or the default folder under reports/."""
    if not target:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    path = Path(out) if out else Path("reports") / _name(target[0])
    return Study(RunFolder.create(path, settings), settings, reporter)


def _name(source: str) -> str:
    """A folder name from the first source: its stem, in letters, digits, dot, dash and underscore."""
    stem = Path(source).stem or Path(source).name
    cleaned = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem).strip("._")
    return cleaned or "study"
