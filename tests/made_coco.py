"""What pycocotools says of answers to known marks."""

import contextlib
import io
import json
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def judged_by_pycocotools(known, found, kind="bbox", **params):
    """Its whole judgement of found, a list or array of results, for known, a file or the content of one."""
    content = json.loads(known.read_text()) if isinstance(known, Path) else known
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(found), kind)
        vars(judge.params).update(params)
        judge.evaluate()
        judge.accumulate()
        if not params:
            judge.summarize()
    return judge
