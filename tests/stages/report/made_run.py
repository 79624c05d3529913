"""A made run folder for tests of the page's layout: seeded invented numbers in the contract's tables.

Nothing here says anything about any model. Stability, correlation, witnesses and policy are computed by their own
studies from the invented predictions and differences, so that every column is what the program really writes.
"""

import base64
import shutil

import cv2
import numpy as np
import pandas as pd
import torch

from tests.made_frames import batch_of
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.metric import ANCHOR_DELTAS, AlongTime
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.predictions import Classifications
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.index import collect
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.catalogue import RECODED, REPLAYED, UNDIVIDED
from vidrobust.stages.causes.naming import named, replicated
from vidrobust.stages.causes.shares import summarise as summarise_account
from vidrobust.stages.causes.shares import summarise_by
from vidrobust.stages.correlate.stage import CORRELATE
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.stability.rates import summarise
from vidrobust.stages.variation.meter import summarise as summarise_variation
from vidrobust.stages.variation.spread import UNITS, spread_of
from vidrobust.tables import schema as tables

RATE = 25.0
CLASSES = (
    "tench, Tinca tinca",
    "mountain bike, all-terrain bike, off-roader",
    "unicycle, monocycle",
    "switch, electric switch, electrical switch",
    'bolt <M6> & "nut"',
    "streetcar, tram, tramcar, trolley, trolley car",
    "gas pump, gasoline pump, petrol pump, island dispenser",
)
"""The longest names of ImageNet, and one that would break a page that does not escape."""
MOST_VARIED = 6
"""Items whose changes are invented; more of them draw nothing else."""
WITHIN = ("brightness", "translation", "gaussian_blur", "gaussian_noise", "rotation", "jpeg")


def make(
    path,
    *,
    models=("net-a",),
    items=2,
    frames=100,
    studied=24,
    perturbations=(),
    conclude=True,
    player=True,
    seed=0,
):
    """A run folder with the tables of every stage; all natural perturbations by default.

    frames of each item, of which ``studied`` have a sensitivity; conclude: correlation and policy as well
    """
    rng = np.random.default_rng(seed)
    names = [f"clip {i:03d}" for i in range(items)]
    folder = RunFolder.create(path, Settings(sources=tuple(names), model=models, resamples=200))
    folder.update(
        inputs=[_input(name, frames) for name in names],
        failed=[{"path": "absent.mp4", "error": "absent.mp4: no such file"}],
        left_out=[{"path": "notes.txt", "reason": "not footage"}],
        models=[
            {"name": m, "spec": m, "preprocessing": "resized", "weights_sha256": "0" * 64}
            for m in models
        ],
    )
    found = [part for name in names for part in _stability(name, models, frames, rng)]
    kept = task_of("classification").tables
    raw = {t: pd.concat([part[t] for part in found], ignore_index=True) for t in kept}
    for table, rows in raw.items():
        folder.write_table(table, rows)
    frame_table, pairs = raw["frames"], raw["pairs"]
    stability = summarise(raw, metrics_of("classification", ANCHOR_DELTAS))
    folder.write_table("stability", pd.concat([stability, _floor(models)], ignore_index=True))
    folder.write_table("sensitivity", _sensitivity(pairs, models, studied, perturbations, rng))
    changes = _changes(names[:MOST_VARIED], rng)
    folder.write_table("changes", changes)
    folder.write_table("variation", summarise_variation(changes))
    folder.write_table("spread", spread_of(changes, dict.fromkeys(names, 640)))
    causes = _causes(pairs, models, rng)
    folder.write_table("causes", causes)
    folder.write_table("candidate_fits", _within(causes))
    account = summarise_account(causes)
    folder.write_table("account", account)
    folder.write_table("account_by", summarise_by(causes))
    by_pairs = account.assign(low=account["pairs_low"])  # noise and coding with them
    folder.write_table("named", replicated(causes, named(by_pairs)))
    _moments(folder, pairs, frame_table, models, rng, player=player)
    for stage in ("stability", "sensitivity", "variation", "causes"):
        folder.note_stage(stage, {"seconds": 12.3})
    if conclude:
        run = OpenRun(folder, folder.settings, Reporter(quiet=True))
        CORRELATE.make(run)
        POLICY.make(run)
        folder.note_stage("correlate", {"seconds": 1.0})
        folder.note_stage("policy", {"seconds": 1.0})
    folder.write_json("metrics.json", collect(folder))
    return folder


def _input(name, frames):
    return {
        "item": name, "path": f"{name}.mp4", "sha256": "ab" * 32, "width": 640, "height": 360, "frame_rate": RATE,
        "frames": frames, "corrupt_frames": 0, "end_s": frames / RATE, "codec": "h264", "pixel_format": "yuv420p",
        "backend": "pyav", "device": "cpu", "reason": "made", "notes": [], "problems": [],
    }  # fmt: skip


def _stability(item, models, frames, rng):
    """A walk of logits per model; one cut in the middle, one repeated frame."""
    index = np.arange(frames)
    reason = np.full(frames, "", dtype=object)
    reason[0], reason[frames // 2], reason[frames // 3] = "first", "scene_cut", "duplicate"
    restless = rng.uniform(0.02, 0.5)
    predictions = {}
    for model in models:
        walk = np.cumsum(rng.normal(0, 0.15, (frames, len(CLASSES))), axis=0)
        walk += rng.normal(0, restless, (frames, len(CLASSES))) + rng.normal(0, 1.5, len(CLASSES))
        predictions[model] = Classifications.from_logits(walk, CLASSES)
    batch = batch_of(torch.zeros((frames, 3, 2, 2), dtype=torch.uint8), item=item)
    transitions = FrameTransitions(
        reason=reason,
        pixel_change=rng.gamma(2, 1, frames),
        shift=np.zeros((frames, 2)),
        keyframe=index % 25 == 0,
    )
    found = []
    for model in models:
        make_meter = task_of("classification").meter
        along, metrics = AlongTime(frame_rate=RATE), metrics_of("classification")
        meter = make_meter(item, model, along, metrics)
        meter.feed(batch, transitions, predictions[model])
        found.append(meter.finish())
    return found


def _floor(models):
    names, values = ["noise_floor_total_variation", "noise_floor_label_flip"], [3e-7, 0.0]
    parts = [pd.DataFrame({"model": m, "metric": names, "value": values}) for m in models]
    none = {"item": "", "n": 24, "cluster": "", "clusters": 0, "low": np.nan, "high": np.nan}
    return pd.concat(parts, ignore_index=True).assign(**none)


def _sensitivity(pairs, models, studied, perturbations, rng):
    """Differences that grow with strength; of some perturbations along with the natural change of the frame."""
    named = [PERTURBATIONS[key] for key in perturbations]
    chosen = named or list(suite("natural"))
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    place = near.groupby(["model", "item"], sort=False).cumcount()
    size = near.groupby(["model", "item"], sort=False)["frame_a"].transform("size")
    some = near[place % np.maximum(1, size // studied) == 0]
    natural, n = some["total_variation"].to_numpy(), len(some)
    parts = []
    for k, perturbation in enumerate(chosen):
        own = natural if perturbation.key in WITHIN else rng.beta(1, 4, n)
        threshold = rng.uniform(0.2, 0.9, n)
        for level, strength in enumerate(perturbation.strengths):
            change = np.clip(own * (level + 1) / (2 + k % 4) + rng.beta(1, 30, n), 0, 1)
            for metric, value in (
                ("total_variation", change),
                ("label_flip", (change > threshold).astype(float)),
                ("top1_probability_change", change * 0.8),
                ("jensen_shannon", change**2),
                ("top5_distance", np.round(change * 15)),
            ):
                of = {"perturbation": perturbation.key, "strength": strength, "draw": 0}
                rows = some[["model", "item"]].assign(frame=some["frame_a"], **of)
                parts.append(rows.assign(metric=metric, value=value))
    return pd.concat(parts, ignore_index=True)


def _changes(items, rng):
    parts = []
    for scale, count in (("adjacent", 40), ("second", 6), ("clip", 3)):
        frame = np.tile(np.arange(count), len(items))
        of = {"item": np.repeat(items, count), "frame_a": frame, "frame_b": frame + 1}
        of |= {"delta_ms": 40.0, "scale": scale}
        for quantity, unit in UNITS.items():
            rest, size = (1.0, 0.02) if unit.startswith("ratio") else (0.0, 0.6)
            who = "part" if quantity.startswith(("part", "moving")) else "camera"
            seen = {"value": rest + rng.normal(0, size, len(frame)), "error": size / 10}
            seen |= {"valid": rng.random(len(frame)) > 0.1}
            parts.append(pd.DataFrame({**of, "quantity": quantity, "who": who, **seen}))
    return tables.check("changes", pd.concat(parts, ignore_index=True))


SHARES = {"light": 0.02, "colour": 0.01, "camera": 0.4, "objects": 0.2, "came_into_view": 0.1}
SHARES |= {"sharpness": 0.0, "noise_and_coding": 0.2}
SHARES |= {"noise_and_detail_undivided": 0.0}  # what is left, so that all add up to the change
"""What each cause holds of the invented change."""


def _causes(pairs, models, rng):
    """The invented change of some pairs, shared out among the causes with a little scatter."""
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    place = near.groupby(["model", "item"], sort=False).cumcount()
    some = near[place % 4 == 0]
    change = 10 * some["total_variation"].to_numpy() + 1
    parts = []
    for cause, share in SHARES.items():
        along = change * (share + rng.normal(0, 0.02, len(some)))
        if cause == UNDIVIDED["noise_and_detail"]:
            along = change - sum(part["projection"].to_numpy() for part in parts)
        replayed = cause in REPLAYED
        rows = some[["item", "model", "frame_a", "frame_b", "time_s"]].reset_index(drop=True)
        rows = rows.assign(cause=cause, projection=along, squared_change=change, weight=1.0)
        rows = rows.assign(excluded="", flip=some["label_flip"].to_numpy(), size=1.0, unit="px")
        rows = rows.assign(measured="1 px", scale="adjacent", margin_step=np.nan, unsure=0.0)
        rows = rows.assign(placebo=0.2 * along if replayed else np.nan, alone=False, slight=0.0)
        rows = rows.assign(**dict.fromkeys(RECODED, np.nan), margin_past=np.nan)
        parts.append(rows.assign(class_a=CLASSES[0], class_b=CLASSES[1]))
    return pd.concat(parts, ignore_index=True)


def _within(causes):
    """A shift of the whole picture does nine tenths of what the camera does."""
    camera = causes[causes["cause"] == "camera"]
    keys = ["item", "model", "frame_a", "frame_b", "cause", "weight", "scale"]
    whole, does = camera["projection"], {"perturbation": "translation", "strength": 2.0}
    none = {"grain": np.nan, "grain_seen": np.nan}
    return camera[keys].assign(**does, along=0.9 * whole, along_cause=whole, **none)


def _moments(folder, pairs, frames, models, rng, *, player):
    """Six flips a model; the first of each with a strip of replays. player: with pictures of every frame."""
    (folder.path / "moments").mkdir()
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    lookup = frames.set_index(["model", "item", "frame"])
    moments = []
    for model in models:
        worst = near[near["model"] == model].nlargest(6, "total_variation")
        for pair in worst.itertuples():
            a, b = (lookup.loc[(model, pair.item, frame)] for frame in (pair.frame_a, pair.frame_b))
            moment = {
                "model": model, "item": pair.item, "frame_a": pair.frame_a, "frame_b": pair.frame_b,
                "time_a_s": a.time_s, "time_b_s": b.time_s, "label_a": a.label_name, "label_b": b.label_name,
                "probability_a": a.probability, "probability_b": b.probability, "flip": bool(pair.label_flip),
                "total_variation": pair.total_variation, "pixel_change": pair.pixel_change,
            }  # fmt: skip
            for side in ("a", "b"):
                moment[f"picture_{side}"] = _picture(folder, f"{len(moments):02d}_{side}", 480, rng)
            if pair.Index == worst.index[0]:
                again = f"frame {pair.frame_a}, re-created from its neighbour"
                ends = [(f"frame {frame}", frame) for frame in (pair.frame_a, pair.frame_b)]
                shown = [ends[0], (again, None), ("and camera", None), ends[1]]
                tiles = []
                for k, (title, frame) in enumerate(shown):
                    tile = {"title": title, "label": (b if k > 1 else a).label_name, "frame": frame}
                    picture = _picture(folder, f"{len(moments):02d}_strip_{k}", 240, rng)
                    tiles.append(tile | {"probability": 0.5, "measured": "", "picture": picture})
                moment["strip"] = tiles
            moments.append(moment)
    kept = _player(folder, near, rng) if player else 0
    seen = frames.drop_duplicates(["item", "frame"])
    said = {"every": 1, "kept": kept, "of": len(seen), "left": 0, "width": 64}
    folder.write_json("moments.json", {"moments": moments, "player": said})


def _player(folder, near, rng):
    """A small picture of every frame, and the difference of every flip; how many frames."""
    frames = near[["item", "frame_b"]].drop_duplicates()
    frames = pd.concat([frames.assign(frame_b=0).drop_duplicates(), frames])
    flips = near.loc[near["label_flip"], ["item", "frame_b"]].drop_duplicates()
    rows = [
        {"item": row.item, "frame": row.frame_b, "kind": kind, "factor": 4.0, "picture": _jpeg(rng)}
        for kind, of in (("frame", frames), ("difference", flips))
        for row in of.itertuples()
    ]
    folder.write_table("player_frames", pd.DataFrame(rows))
    return len(frames)


def _jpeg(rng):
    small = rng.integers(0, 256, (3, 5, 3)).astype(np.uint8)
    done, data = cv2.imencode(".jpg", cv2.resize(small, (64, 36), interpolation=cv2.INTER_CUBIC))
    assert done
    return base64.b64encode(data.tobytes()).decode("ascii")


def _picture(folder, name, width, rng):
    small = rng.integers(0, 256, (6, 10, 3)).astype(np.uint8)
    big = cv2.resize(small, (width, width * 9 // 16), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder.path / "moments" / f"{name}.jpg"), big)
    return f"moments/{name}.jpg"


def keep_only(folder, *kept):
    """Remove every table and file but run.json and those named (without their endings)."""
    for path in folder.path.iterdir():
        if path.is_file() and path.name != "run.json" and path.stem not in kept:
            path.unlink()
    if "policy" not in kept:
        shutil.rmtree(folder.path / "policies", ignore_errors=True)
    folder.update(stages={})
