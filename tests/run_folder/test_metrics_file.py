"""metrics.json as records: figures by model and metric, and the models that a rule is about."""

import pytest

from vidrobust.errors import InputError
from vidrobust.run_folder.record import Figure, Metrics

CONTENT = {
    "schema": 2,
    "items": 3,
    "models": {
        "net": {
            "jitter": {
                "value": 0.1,
                "low": 0.05,
                "high": 0.2,
                "n": 40,
                "cluster": "part",
                "clusters": 6,
            },
        },
        "finder": {"dropout_rate": {"value": None, "low": None, "high": None, "n": 0}},
    },
}


def test_figures_are_read_by_model_and_metric():
    metrics = Metrics.of(CONTENT)
    net = metrics.models["net"]
    jitter = Figure(value=0.1, low=0.05, high=0.2, n=40, cluster="part", clusters=6)
    assert net == {"jitter": jitter}
    assert metrics.models["finder"]["dropout_rate"].value is None
    assert Metrics.of({}).models == {}


def test_a_rule_is_about_the_models_whose_task_has_its_metric():
    metrics, tasks = Metrics.of(CONTENT), {"net": "classification", "finder": "detection"}
    assert list(metrics.asked("jitter", tasks)) == ["net"]
    assert list(metrics.asked("dropout_rate", tasks)) == ["finder"]
    assert list(metrics.asked("flip_rate", tasks)) == ["net", "finder"]  # both tasks have one
    assert list(metrics.asked("no_such_metric", tasks)) == ["net", "finder"]
    assert metrics.asked("jitter", tasks)["net"]["jitter"]["high"] == 0.2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**CONTENT, "schema": 1}, "schema 1 is not known, this version reads 2"),
        (
            {**CONTENT, "models": {"net": {"flip_rate": {"value": "often"}}}},
            "is not the metrics.json of this",
        ),
        ({**CONTENT, "models": ["net"]}, "is not the metrics.json of this version"),
    ],
)
def test_what_is_no_metrics_file_is_said(content, message):
    with pytest.raises(InputError, match=message):
        Metrics.of(content, "run/metrics.json")
