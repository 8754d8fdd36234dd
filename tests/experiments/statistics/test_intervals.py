import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from rlc.experiments.statistics.intervals import (
    Difference,
    Estimate,
    correct,
    difference,
    documents_needed,
    estimate,
    holm,
    mcnemar,
    minimum_detectable,
    ratio,
)
from rlc.experiments.statistics.resample import nested_weights, sign_flip_p, tabulate

rows_of_documents = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abcdefgh")), min_size=1
)


def clustered(rng, documents=40, questions=200, accuracy=0.65, correlation=0.2):
    """Two systems of equal true accuracy; outcomes on one document go together, and the systems' with each other."""
    document = np.sort(rng.integers(0, documents, questions))
    spread = 1 / correlation - 1
    shared, one, other = rng.beta(accuracy * spread, (1 - accuracy) * spread, (3, documents))
    first = rng.random(questions) < ((shared + one) / 2)[document]
    second = rng.random(questions) < ((shared + other) / 2)[document]
    return first.astype(float), second.astype(float), document.tolist()


# --- estimate


def test_estimate_says_what_it_stands_on():
    result = estimate([1, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "c", "c"])
    assert (result.value, result.n, result.clusters) == (pytest.approx(4 / 6), 6, 3)
    assert 0 <= result.low < result.value < result.high <= 1


def test_expanded_percentiles_by_hand():
    """Thirty clusters of one row: tails Phi(-sqrt(30 / 29) * t_29) of the bootstrap means, near the t interval."""
    values = np.arange(30.0)
    result = estimate(values, list(range(30)), replicates=20_000)
    tail = scipy_stats.norm.cdf(-np.sqrt(30 / 29) * scipy_stats.t.ppf(0.975, 29))
    draws = tabulate(values, list(range(30))).replicates(20_000, seed=0)
    assert (result.low, result.high) == tuple(np.quantile(draws, [tail, 1 - tail]))
    half = scipy_stats.t.ppf(0.975, 29) * values.std(ddof=1) / np.sqrt(30)
    assert result.high - result.value == pytest.approx(half, rel=0.05)


def test_fewer_than_thirty_clusters_have_at_least_students_interval():
    values = np.arange(29.0)
    result = estimate(values, list(range(29)))
    half = scipy_stats.t.ppf(0.975, 28) * values.std(ddof=1) / np.sqrt(29)
    assert result.low <= values.mean() - half
    assert values.mean() + half <= result.high


def test_replicates_are_as_many_as_asked_for_in_blocks_of_any_size(monkeypatch):
    table = tabulate(np.arange(6.0), list(range(6)))
    whole = table.replicates(1_000, seed=0)
    monkeypatch.setattr("rlc.experiments.statistics.resample.BLOCK", 6 * 7)
    blocks = table.replicates(1_000, seed=0)
    assert len(whole) == len(blocks) == 1_000
    assert blocks.std() == pytest.approx(whole.std(), rel=0.1)
    assert sign_flip_p(np.ones(20), flips=100, seed=0) == 1 / 101


def test_replicates_agree_with_scipy():
    values = np.random.default_rng(1).normal(size=60)
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    )
    draws = tabulate(values, list(range(60))).replicates(20_000, seed=3)
    assert draws.std() == pytest.approx(theirs.standard_error, rel=0.02)
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)


def test_clustering_widens_the_interval():
    values = np.repeat([1, 0, 1, 1, 0, 1, 0, 0], 10)
    clustered_by_document = estimate(values, np.repeat(np.arange(8), 10).tolist())
    independent = estimate(values, list(range(80)))
    assert clustered_by_document.high - clustered_by_document.low > 2 * (independent.high - independent.low)


def test_few_clusters_get_students_interval_at_least():
    result = estimate([0.1, 0.2, 0.3, 0.4], list("abcd"))
    half = scipy_stats.t.ppf(0.975, 3) * np.std([0.1, 0.2, 0.3, 0.4], ddof=1) / 2
    assert (result.low, result.high) == (pytest.approx(0.25 - half), pytest.approx(0.25 + half))


def test_nothing_and_one_cluster_leave_the_interval_open():
    assert estimate([], []) == Estimate(None, None, None, 0, 0)
    assert estimate([1, 0], ["a", "a"]) == Estimate(0.5, None, None, 2, 1)
    assert estimate([1, 0], ["a", "b"]).low == 0  # two clusters say little, but something


def test_outcomes_that_all_agree():
    bound = 0.025 ** (1 / 10)
    assert estimate([1] * 20, list("abcdefghij") * 2) == Estimate(1.0, pytest.approx(bound), 1.0, 20, 10)
    assert estimate([0] * 20, list("abcdefghij") * 2) == Estimate(0.0, 0.0, pytest.approx(1 - bound), 20, 10)
    exact = scipy_stats.binomtest(10, 10).proportion_ci()
    assert bound == pytest.approx(exact.low)
    assert estimate([7.0] * 3, list("abc")) == Estimate(7.0, 7.0, 7.0, 3, 3)


def test_missing_values_are_refused_with_advice():
    with pytest.raises(ValueError, match="1 of 2 values are missing or infinite: leave failed rows out"):
        estimate([1.0, float("nan")], ["a", "b"])
    lengths = "{'values': 2, 'counts': 2, 'clusters': 1, 'groups': 2}"
    with pytest.raises(ValueError, match=f"every row needs one of each, got {lengths}"):
        estimate([1.0, 0.0], ["a"])
    with pytest.raises(ValueError, match="one value per row"):
        estimate([[1.0], [0.0]], ["a", "b"])


@given(rows_of_documents, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, two = (
        estimate([r[0] for r in table], [r[2] for r in table], replicates=200) for table in (rows, shuffled)
    )
    for name in ("value", "low", "high"):
        assert getattr(one, name) == pytest.approx(getattr(two, name))


@given(rows_of_documents)
@settings(max_examples=50)
def test_records_are_never_nan_and_bounds_stay_on_the_scale(rows):
    first, second, documents = map(list, zip(*rows, strict=True))
    for result, lowest in (
        (estimate(first, documents), 0),
        (difference(first, second, documents, flips=99), -1),
    ):
        numbers = [x for x in vars(result).values() if isinstance(x, float)]
        assert np.all(np.isfinite(numbers))
        if result.low is not None:
            assert lowest <= result.low <= result.high <= 1


def test_seeds_decide():
    first, _, documents = clustered(np.random.default_rng(0))
    assert estimate(first, documents, seed=1) == estimate(first, documents, seed=1)
    assert estimate(first, documents, seed=1) != estimate(first, documents, seed=2)
    assert estimate(first, documents) == estimate(first, documents, seed=0)
    weights = np.arange(1, 201)
    assert ratio(first, weights, documents) == ratio(first, weights, documents, seed=0)
    assert ratio(first, weights, documents, seed=1) == ratio(first, weights, documents, seed=1)
    assert ratio(first, weights, documents, seed=1) != ratio(first, weights, documents, seed=2)
    assert difference(first, 1 - first, documents) == difference(first, 1 - first, documents, seed=0)


# --- macro averages and ratios


def test_macro_average_by_hand():
    """Files within text types within tasks: ((1 + 0) / 2 + 1) / 2 for qa, 0.5 for hallu; their mean."""
    cells = [("qa", "book", "32k")] * 2 + [("qa", "book", "128k")] + [("qa", "paper", "32k")] * 3
    cells += [("hallu", "book", "32k")] * 2
    values = [1, 1, 0, 1, 1, 1, 1, 0]
    documents = list("abcdefgh")
    assert estimate(values, documents, cells).value == pytest.approx(((0.5 + 1) / 2 + 0.5) / 2)
    assert estimate(values, documents).value == pytest.approx(6 / 8)


def test_nested_weights_add_up_and_need_equal_depth():
    weights = nested_weights([("a", "x"), ("a", "y"), ("b", "x")])
    assert weights.tolist() == [0.25, 0.25, 0.5]
    with pytest.raises(ValueError, match=r"^every group needs as many keys, outermost first"):
        nested_weights([("a",), ("a", "b")])


def test_equal_cells_make_the_macro_average_plain():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, 60)
    cells = [(task, kind) for task in "ab" for kind in "xyz" for _ in range(10)]
    documents = list(range(60))
    plain, macro = estimate(values, documents), estimate(values, documents, cells)
    assert macro.value == pytest.approx(plain.value)
    assert macro.high - macro.low == pytest.approx(plain.high - plain.low, rel=0.2)


def test_a_draw_that_misses_a_cell_gives_its_weight_to_the_others():
    rows = {"a": ("x", 0.0), "b": ("x", 0.2), "c": ("y", 1.0)}
    table = tabulate([v for _, v in rows.values()], list(rows), [(cell,) for cell, _ in rows.values()])
    assert table.statistic() == pytest.approx((0.1 + 1) / 2)
    by_hand = set()
    for draw in itertools.product(rows.values(), repeat=3):
        cells = [[value for cell, value in draw if cell == name] for name in "xy"]
        by_hand.add(round(np.mean([np.mean(cell) for cell in cells if cell]), 9))
    assert set(np.round(table.replicates(2_000, seed=0), 9)) == by_hand


def test_the_standard_error_of_a_macro_average_by_hand():
    """Each document has a row in both cells, so it is that of the documents' own means, 1 and 1/2."""
    table = tabulate([1, 0, 1, 1], list("abab"), [("x",), ("x",), ("y",), ("y",)])
    assert table.influence().tolist() == [0.125, -0.125]
    assert table.standard_error() == pytest.approx(np.std([1, 0.5], ddof=1) / np.sqrt(2))


def test_truth_values_and_names_of_any_kind():
    result = difference([True, False], [False, False], [("mixed", 1), "names"])
    assert (result.value, result.clusters) == (0.5, 2)


def test_ratio_by_hand():
    result = ratio([1, -1, 2, 0], [2, 0, 1, 1], list("abcd"))
    assert (result.value, result.n, result.clusters) == (0.5, 4, 4)
    assert result.low < 0.5 < result.high
    assert ratio([1, 2], [0, 0], ["a", "b"]) == Estimate(None, None, None, 2, 2)
    assert ratio([1, 0, 0], [2, 0, 0], list("abc")) == Estimate(0.5, None, None, 3, 3)
    assert ratio([1, 0, 1], [2, 0, 1], list("abc")).low is not None  # two clusters say something
    assert ratio([], [], []) == Estimate(None, None, None, 0, 0)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        ratio([1, 2], [1, -1], ["a", "b"])


# --- differences


def test_difference_by_hand():
    first, second = [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 0, 1]
    result = difference(first, second, list("abcdef"))
    assert result.value == pytest.approx(3 / 6)
    assert (result.n, result.clusters) == (6, 6)
    deviations = np.subtract(first, second) - 0.5
    assert result.standard_error == pytest.approx(np.sqrt(6 / 5 * np.sum(deviations**2)) / 6)
    assert result.p == 2 / 2**3  # three pairs differ, all one way: +++ and --- of the eight signs
    assert result.p_mcnemar == pytest.approx(2 / 2**3)
    assert result.p_holm is None
    assert not result.called
    assert result.detectable == pytest.approx(minimum_detectable(result.standard_error, 6, 0.05, 0.80))
    strict = difference(first, second, list("abcdef"), level=0.9, power=0.7)
    assert strict.detectable == pytest.approx(minimum_detectable(result.standard_error, 6, 0.10, 0.70))


def test_macro_difference_by_hand():
    """Three rows of one cell gain what the only row of the other loses: 1/6 + 1/6 + 1/6 - 1/2."""
    cells = [("x",), ("x",), ("x",), ("y",)]
    result = difference([1, 1, 1, 0], [0, 0, 0, 1], list("abcd"), cells)
    assert result.value == pytest.approx(0)
    assert result.p == 1  # no signs leave less than nothing


def test_two_documents_are_the_fewest_with_a_test():
    assert difference([1, 1], [0, 0], ["a", "b"]).p == 2 / 2**2


def test_a_system_that_always_loses():
    """All six documents agree on -1; of others, a share of up to `unseen` may gain 1, which is 2 away."""
    unseen = 1 - 0.025 ** (1 / 6)
    result = difference([0] * 6, [1] * 6, list("abcdef"))
    assert (result.value, result.low, result.high) == (-1, -1, pytest.approx(-1 + 2 * unseen))


@given(rows_of_documents)
@settings(max_examples=50)
def test_swapping_the_systems_swaps_the_sign(rows):
    first, second, documents = map(list, zip(*rows, strict=True))
    one = difference(first, second, documents, replicates=200, flips=99)
    other = difference(second, first, documents, replicates=200, flips=99)
    assert one.value == pytest.approx(-other.value)
    assert (one.p, one.p_mcnemar) == (other.p, other.p_mcnemar)
    if one.low is not None:
        assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))


def test_equal_systems_differ_by_nothing_that_can_be_called():
    result = difference([1, 0, 1, 1], [1, 0, 1, 1], list("abcd"))
    unseen = 1 - 0.025**0.25
    assert (result.low, result.high) == (pytest.approx(-unseen), pytest.approx(unseen))
    assert (result.value, result.p, result.detectable) == (0, 1, None)
    assert not correct([result])[0].called


def test_degenerate_differences_have_no_test():
    nothing, one_document = difference([], [], []), difference([1, 1], [0, 0], ["a", "a"])
    assert (nothing.value, nothing.n, nothing.p, nothing.p_mcnemar) == (None, 0, None, None)
    assert (one_document.value, one_document.low, one_document.p) == (1, None, None)
    assert correct([nothing, one_document]) == [nothing, one_document]
    assert correct([]) == []


def test_real_valued_outcomes_have_no_mcnemar():
    result = difference([0.5, 0.25, 1.0], [0.5, 0.0, 1.0], list("abc"))
    assert result.p_mcnemar is None
    assert result.p == 1.0  # one pair differs: no sign of it is extreme
    assert difference([1, 0, 1], [0.5, 0.0, 1.0], list("abc")).p_mcnemar is None
    assert difference([4, 5, 6], [0, 0, 0], list("abc")).high > 5  # on a scale of their own


def test_pairs_must_match():
    with pytest.raises(ValueError, match="equal number, got 2 and 1"):
        difference([1, 0], [1], ["a", "b"])


def test_sign_flips_agree_with_scipy():
    contributions = np.random.default_rng(0).normal(0.3, 1, 10)
    theirs = scipy_stats.permutation_test(
        (contributions,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    exact = sign_flip_p(contributions, flips=1024, seed=0)
    assert exact == pytest.approx(theirs.pvalue)
    assert sign_flip_p(contributions, flips=1023, seed=0) == pytest.approx(exact, abs=0.05)


def test_drawn_signs_count_the_data_themselves_as_one():
    """Of 2^40 sign patterns two are as extreme as all alike, which 999 draws never meet; nothing is always met."""
    assert sign_flip_p(np.ones(40), flips=999, seed=0) == 1 / 1000
    assert sign_flip_p(np.zeros(40), flips=999, seed=0) == 1


# --- tests and corrections


def test_mcnemar_is_the_binomial_test_of_the_pairs_that_differ():
    first, second = [1] * 9 + [0] * 2 + [1] * 5, [0] * 9 + [1] * 2 + [1] * 5
    assert mcnemar(first, second) == pytest.approx(scipy_stats.binomtest(9, 11).pvalue)
    assert mcnemar([1, 0], [1, 0]) == 1
    with pytest.raises(ValueError, match="0-or-1"):
        mcnemar([0.5], [1])


def test_mcnemar_agrees_with_statsmodels():
    tables = pytest.importorskip(
        "statsmodels.stats.contingency_tables",
        reason="statsmodels is no dependency, only a second opinion where it is installed",
    )
    first, second, _ = clustered(np.random.default_rng(5))
    pairs = [[np.sum((first == a) & (second == b)) for b in (1, 0)] for a in (1, 0)]
    assert mcnemar(first, second) == pytest.approx(tables.mcnemar(pairs, exact=True).pvalue)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_order_and_never_helps(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= min(1, len(p_values) * p) for p, q in zip(p_values, adjusted, strict=True))
    assert sorted(range(len(adjusted)), key=lambda i: (p_values[i], adjusted[i])) == sorted(
        range(len(adjusted)), key=lambda i: (adjusted[i], p_values[i])
    )


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip(
        "statsmodels.stats.multitest",
        reason="statsmodels is no dependency, only a second opinion where it is installed",
    )
    p_values = np.random.default_rng(0).random(30) ** 3
    assert holm(p_values.tolist()) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])


def test_the_standard_error_agrees_with_statsmodels():
    api = pytest.importorskip(
        "statsmodels.api", reason="statsmodels is no dependency, only a second opinion where it is installed"
    )
    first, _, documents = clustered(np.random.default_rng(5))
    fit = api.OLS(first, np.ones_like(first)).fit(
        cov_type="cluster", cov_kwds={"groups": np.asarray(documents)}
    )
    assert tabulate(first, documents).standard_error() == pytest.approx(fit.bse[0])


def found(p=0.01, low=-1.0, high=1.0, error=0.1):
    return Difference(0.2, low, high, 100, 20, error, p, None, None)


def test_a_difference_is_called_only_after_correction():
    alone = correct([found(0.03, 0.01, 0.4)])
    assert (alone[0].p_holm, alone[0].called) == (0.03, True)
    among = correct([found(0.03, 0.01, 0.4), found(0.2, -0.1, 0.4), found(0.001, 0.1, 0.3)])
    assert [d.p_holm for d in among] == pytest.approx([0.06, 0.2, 0.003])
    assert [d.called for d in among] == [False, False, True]
    for low, high in ((-0.01, 0.4), (0.0, 0.4), (-0.4, 0.0)):
        assert not correct([found(0.03, low, high)])[0].called  # its own interval holds 0
    assert correct([found(0.01, 0.1, 0.4)], alpha=0.01)[0].called
    assert not correct([found(0.02, 0.1, 0.4)], alpha=0.01)[0].called


def test_more_comparisons_detect_less():
    alone, among = correct([found(0.5, -1, 1)])[0], correct([found(0.5, -1, 1)] * 10)[0]
    assert alone.detectable == pytest.approx(minimum_detectable(0.1, 20))
    assert among.detectable == pytest.approx(minimum_detectable(0.1, 20, alpha=0.005))
    assert among.detectable > alone.detectable
    assert correct([found()], power=0.9)[0].detectable == pytest.approx(
        minimum_detectable(0.1, 20, power=0.9)
    )
    assert correct([found(error=0.0)])[0].detectable is None  # no spread, nothing to reckon with


def test_minimum_detectable_by_hand():
    """Many clusters: (1.960 + 0.842) standard errors, the textbook's 2.8."""
    assert minimum_detectable(0.01, 100_000) == pytest.approx(0.02802, abs=1e-5)
    assert minimum_detectable(0.1, 5) == pytest.approx(0.1 * (2.776 + 0.941), abs=1e-4)  # t tables, 4 degrees


# --- simulations with known effects: 200 questions in 40 documents


@pytest.mark.slow
def test_intervals_cover_the_truth():
    means = differences = macros = 0
    for simulation in range(1_000):
        rng = np.random.default_rng(simulation)
        first, second, documents = clustered(rng)
        kinds = [
            (task, document % 3)
            for task, document in zip(rng.choice(list("abcd"), 200), documents, strict=True)
        ]
        mean = estimate(first, documents)
        gap = difference(first, second, documents, flips=99)
        macro = estimate(first, documents, kinds)
        means += mean.low <= 0.65 <= mean.high
        differences += gap.low <= 0 <= gap.high
        macros += macro.low <= 0.65 <= macro.high
    assert 930 <= means <= 970
    assert 930 <= differences <= 970
    assert 930 <= macros <= 970


@pytest.mark.slow
def test_false_findings_stay_rare_and_detectable_ones_are_found():
    false_findings, findings, effect = 0, 0, 0.139  # about the detectable one, so found in 80%
    detectable = []
    for simulation in range(500):
        rng = np.random.default_rng(simulation)
        family = [difference(*clustered(rng), replicates=500, flips=1_999) for _ in range(5)]
        false_findings += any(d.called for d in correct(family))
        first, second, documents = clustered(rng)
        first = np.where((first == 0) & (rng.random(len(first)) < effect / 0.35), 1.0, first)
        [better] = correct([difference(first, second, documents)])
        findings += better.called
        detectable.append(better.detectable)
    assert false_findings / 500 <= 0.08
    assert np.mean(detectable) == pytest.approx(effect, rel=0.03)
    assert 0.72 <= findings / 500 <= 0.88


def test_a_file_that_is_a_cell_is_drawn_with_its_document():
    """Files a, b (task x) and c (task y): a replicate that holds a twice and c is ((a + a) / 2 + c) / 2."""
    values, files = [1.0, 0.0, 0.2, 1.0], ["a", "a", "b", "c"]
    cells = [("x", "a"), ("x", "a"), ("x", "b"), ("y", "c")]
    table = tabulate(values, files, cells)
    assert table.statistic() == pytest.approx(((0.5 + 0.2) / 2 + 1) / 2)
    by_hand = set()
    for drawn in itertools.product("abc", repeat=3):
        x = [{"a": 0.5, "b": 0.2}[name] for name in drawn if name != "c"]
        by_hand.add(round(np.mean([np.mean(part) for part in (x, [1.0] * drawn.count("c")) if part]), 9))
    assert set(np.round(table.replicates(2_000, seed=0), 9)) == by_hand


@pytest.mark.slow
def test_as_many_documents_as_are_said_to_be_needed_show_the_difference_four_times_in_five():
    """Reckoned from 40 documents of five questions, tried on runs of as many documents as were said."""
    effect, needed = 0.06, []
    for simulation in range(40):
        seen = difference(*clustered(np.random.default_rng(simulation)), flips=99)
        needed.append(documents_needed(seen.standard_error, seen.clusters, effect))
    documents = int(np.median(needed))
    found = 0
    for simulation in range(300):
        rng = np.random.default_rng(1_000 + simulation)
        first, second, names = clustered(rng, documents, 5 * documents)
        first = np.where((first == 0) & (rng.random(len(first)) < effect / 0.35), 1.0, first)
        [better] = correct([difference(first, second, names, replicates=500, flips=1_999)])
        found += better.called
    assert 0.72 <= found / 300 <= 0.88
