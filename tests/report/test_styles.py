"""The pages allow no styles beside their own sheet, so that one written at an element would do nothing."""

from pathlib import Path

import vidrobust.report

TEMPLATES = sorted((Path(vidrobust.report.__file__).parent / "templates").glob("*.html"))


def test_no_template_styles_an_element():
    assert len(TEMPLATES) > 5
    assert [path.name for path in TEMPLATES if " style=" in path.read_text(encoding="utf-8")] == []
