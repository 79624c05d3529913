"""What the study comes to, in one sentence: how much lies outside, and whether the network is unstable there."""

from __future__ import annotations

from collections.abc import Sequence

from vidrobust.plugins.unknown.link import LINK, MARGIN, NO_LINK, REVERSED, Link
from vidrobust.plugins.unknown.names import EVENTS
from vidrobust.plugins.unknown.outside import CANNOT_TELL, MORE, NO_MORE
from vidrobust.plugins.unknown.study import ScoreResult
from vidrobust.statistics.intervals import Interval
from vidrobust.text.numbers import percent, percent_with_interval, with_interval


def sentence(leading: ScoreResult | None, allowed: float) -> str:
    """Of the score that speaks for a classifier; of instability only where something surely lies outside."""
    if leading is None or leading.outside is None or leading.known is None:
        return "whether the footage lies outside what it was trained for cannot be determined: no score can be had"
    found, alarms = leading.outside, leading.known.false_alarms
    share, known = _share(found.share), _share(alarms)
    by = f"by {leading.score.title}"
    held_out = f"{known} of held-out known frames would be called so, {percent(allowed)} allowed"
    if found.verdict == NO_MORE:
        known_too = "no more of the footage lies outside what it was trained for than of known footage"
        return f"{known_too}: {share}, {by} ({held_out})"
    if found.verdict != MORE:
        seen = f"; {share} is seen outside, {by} ({held_out})" if found.share.n else ""
        return f"whether the footage lies outside what it was trained for cannot be determined: {found.why}{seen}"
    there = "; ".join(link_sentence(leading.links, event) for event in events_of(leading.links))
    return f"{share} of the footage lies outside what it was trained for, {by} ({held_out}); {there}"


def events_of(links: Sequence[Link]) -> list[str]:
    """The events of the links, each once, in order."""
    return list(dict.fromkeys(link.event for link in links))


def link_sentence(links: Sequence[Link], event: str) -> str:
    """Whether the event is more frequent where frames are less known: by the score alone, and at equal margin."""
    alone = next(link for link in links if link.event == event and not link.given)
    given = next(link for link in links if link.event == event and link.given == MARGIN)
    what = EVENTS[event]
    if alone.verdict in (NO_LINK, REVERSED):
        how = "no more often" if alone.verdict == NO_LINK else "less often"
        return f"a frame that is less known {what} {how} (AUROC {_auroc(alone)})"
    if alone.verdict != LINK:
        open_ = f"whether a frame that is less known {what} more often cannot be determined"
        return f"{open_}: {alone.why}{_seen(alone)}"
    return (
        f"the less known a frame, the more often it {what} (AUROC {_auroc(alone)}), {_at_equal_margin(given)}"
    )


def _at_equal_margin(given: Link) -> str:
    among = "among frames of equal margin"
    if given.verdict == LINK:
        return f"also {among} ({_auroc(given)})"
    if given.verdict == CANNOT_TELL:
        return f"which cannot be determined {among} ({_auroc(given)})"
    return f"but not {among} ({_auroc(given)})"


def _auroc(link: Link) -> str:
    return with_interval(link.auroc.value, link.auroc.low, link.auroc.high)


def _seen(link: Link) -> str:
    return f" (AUROC {_auroc(link)})" if link.auroc.value == link.auroc.value else ""


def _share(found: Interval) -> str:
    return percent_with_interval(found.value, found.low, found.high)
