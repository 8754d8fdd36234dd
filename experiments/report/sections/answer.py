"""The answer in three sentences, made from the figures: who is ahead, what it cost, what the router did."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from rlc.experiments.report.cells import (
    NONE,
    documents_text,
    interval,
    name,
    p_clause,
    percent,
    percent_text,
    points,
)
from rlc.experiments.report.records import Cell, Section, Table
from rlc.experiments.report.sections.costs import price_per_question
from rlc.experiments.report.sections.routing import shares_text
from rlc.experiments.statistics.intervals import Difference
from rlc.experiments.study.readers import ReaderInfo
from rlc.experiments.study.study import Comparison, Routing, Study

NAMED = 3  # comparisons that are named one by one
FEW = 4  # readers whose cost is told one by one
SHORTEST = 0.005  # seconds; less is noise, or was not timed


def answer(study: Study) -> Section:
    """Answer in three sentences, one below the other, and where there are many models, a line for each."""
    return Section("answer", "The answer", texts=sentences(study), tables=[*filter(None, [by_model(study)])])


def sentences(study: Study) -> tuple[str, str, str]:
    """Accuracy, cost, router; every claim of a difference is a called one."""
    return _accuracy(study), _cost(study), _router(study)


def _accuracy(study: Study) -> str:
    judged = [reader for reader in study.readers if study.overall[reader.name].n]
    arms = [one for one in study.arm_comparisons if one.difference.n]
    if not judged:
        answered = any(study.answered(reader, "error").height for reader in study.readers)
        mend = (
            ": that takes gold answers, or `--judge ENGINE:MODEL --criteria without-gold`" if answered else ""
        )
        return f"No answer could be judged, so nothing can be said about accuracy{mend}."
    if len(study.readers) == 1:
        return f"{_share(study, judged[0])}; it ran alone, so there is nothing to compare."
    if not arms:
        return f"No two arms answered the same questions: {'; '.join(_share(study, e) for e in judged)}."
    if len(arms) == 1:
        return _one_pair(arms[0], _family(study))
    kinds = {(one.first.short, one.second.short) for one in arms}
    return _many_groups(study, arms) if len(kinds) == 1 else _many_arms(study, arms)


def _share(study: Study, reader: ReaderInfo) -> str:
    found = study.overall[reader.name]
    return f"{reader.label} got {percent_text(found.value)} of {found.n:,} questions right{_range(interval(found))}"


def _range(text: str) -> str:
    return f" (95% interval {text.rstrip(', ')})" if text else ""


def _family(study: Study) -> str:
    """What Holm's correction is over, by name, or by kind where there are many."""
    found = study.comparisons
    if len(found) == 1:
        return "Holm's correction over 1 comparison"
    if len(found) <= NAMED:
        named = (f"{one.first.label} with {one.second.label}" for one in found)
        return f"Holm's correction over {len(found)} comparisons, {' and '.join(named)}"
    arms, routers = len(study.arm_comparisons), len(study.router_comparisons)
    kinds = f", {arms} of two arms and {routers} of a router with its better arm" if arms and routers else ""
    return f"Holm's correction over {len(found)} comparisons{kinds}"


def _one_pair(one: Comparison, family: str) -> str:
    found = one.difference
    about = documents_text(found.clusters)
    start = (
        f"On the {found.n:,} questions about {about} that both answered, {one.first.label} got "
        f"{percent_text(one.first_mean.value)} right and {one.second.label} {percent_text(one.second_mean.value)}: "
    )
    ahead = one.first if (found.value or 0) > 0 else one.second
    if found.p is None:
        return f"{start}one document alone allows no test of that."
    if found.called:
        return (
            f"{start}{ahead.label} is ahead by {_points(found)} points ({_evidence(found)} after {family})."
        )
    return f"{start}the two cannot be told apart ({_evidence(found)}{_corrected(found)}{_detectable(found)})."


def _many_groups(study: Study, arms: Sequence[Comparison]) -> str:
    """One pair of arms, under several models."""
    first, second = arms[0].first.short, arms[0].second.short
    sides = _sides(arms)
    return (
        f"Of {len(arms)} models on {study.examples.height:,} questions, {first} is ahead of {second} for "
        f"{_listed(sides['first'])}, {second} ahead of {first} for {_listed(sides['second'])}, and for "
        f"{_listed(sides['neither'])} the two cannot be told apart ({_family(study)})."
    )


def _many_arms(study: Study, arms: Sequence[Comparison]) -> str:
    """Several arms beside each other: what is called, and how much is not."""
    called = [one for one in arms if one.difference.called]
    said = [
        f"{ahead.label} is ahead of {behind.label} by {_points(one.difference)} points"
        for one in sorted(called, key=lambda one: -abs(one.difference.value or 0))
        for ahead, behind in [(one.first, one.second) if _side(one) == "first" else (one.second, one.first)]
    ]
    shares = {e: study.overall[e.name].value or 0 for e in study.readers if e.role != "router"}
    best = max(shares, key=lambda e: shares[e])
    alone = list(shares.values()).count(shares[best]) == 1
    rest = len(arms) - len(called)
    claims = "; ".join(said[:3]) + (f"; and {len(said) - 3} more differences hold" if len(said) > 3 else "")
    return (
        f"{_share(study, best)}, {'the highest share of the arms' if alone else 'which no arm exceeds'}; after {_family(study)} "
        f"{claims or 'no two arms can be told apart'}"
        + (f", and {rest} of {len(arms)} pairs cannot be told apart." if called and rest else ".")
    )


def by_model(study: Study) -> Table | None:
    """A row a model, where more than two are compared: both arms and the routers, and what is told of the arms."""
    arms = [one for one in study.arm_comparisons if one.difference.n]
    kinds = {(one.first.short, one.second.short) for one in arms}
    if len(arms) <= 2 or len(kinds) != 1:
        return None
    first, second = next(iter(kinds))
    routers = list(dict.fromkeys(reader.short for reader in study.readers if reader.role == "router"))
    rows = []
    for one in arms:
        own = {reader.short: reader for reader in study.groups[one.first.group]}
        called = {"first": first, "second": second, "neither": "not told apart"}[_side(one)]
        rows.append(
            (
                name(one.first.group),
                *(Cell(percent_text(study.overall[own[arm].name].value)) for arm in (second, first)),
                points(one.difference),
                Cell(called, strong=one.difference.called),
                *(
                    percent(study.overall[own[router].name]) if router in own else Cell(NONE)
                    for router in routers
                ),
            )
        )
    marked = {reader.short: reader.label.removeprefix(f"{reader.group}/") for reader in study.readers}
    return Table(
        "By model",
        (
            "model",
            f"{second}, right",
            f"{first}, right",
            f"{first} minus {second}, points",
            "called",
            *(marked[router] for router in routers),
        ),
        rows,
        note=f"Differences on the questions that both arms answered, with 95% intervals; called after {_family(study)}.",
    )


def _sides(comparisons: Sequence[Comparison]) -> defaultdict[str, list[str]]:
    """The groups in which the first is ahead, the second, or neither."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in comparisons:
        found[_side(one)].append(one.first.group or one.first.label)
    return found


def _side(one: Comparison) -> str:
    if not one.difference.called:
        return "neither"
    return "first" if (one.difference.value or 0) > 0 else "second"


def _cost(study: Study) -> str:
    """Means by what the readers are called without their model, dearest first; of many the two ends."""
    tokens: defaultdict[str, list[float]] = defaultdict(list)
    extra: dict[str, str] = {}
    for reader in study.readers:
        cost = study.tokens[reader.name].value
        if reader.role != "router" and cost is not None:
            tokens[reader.short].append(cost)
            extra[reader.short] = _seconds_and_price(study, reader) if len(study.groups) == 1 else ""
    if not tokens:
        return "Nothing was answered, so there is no cost to tell."
    means = {name: fmean(values) for name, values in tokens.items()}
    order = sorted(means, key=lambda name: (-means[name], name))
    told = [f"{name} {means[name]:,.0f}{extra[name]}" for name in order]
    listed = f"from {told[-1]} to {told[0]}" if len(told) > FEW else " and ".join(told)
    times = means[order[0]] / means[order[-1]] if means[order[-1]] else 0
    ratio = f", {times:,.1f} times as many" if len(order) == 2 and times > 1 else ""
    over = f" (means over {len(study.groups)} models)" if len(study.groups) > 1 else ""
    return f"In prompt tokens, a question cost {listed}{over}{ratio}."


def _seconds_and_price(study: Study, reader: ReaderInfo) -> str:
    seconds = study.answered(reader, "seconds")["seconds"].mean()
    price = price_per_question(study, reader) if study.prices else None
    parts = [f"{seconds:,.2f} s"] if isinstance(seconds, float) and seconds >= SHORTEST else []
    parts += [] if price is None else [f"${price:,.4f}"]
    return f" ({', '.join(parts)})" if parts else ""


def _router(study: Study) -> str:
    if not any(reader.role == "router" for reader in study.readers):
        return "No router ran."
    pairs = [
        pair for pair in zip(study.routings, study.router_comparisons, strict=True) if pair[1].difference.n
    ]
    if not pairs:
        return _no_router_to_measure(study)
    if len(pairs) == 1:
        return _one_router(study, *pairs[0])
    sides = _sides([one for _, one in pairs])
    closed = [
        found.score.closed.value
        for found, one in pairs
        if one.difference.called and found.score.closed.value is not None
    ]
    labels = sorted({found.router.label.removeprefix(f"{found.router.group}/") for found, _ in pairs})
    gap = ""
    if closed:
        reach = f"{100 * min(closed):.0f}% to {100 * max(closed):.0f}%".replace("-", "−")
        gap = f"; where it is told apart, it closed {reach} of the gap to the oracle"
    return (
        f"Against each model's own better arm, {' and '.join(labels)} is ahead for {_listed(sides['first'])}, behind for "
        f"{_listed(sides['second'])}, and not told apart for {_listed(sides['neither'])}"
        f"{gap}{_flattered(study, [found for found, _ in pairs])}."
    )


def _no_router_to_measure(study: Study) -> str:
    routers = [reader for reader in study.readers if reader.role == "router"]
    if any(len(reader.arms) == 2 for reader in routers):
        return (
            "No question was judged of the router and both its arms, so it cannot be measured against them."
        )
    return "The router's arms did not run beside it, so it cannot be measured against them."


def _one_router(study: Study, found: Routing, one: Comparison) -> str:
    gain = one.difference
    closed = found.score.closed.value
    gap = ""
    if gain.called and closed is not None and closed > 0:
        gap = f"; it closed {percent_text(closed)} of the gap between that arm and the oracle"
    if gain.called:
        side = "ahead of" if (gain.value or 0) > 0 else "behind"
        verdict = f"{_points(gain)} points {side} {found.better.label}, the better arm ({_evidence(gain)})"
    elif gain.p is None:
        verdict = (
            f"not tested against {found.better.label}, the better arm: one document alone allows no test"
        )
    else:
        verdict = (
            f"not told apart from {found.better.label}, the better arm "
            f"({_evidence(gain)}{_corrected(gain)}{_detectable(gain)})"
        )
    cost = study.tokens[found.router.name].value
    return (
        f"The router {found.router.label} sent {shares_text(found)}, got {percent_text(found.score.accuracy.value)} "
        f"of the {found.score.accuracy.n:,} common questions right for {NONE if cost is None else f'{cost:,.0f}'} prompt tokens a question, and is {verdict}{gap}"
        f"{_flattered(study, [found])}."
    )


def _flattered(study: Study, found: Sequence[Routing]) -> str:
    """What belongs into the sentence itself where a router is shown on what it was fitted on."""
    looks = [study.sights[one.router.name] for one in found if one.router.name in study.sights]
    seen = [look for look in looks if look.in_sample]
    if not seen:
        return ""
    most = max(seen, key=lambda look: look.seen)
    return (
        f" — in-sample: it was fitted on {most.seen:,} of these {most.asked:,} questions, so this flatters it"
    )


def _points(found: Difference) -> str:
    return NONE if found.value is None else f"{abs(100 * found.value):.1f}"


def _evidence(found: Difference) -> str:
    limits = interval(found, signed=True).rstrip(", ")
    return f"95% interval {limits}, {p_clause(found.p_holm)}" if limits else p_clause(found.p_holm)


def _corrected(found: Difference) -> str:
    """Why p may be large though the interval, which is not corrected, leaves 0 out."""
    return " after Holm's correction" if found.p_holm != found.p else ""


def _detectable(found: Difference) -> str:
    if found.detectable is None:
        return ""
    if found.detectable > 1:
        return "; with so few documents no difference would show four times in five"
    return f"; a true difference of {100 * found.detectable:.1f} points would show four times in five"


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"
