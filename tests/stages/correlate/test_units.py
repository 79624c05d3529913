"""Units from small tables written down by hand; every expected value is counted from them."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from tests.stages.correlate.small_tables import frames_table, pairs_table, sensitivity_table
from vidrobust.errors import InputError, SettingsError
from vidrobust.stages.correlate.from_summaries import MetricRoles, family_of, units_of_summaries
from vidrobust.stages.correlate.units import mild_strengths, of_families, units_of_run, with_means


@pytest.fixture
def run():
    frames = frames_table([("a", f, 0.1 * f) for f in range(6)] + [("b", f, 0.9) for f in range(3)])
    pairs = pairs_table([
        ("a", 0, "", 0.1, 1.0), ("a", 1, "", 0.3, 3.0), ("a", 2, "scene_cut", 0.9, 90.0),
        ("a", 3, "", 0.6, 5.0), ("a", 4, "", 0.2, 7.0), ("b", 0, "", 0.4, 2.0), ("b", 1, "", 0.8, 4.0),
    ])  # fmt: skip
    shown = product((0, 1, 2, 4), (1, 2), (0, 1))
    rows = [("a", f, "fog", s, d, 0.1 * f + 0.01 * s + 0.001 * d) for f, s, d in shown]
    rows += [("b", 1, "fog", s, d, 0.5) for s, d in product((1, 2), (0, 1))]
    sensitivity = sensitivity_table(rows)
    return frames, pairs, sensitivity


def test_frames_take_the_pairs_on_both_sides_and_their_own_margin(run):
    units = units_of_run(*run, across="frames")
    # frame 2 starts a pair across a scene cut and is left out
    assert list(units.name) == ["a:0", "a:1", "a:4", "b:1"]
    assert list(units.skipped.values()) == [1]
    # a:0 has no pair before it; a:1 (.1 + .3) / 2; a:4 (.6 + .2) / 2; b:1 (.4 + .8) / 2
    np.testing.assert_allclose(units.instability["total_variation"], [0.1, 0.2, 0.4, 0.6])
    np.testing.assert_allclose(units.instability["label_flip"], [0, 0, 0.5, 0.5])
    np.testing.assert_allclose(units.confounders["pixel_change"], [1, 2, 6, 3])
    np.testing.assert_allclose(units.confounders["margin"], [0, 0.1, 0.4, 0.9])
    # mean over the two draws, strengths apart
    fog = [("fog", strength, "total_variation") for strength in (1.0, 2.0)]
    names = ["perturbation", "strength", "metric"]
    assert list(units.columns[names].itertuples(index=False, name=None)) == fog
    np.testing.assert_allclose(units.sensitivity[:, 0], [0.0105, 0.1105, 0.4105, 0.5])
    # halves: the pair ahead and the pair behind
    for half, expected in enumerate(([0.1, 0.3, 0.2, 0.8], [np.nan, 0.1, 0.6, 0.4])):
        found = units.instability_halves[half]["total_variation"]
        np.testing.assert_allclose(found, expected)
    # series end at the scene cut
    assert list(units.series) == ["a/0", "a/0", "a/1", "b/0"]
    assert units.clusters_are == "stretches"  # two clips are too few
    assert len(units.notes) == 1


def test_clips_take_means_over_valid_pairs_frames_and_sampled_frames(run):
    units = units_of_run(*run, across="clips")
    assert list(units.name) == ["a", "b"]
    np.testing.assert_allclose(units.instability["total_variation"], [1.2 / 4, 0.6])
    np.testing.assert_allclose(units.confounders["pixel_change"], [16 / 4, 3])
    np.testing.assert_allclose(units.confounders["margin"], [0.25, 0.9])
    np.testing.assert_allclose(units.sensitivity[:, 1], [(0 + 0.1 + 0.2 + 0.4) / 4 + 0.0205, 0.5])
    # sampled frames of a: 0 1 2 4, their median 1.5 cuts time in two
    np.testing.assert_allclose(units.instability_halves[0]["total_variation"][0], (0.1 + 0.3) / 2)
    np.testing.assert_allclose(units.instability_halves[1]["total_variation"][0], (0.6 + 0.2) / 2)
    assert units.series is None
    grouped = units_of_run(*run, across="clips", groups={"a": "bolt 7", "b": "bolt 7"})
    assert set(grouped.cluster) == {"bolt 7"}


def test_scenes_are_clusters_where_clips_are_few():
    cuts = range(3, 40, 4)
    frames = frames_table([("a", f, 0.5) for f in range(42)])
    pairs = pairs_table([("a", f, "scene_cut" if f in cuts else "", 0.1, 1.0) for f in range(41)])
    sensitivity = sensitivity_table([("a", f, "fog", 1, 0, 0.1) for f in range(0, 42, 2)])
    units = units_of_run(frames, pairs, sensitivity)
    assert units.clusters_are == "scenes"
    # cuts end after frames 3, 7 ... 39: scene of frame f is f // 4
    assert list(units.cluster) == [f"a/{f // 4}" for f in range(0, 41, 2)]


def test_clips_are_clusters_where_there_are_enough():
    frames = frames_table([(f"c{c}", f, 0.5) for c in range(8) for f in range(3)])
    pairs = pairs_table([(f"c{c}", f, "", 0.1, 1.0) for c in range(8) for f in range(2)])
    sensitivity = sensitivity_table([(f"c{c}", 1, "fog", 1, 0, 0.1) for c in range(8)])
    units = units_of_run(frames, pairs, sensitivity)
    assert units.clusters_are == "clips"
    assert list(units.cluster) == [f"c{c}" for c in range(8)]
    assert units.sensitivity_halves is None  # one draw


def test_pixel_change_that_was_not_measured_is_dropped_and_said(run):
    frames, pairs, sensitivity = run
    measured = units_of_run(*run)
    not_measured = units_of_run(frames, pairs.assign(pixel_change=np.nan), sensitivity)
    assert list(not_measured.confounders) == ["margin"]
    assert len(not_measured.notes) == len(measured.notes) + 1
    assert not measured.uncontrolled


def test_models_are_never_pooled(run):
    frames, pairs, sensitivity = run
    both = pd.concat([sensitivity, sensitivity.assign(model="other")])
    with pytest.raises(SettingsError, match="net, other"):
        units_of_run(frames, pairs, both)
    assert units_of_run(frames, pairs, both, model="net").model == "net"
    with pytest.raises(SettingsError, match="third"):
        units_of_run(frames, pairs, both, model="third")


def test_wrong_settings_and_empty_tables_are_errors(run):
    frames, pairs, sensitivity = run
    for across in ("models", "tracks"):
        with pytest.raises(SettingsError, match=across):
            units_of_run(*run, across=across)
    with pytest.raises(InputError):
        units_of_run(frames, pairs.assign(excluded="motion"), sensitivity)


# ---------------------------------------------------------------------------------------- across models


def stability_rows(rows):
    """rows (model, item, metric, value, low, high, n)."""
    return pd.DataFrame(rows, columns=["model", "item", "metric", "value", "low", "high", "n"])


def model_tables(count=4, metric="accuracy"):
    accuracy = {f"net{i}": 0.5 + 0.1 * i for i in range(count)}
    stable = [
        (m, "", name, a - less, np.nan, np.nan, 400)
        for name, less in (("clean_accuracy", 0.0), ("pm10", 0.2))
        for m, a in accuracy.items()
    ]
    names = ["model", "item", "frame", "perturbation", "strength", "draw", "metric", "value"]
    shown = [(m, s, a - 0.1 * s) for m, a in accuracy.items() for s in (1, 2)]
    sensitive = [(m, "", 0, "fog", s, 0, metric, value) for m, s, value in shown]
    return stability_rows(stable), pd.DataFrame(sensitive, columns=names)


def test_models_turn_accuracies_round_and_leave_clean_accuracy_to_the_confounder():
    units = units_of_summaries(*model_tables())
    assert list(units.confounders) == ["clean_accuracy"]
    assert list(units.instability) == ["pm10"]
    np.testing.assert_allclose(units.instability["pm10"], [-0.3, -0.4, -0.5, -0.6])
    np.testing.assert_allclose(units.sensitivity[:, 1], [-0.3, -0.4, -0.5, -0.6])
    assert units.turned == ("accuracy", "pm10")
    # binomial error on 400 images: mean of a (1 - a) / 400 over the variance of .5 .6 .7 .8, which is 1/60;
    # half of it is common to models that saw the same images
    error = np.mean([0.25, 0.24, 0.21, 0.16]) / 400
    np.testing.assert_allclose(units.confounder_reliability, [1 - error * 60 / 2])
    stable, sensitive = model_tables()
    stable = stable.assign(low=stable["value"] - 0.0196, high=stable["value"] + 0.0196)
    found = units_of_summaries(stable, sensitive).confounder_reliability
    np.testing.assert_allclose(found, [1 - 1e-4 * 60 / 2])


def test_an_empty_cell_of_a_csv_is_the_item_over_all():
    stable, sensitive = model_tables()
    units = units_of_summaries(stable.assign(item=np.nan), sensitive.assign(item=np.nan))
    np.testing.assert_allclose(units.instability["pm10"], [-0.3, -0.4, -0.5, -0.6])
    few = sensitive.drop(columns=["item", "frame", "draw"])
    fewer = units_of_summaries(stable[["model", "metric", "value"]], few)
    np.testing.assert_allclose(fewer.sensitivity, units.sensitivity)
    assert np.isnan(fewer.confounder_reliability).all()


def test_rows_per_item_are_averaged_where_there_is_none_over_all():
    models, items = {"x": 0.2, "y": 0.4}, {"c1": 0.1, "c2": 0.2, "c3": 0.9}
    every = product(models, enumerate(items), ("clean_accuracy", "label_flip"))
    stable = stability_rows([(m, i, k, models[m] + 0.1 * n, 0, 1, 1) for m, (n, i), k in every])
    sensitive = sensitivity_table([(i, 0, "fog", 1, 0, v) for i, v in items.items()])
    sensitive = pd.concat([sensitive.assign(model="x"), sensitive.assign(model="y", value=0.5)])
    units = units_of_summaries(stable, sensitive)
    np.testing.assert_allclose(units.instability["label_flip"], [0.3, 0.5])
    np.testing.assert_allclose(units.sensitivity[:, 0], [0.4, 0.5])
    # halves: items c1 and c3, and c2
    np.testing.assert_allclose(units.sensitivity_halves[0][:, 0], [0.5, 0.5])
    np.testing.assert_allclose(units.instability_halves[1]["label_flip"], [0.3, 0.5])


def test_unknown_metrics_ask_and_a_wrong_statement_is_found_out():
    stable, sensitive = model_tables(metric="goodness")
    with pytest.raises(SettingsError, match="goodness"):
        units_of_summaries(stable, sensitive)
    several = pd.concat([sensitive.assign(perturbation=p) for p in ("fog", "snow", "frost")])
    good, bad = (MetricRoles(higher_is_better={"goodness": is_good}) for is_good in (True, False))
    units = units_of_summaries(stable, several, roles=good)
    np.testing.assert_allclose(units.sensitivity[0], [-0.4, -0.3] * 3)
    with pytest.raises(SettingsError, match="goodness"):
        units_of_summaries(stable, several, roles=bad)
    unclear = pd.concat([stable, stable[:4].assign(metric="vim")])
    relaxed = units_of_summaries(unclear, model_tables()[1], strict=False)
    assert list(relaxed.instability) == ["pm10"]
    assert any("vim" in note for note in relaxed.notes)


def test_without_clean_accuracy_margins_stand_in_but_carry_no_verdict():
    stable, sensitive = model_tables()
    stable = stable[stable["metric"] == "pm10"]
    assert units_of_summaries(stable, sensitive).uncontrolled
    each = [frames_table([("a", 0, 0.1 * k)]).assign(model=f"net{k}") for k in range(4)]
    frames = pd.concat(each)
    units = units_of_summaries(stable, sensitive, frames=frames)
    np.testing.assert_allclose(units.confounders["margin"], [0, 0.1, 0.2, 0.3])
    assert units.uncontrolled
    with pytest.raises(SettingsError, match="accuracy"):
        units_of_summaries(stable, sensitive, roles=MetricRoles(confounders=("accuracy",)))


def test_models_in_one_table_only_are_counted():
    stable, sensitive = model_tables()
    units = units_of_summaries(stable, sensitive[sensitive["model"] != "net2"])
    assert units.skipped == {"models in one table only": 1}
    with pytest.raises(InputError):
        units_of_summaries(stable, sensitive.assign(model="stranger"))


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("torchvision:resnet50", "resnet"),
        ("resnet101_augmix", "resnet"),
        ("timm:vit_base_patch16_224", "vit"),
        ("efficientnet-b0", "efficientnet"),
        ("vgg16_bn", "vgg"),
        ("onnx:models/squeezenet1_1.onnx", "squeezenet"),
        ("3d-net", "3d"),
    ],
)
def test_families_are_read_off_names(model, family):
    assert family_of(model) == family


def test_families_are_clusters_where_there_are_enough_of_them():
    families = ("resnet", "vgg", "vit", "swin", "dpn", "alexnet", "nasnet", "xception")
    stable, sensitive = model_tables(16)
    renamed = {f"net{i}": f"{families[i // 2]}{i % 2 + 1}" for i in range(16)}
    both = [t.assign(model=t["model"].map(renamed)) for t in (stable, sensitive)]
    units = units_of_summaries(*both)
    assert units.clusters_are == "families"
    assert len(set(units.cluster)) == 8
    alone = units_of_summaries(stable, sensitive)
    assert alone.clusters_are == "models"
    assert len(set(alone.cluster)) == 16
    groups = MetricRoles(groups={f"net{i}": f"g{i % 3}" for i in range(16)})
    given = units_of_summaries(stable, sensitive, roles=groups)
    assert set(given.cluster) == {"g0", "g1", "g2"}


def test_strengths_that_do_more_than_twice_as_much_as_the_footage_do_not_count():
    names, strengths = ["fog"] * 3 + ["mist"] * 2 + ["rain"], [1.0, 2.0, 3.0, 1.0, 2.0, 1.0]
    columns = pd.DataFrame({"perturbation": names, "strength": strengths})
    columns["metric"] = ["total_variation"] * 5 + ["error"]
    # means .1, .2, .5, .3, .9
    sensitivity = np.array([[0.1, 0.2, 0.6, 0.3, 0.9, 9.0], [np.nan, 0.2, 0.4, 0.3, 0.9, 9.0]])
    natural = pd.DataFrame({"total_variation": [0.05, 0.15]})  # its mean is .1, and the limit .2
    # mist at its mildest stays, and so does a metric that the footage does not have
    expected = [True, True, False, True, False, True]
    assert list(mild_strengths(columns, sensitivity, natural)) == expected


def clips_of(rows, change=0.1):
    """Units across four clips with a natural change, of the sensitivities in rows."""
    names = [f"c{clip}" for clip in range(4)]
    margins = [(name, 0.1 + 0.2 * k) for k, name in enumerate(names)]
    frames = frames_table([(name, f, margin) for name, margin in margins for f in range(3)])
    pairs = pairs_table([(name, f, "", change, 1.0 + f) for name in names for f in (0, 1)])
    return units_of_run(frames, pairs, sensitivity_table(rows), across="clips")


def test_means_over_strengths_are_of_the_mild_ones_where_each_clip_was_shown_one():
    shown = [(f"c{c}", 0, "fog", s, 0, c * v) for c in range(4) for s, v in ((1, 0.1), (2, 0.5))]
    columns, values = with_means(clips_of(shown))
    whole = columns["overall"].to_numpy()
    np.testing.assert_allclose(values[:, whole][:, 0], [0.0, 0.1, 0.2, 0.3])
    # the last clip was shown the heavy one alone: all strengths count, by places among others shown the same
    columns, values = with_means(clips_of([row for row in shown if row[:4] != ("c3", 0, "fog", 1)]))
    assert len(columns.loc[columns["overall"], "of"].iloc[0]) == 2


def test_the_sensitivity_of_a_family_is_the_mean_rank_of_its_members():
    shown = {
        "fog": (0.1, 0.4, 0.2, 0.3),
        "mist": (5.0, 6.0, 7.0, 7.0),
        "hail": (9.0, 8.0, 7.0, 6.0),
    }
    values = [(clip, name, of[clip]) for name, of in shown.items() for clip in range(4)]
    rows = [(f"c{clip}", 0, name, 1, 0, value) for clip, name, value in values]
    pooled = of_families(clips_of(rows), {"fog": "air", "mist": "air", "hail": "ice"})
    assert list(pooled.columns["perturbation"]) == ["air", "ice"]
    # by hand: ranks of fog 1 4 2 3, of mist 1 2 3.5 3.5, of hail 4 3 2 1; all over 4, then the mean
    expected = np.array([[1.0, 4.0], [3.0, 3.0], [2.75, 2.0], [3.25, 1.0]]) / 4
    np.testing.assert_allclose(pooled.sensitivity, expected)
