"""Study tables as people lay them out."""

import pandas as pd
import pytest

from tests.plugins.gauge.published import AIAG, FLOORING, aiag_attribute, crossed, of_operators
from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.gauge.measurements import (
    parse_columns,
    read_attribute,
    read_gauge,
    read_study_table,
)
from vidrobust.plugins.gauge.variables.gauge import gauge_study
from vidrobust.plugins.gauge.verdicts import check_measure, measured_boxes


def test_trials_side_by_side_are_the_same_study(tmp_path):
    table = crossed(AIAG)
    wide = table.pivot(index=["part", "operator"], columns="trial", values="value").reset_index()
    wide.columns = ["Sample", "Appraiser", "Measurement1", "Measurement2", "Measurement3"]
    wide.to_csv(tmp_path / "wide.csv", index=False)
    found = read_gauge(tmp_path / "wide.csv").rows
    assert gauge_study(found).percent_grr == pytest.approx(gauge_study(table).percent_grr)
    trial = (table["trial"].astype(int) + 1).astype(str)
    people = table.assign(who=table["operator"] + " " + trial)
    people = people.pivot(index="part", columns="who", values="value").reset_index()
    people.to_csv(tmp_path / "m.csv", index=False)
    minitab = read_gauge(tmp_path / "m.csv").rows
    assert set(minitab["operator"]) == set("ABC")
    assert gauge_study(minitab).percent_grr == pytest.approx(27.86, abs=5e-3)


def test_the_forms_of_aiag_whose_columns_are_the_parts(tmp_path):
    # the manual's own data sheets: appraiser and trial by row, parts by column, averages and ranges below
    values = crossed(AIAG)
    lines = ["Appraiser,Trial," + ",".join(f"Part {k}" for k in range(1, 11)) + ",Average"]
    for name, of in values.groupby("operator"):
        rows = of.pivot(index="trial", columns="part", values="value")[[str(k) for k in range(10)]]
        for trial, row in enumerate(rows.to_numpy(), 1):
            cells = ",".join(f"{v:.2f}" for v in row)
            lines.append(f"{name if trial == 1 else ''},{trial},{cells},{row.mean():.3f}")
        lines += [",Average" + ",0" * 11, ",Range" + ",0" * 11]
    (tmp_path / "sheet.csv").write_text("\n".join(lines) + "\n")
    sheet = read_gauge(tmp_path / "sheet.csv")
    assert len(sheet.rows) == 90
    assert gauge_study(sheet.rows).percent_grr == pytest.approx(27.86, abs=5e-3)
    assert len(sheet.notes) == 1

    verdicts = aiag_attribute()
    form = verdicts.pivot(index=["operator", "trial"], columns="part", values="value")
    form = form[[str(k) for k in range(1, 51)]].reset_index()
    form.columns = ["Appraiser", "Trial", *map(str, range(1, 51))]
    true = verdicts.drop_duplicates("part").set_index("part")["reference"]
    form.loc[len(form)] = ["Reference", "", *(true[str(k)] for k in range(1, 51))]
    form.to_csv(tmp_path / "form.csv", index=False)
    found = read_attribute(tmp_path / "form.csv").rows
    order = ["part", "operator", "trial"]
    pd.testing.assert_frame_equal(
        found[verdicts.columns].sort_values(order, ignore_index=True),
        verdicts.sort_values(order, ignore_index=True),
    )


def test_a_table_without_trials_and_with_names_of_its_own(tmp_path):
    table = of_operators(FLOORING).drop(columns="trial")
    table.columns = ["Los", "Kollege", "Durchmesser"]
    table.to_csv(tmp_path / "t.csv", index=False, sep="\t")
    named = parse_columns("part=Los, operator=kollege,value=Durchmesser")
    found = read_gauge(tmp_path / "t.csv", named)
    assert gauge_study(found.rows).percent_grr == pytest.approx(29.45, abs=5e-3)
    assert any("numbered in the order of the rows" in note for note in found.assumed)
    with pytest.raises(InputError, match="has no column of values"):
        read_gauge(tmp_path / "t.csv")
    with pytest.raises(SettingsError, match=r"--columns part=Charge: .* has Los, Kollege"):
        read_gauge(tmp_path / "t.csv", {"part": "Charge"})
    with pytest.raises(SettingsError, match="is no role"):
        read_gauge(tmp_path / "t.csv", {"parts": "Los"})


def test_parquet_and_excel_say_the_same_as_csv(tmp_path):
    table = crossed(AIAG)
    table.to_parquet(tmp_path / "t.parquet")
    assert gauge_study(read_gauge(tmp_path / "t.parquet").rows).ndc == 4
    pytest.importorskip("openpyxl")
    table.to_excel(tmp_path / "t.xlsx", index=False)
    assert gauge_study(read_gauge(tmp_path / "t.xlsx").rows).ndc == 4


def test_what_is_measured_of_boxes_by_hand():
    rows = [
        ("a", "net", 0, 0.9, 10, 20, 30, 60), ("a", "net", 0, 0.4, 0, 0, 90, 90),
        ("a", "net", 1, 0.8, 10, 20, 32, 60),
        ("a", "net", 2, 0.7, 10, 20, 40, 60), ("a", "net", 3, 0.1, 0, 0, 1, 1),
    ]  # fmt: skip
    boxes = pd.DataFrame(rows, columns=["item", "model", "frame", "score", "x1", "y1", "x2", "y2"])
    how = {"start_score": 0.3, "mm_per_px": 0.5}
    measures = {name: measured_boxes(boxes, name, **how) for name in ("width", "y")}
    found = {name: of[("a", "net")] for name, of in measures.items()}
    assert found == {"width": 11.0, "y": 20.0}  # widths 20, 22, 30; middle 40 px
    with pytest.raises(SettingsError, match="there are width, height"):
        check_measure("depth", 1.0)


@pytest.mark.parametrize("none", ["", "*", "NA", "n/a", "#N/A", "NaN"])
def test_what_stands_for_no_number_is_left_out_and_counted(tmp_path, none):
    path = tmp_path / "study.csv"
    path.write_text(f"part,operator,value\n1,A,1.5\n1,A,{none}\n2,A,2\n2,A,2.5\n")
    table = read_study_table(path)
    assert table.dropped == (3,)
    assert "1 blank value left out: line 3" in table.notes


def test_na_among_classes_is_a_class(tmp_path):
    path = tmp_path / "study.csv"
    path.write_text("part,operator,value\n1,A,good\n1,A,NA\n2,A,*\n2,A,bad\n")
    table = read_study_table(path)
    assert list(table.rows["value"]) == ["good", "NA", "bad"]
    assert table.dropped == (4,)
