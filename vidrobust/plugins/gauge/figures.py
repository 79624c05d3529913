"""Figures of a repeatability study by name, for gates.

``within_operator.fleiss_kappa`` is of each operator, ``between_operators.fleiss_kappa`` of all; a bare name
means the gauge, all operators, or each against the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidrobust.run_folder.gates import Figures, FigureSource

if TYPE_CHECKING:
    from vidrobust.run_folder.folder import RunFolder

# The file of a run folder that holds its repeatability study.

FILE = "repeatability.json"


def current_study(folder: RunFolder) -> tuple[dict[str, Any] | None, str]:
    """The study of a run, or None where there is none or it is of other answers."""
    how = f"vidrobust repeatability {folder.path} makes it"
    if not (folder.path / FILE).is_file():
        return None, how
    study = folder.read_json(FILE)
    if study["of"] != folder.record.stability_key:
        return None, f"that in {FILE} is older than the run's answers, and {how} anew"
    return study, "" if study["gauge"] is not None else "; ".join(study["notes"])


SECTIONS = ("within_operator", "between_operators", "against_reference", "by_operator")
# Sections whose figures are meant where a rule names none.
BARE = ("between_operators", "against_reference")
GAUGE = "the gauge"
EVERYONE = "all operators"
SDS = ("repeatability_sd", "reproducibility_sd", "grr_sd", "part_sd", "total_sd")
TOLERATED = ("percent_tolerance", "percent_process")
OF_GAUGE = (*SDS, "percent_grr", *TOLERATED, "ndc")
OF_BIAS = ("bias", "cg", "cgk", "percent_linearity")
OF_AGREEMENT = ("agreement", "fleiss_kappa", "cohens_kappa")
OF_REFERENCE = (
    *("effectiveness", "all_operators", "kappa", "miss_rate", "false_alarm_rate"),
    *("miss_rate_over_parts", "false_alarm_rate_over_parts"),
)


def is_figure(name: str) -> bool:
    """Whether a name is one of a repeatability study, computed or not."""
    return name.partition(".")[0] in SECTIONS or name in {
        *OF_GAUGE,
        *OF_BIAS,
        *OF_AGREEMENT,
        *OF_REFERENCE,
    }


def _of_run(folder: Path) -> tuple[Figures, str]:
    from vidrobust.run_folder.folder import RunFolder

    study, why = current_study(RunFolder.existing(folder))
    return {} if study is None else figures_of(study), why


FIGURES = FigureSource(
    name="repeatability", knows=is_figure, of_run=_of_run, sections=SECTIONS, bare=BARE
)


def figures_of(study: Mapping[str, Any]) -> Figures:
    """The figures of a study as in its JSON."""
    if study["study"] == "gauge":
        return {**gauge_figures(study), **_by_operator(study)}
    if study["study"] == "attribute":
        return _attribute(study)
    if study["study"] == "bias":
        return bias_figures(study)
    gauge = study["gauge"]
    return {
        **_attribute(study["attribute"]),
        **(gauge_figures(gauge) if gauge else {}),
        **_by_operator(study),
    }


def gauge_figures(study: Mapping[str, Any]) -> Figures:
    """The figures of a gauge study alone."""
    n, parts = study["n"], study["components"]
    summary = {
        name: {
            "value": study[name],
            "low": parts[part]["sd_low"],
            "high": parts[part]["sd_high"],
            "n": n,
        }
        for name in SDS
        if (part := name.removesuffix("_sd")) in parts
    }
    for name in ("percent_grr", "ndc"):
        summary[name] = {
            "value": study[name],
            "low": study[f"{name}_low"],
            "high": study[f"{name}_high"],
            "n": n,
        }
    sd = study["grr_sd"]
    for name in TOLERATED:
        percent = study.get(name)
        if percent is not None and percent == percent:
            of_sd = {end: parts["grr"][f"sd_{end}"] for end in ("low", "high")}
            ends = {end: percent * of / sd if sd else None for end, of in of_sd.items()}
            summary[name] = {"value": percent, **ends, "n": n}
    return {name: {GAUGE: entry} for name, entry in summary.items()}


def bias_figures(study: Mapping[str, Any]) -> Figures:
    """The figures of a bias study: of each part, and of the line."""
    names = {"bias": ("low", "high"), "cg": ("cg_low", "cg_high"), "cgk": ("cgk_low", "cgk_high")}
    summary: Figures = {
        name: {
            row["part"]: {"value": row[name], "low": row[low], "high": row[high], "n": row["n"]}
            for row in study["parts"]
            if row[name] is not None
        }
        for name, (low, high) in names.items()
    }
    if line := study["linearity"]:
        sizes = [abs(100 * line[f"slope_{end}"]) for end in ("low", "high")]
        crosses = line["slope_low"] * line["slope_high"] < 0
        ends = {"low": 0.0 if crosses else min(sizes), "high": max(sizes)}
        value = {"value": line["percent_linearity"], **ends, "n": study["n"]}
        summary["percent_linearity"] = {GAUGE: value}
    return {name: of for name, of in summary.items() if of}


def _by_operator(study: Mapping[str, Any]) -> Figures:
    summary = {
        row["operator"]: {"value": row["repeatability_sd"]}
        | {k: row[k] for k in ("low", "high", "n")}
        for row in study.get("by_operator") or []
    }
    return {"by_operator.repeatability_sd": summary} if summary else {}


def _attribute(study: Mapping[str, Any]) -> Figures:
    within, between, against = (study[section] for section in SECTIONS[:3])
    summary: Figures = {}
    for name in ("agreement", "fleiss_kappa"):
        summary[f"within_operator.{name}"] = {who: row[name] for who, row in within.items()}
        summary[f"between_operators.{name}"] = {EVERYONE: between[name]}
    if between["cohens_kappa"]:
        pairs = {" and ".join(pair["operators"]): pair for pair in between["cohens_kappa"]}
        summary["between_operators.cohens_kappa"] = pairs
    if against:
        summary["against_reference.all_operators"] = {EVERYONE: against["all_operators"]}
        for name in OF_REFERENCE:
            of = {who: row[name] for who, row in against["operators"].items() if row.get(name)}
            if of:
                summary[f"against_reference.{name}"] = of
    return summary
