"""What a data set's own scorer says of one answer, and the table of these scorers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rlc.data.errors import UsageError, unknown
from rlc.data.lazy import load
from rlc.data.plugins import with_plugins
from rlc.data.records import Example

AUTHORS = "authors"  # whatever the data set names
RULE = "rule"
UNPARSED = "unparsed"  # upstream's code finds no answer here, or crashes


@dataclass(frozen=True)
class Measured:
    """The authors' figure for one answer.

    `value` in [0, 1] is the headline of the task, `parts` what stands beside it. `note` is `unparsed` where upstream's
    code would crash or finds nothing to score: the value is 0 then, and the answer is counted apart.
    """

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and 0 <= self.value <= 1):
            raise ValueError(f"a measure lies in [0, 1], got {self.value!r}")


Measure = Callable[[str, Example], Measured]

# Name -> scorer. The name is the data set's and the metric's; the module names the upstream commit.
SCORERS: Mapping[str, str] = {
    "ada-leval:best-answer": "rlc.experiments.scorers.ada_leval:best_answer",
    "ada-leval:order": "rlc.experiments.scorers.ada_leval:order",
    "babilong:labels": "rlc.experiments.scorers.babilong:labels",
    "beir:ndcg10": "rlc.experiments.scorers.rankings:ndcg10",
    "detectiveqa:option": "rlc.experiments.scorers.detectiveqa:option",
    "haystackcraft:f1": "rlc.experiments.scorers.haystackcraft:f1",
    "helmet:exact-match": "rlc.experiments.scorers.helmet:exact_match",
    "helmet:f1": "rlc.experiments.scorers.helmet:f1",
    "helmet:rerank-ndcg10": "rlc.experiments.scorers.helmet:rerank_ndcg10",
    "helmet:substring-exact-match": "rlc.experiments.scorers.helmet:substring_exact_match",
    "holobench:number": "rlc.experiments.scorers.holobench:number",
    "holobench:rows": "rlc.experiments.scorers.holobench:rows",
    "hyper-multi-step:logic-kv": "rlc.experiments.scorers.hyper_multi_step:logic_kv",
    "hyper-multi-step:multi-kv": "rlc.experiments.scorers.hyper_multi_step:multi_kv",
    "hyper-multi-step:value": "rlc.experiments.scorers.hyper_multi_step:value",
    "infinitebench:choice": "rlc.experiments.scorers.infinitebench:choice",
    "infinitebench:f1": "rlc.experiments.scorers.infinitebench:f1",
    "infinitebench:f1-zh": "rlc.experiments.scorers.infinitebench:f1_zh",
    "infinitebench:first-integer": "rlc.experiments.scorers.infinitebench:first_integer",
    "infinitebench:first-number": "rlc.experiments.scorers.infinitebench:first_number",
    "infinitebench:function": "rlc.experiments.scorers.infinitebench:function",
    "infinitebench:last-integer": "rlc.experiments.scorers.infinitebench:last_integer",
    "infinitebench:name": "rlc.experiments.scorers.infinitebench:name",
    "infinitebench:rouge-lsum": "rlc.experiments.scorers.infinitebench:rouge_lsum",
    "infinitebench:running-values": "rlc.experiments.scorers.infinitebench:running_values",
    "infinitebench:word": "rlc.experiments.scorers.infinitebench:word",
    "kitab:books": "rlc.experiments.scorers.kitab:books",
    "lciteeval:needle-citation": "rlc.experiments.scorers.lciteeval:needle_citation",
    "lciteeval:qa-f1": "rlc.experiments.scorers.lciteeval:qa_f1",
    "lciteeval:rouge-l": "rlc.experiments.scorers.lciteeval:rouge_l",
    "lciteeval:stars": "rlc.experiments.scorers.lciteeval:stars",
    "leval:choice": "rlc.experiments.scorers.leval:choice",
    "leval:f1": "rlc.experiments.scorers.leval:f1",
    "leval:judge": "rlc.experiments.scorers.leval:judge",
    "leval:math": "rlc.experiments.scorers.leval:math",
    "leval:topic": "rlc.experiments.scorers.leval:topic",
    "litm:kv": "rlc.experiments.scorers.lost_in_the_middle:key_value",
    "litm:subspan-em": "rlc.experiments.scorers.lost_in_the_middle:subspan_em",
    "locomo:category": "rlc.experiments.scorers.locomo:category",
    "loft:multi-value": "rlc.experiments.scorers.loft:multi_value",
    "loft:rag": "rlc.experiments.scorers.loft:rag",
    "loft:retrieval": "rlc.experiments.scorers.loft:retrieval",
    "longbench2:choice": "rlc.experiments.scorers.longbench2:choice",
    "longbench:classification": "rlc.experiments.scorers.longbench:classification",
    "longbench:code-sim": "rlc.experiments.scorers.longbench:code_similarity",
    "longbench:count": "rlc.experiments.scorers.longbench:count",
    "longbench:qa-f1": "rlc.experiments.scorers.longbench:qa_f1",
    "longbench:qa-f1-zh": "rlc.experiments.scorers.longbench:qa_f1_zh",
    "longbench:retrieval": "rlc.experiments.scorers.longbench:retrieval",
    "longbench:retrieval-zh": "rlc.experiments.scorers.longbench:retrieval_zh",
    "longbench:rouge-l": "rlc.experiments.scorers.longbench:rouge_l",
    "longbench:rouge-l-zh": "rlc.experiments.scorers.longbench:rouge_l_zh",
    "longins:f1": "rlc.experiments.scorers.longins:f1",
    "longmemeval:sessions": "rlc.experiments.scorers.longmemeval:sessions",
    "longproc:beliefs": "rlc.experiments.scorers.longproc:beliefs",
    "longproc:countdown": "rlc.experiments.scorers.longproc:countdown",
    "longproc:path": "rlc.experiments.scorers.longproc:path",
    "longproc:table": "rlc.experiments.scorers.longproc:table",
    "loogle:bleu": "rlc.experiments.scorers.loogle:bleu",
    "loogle:cloze-exact": "rlc.experiments.scorers.loogle:cloze_exact",
    "loogle:cloze-partial": "rlc.experiments.scorers.loogle:cloze_partial",
    "loogle:rouge-recall": "rlc.experiments.scorers.loogle:rouge_recall",
    "lveval:f1-keywords": "rlc.experiments.scorers.lveval:f1_keywords",
    "lveval:f1-keywords-zh": "rlc.experiments.scorers.lveval:f1_keywords_zh",
    "lveval:rouge-l-zh-blacklist": "rlc.experiments.scorers.lveval:rouge_l_zh_blacklist",
    "m4le:exact": "rlc.experiments.scorers.m4le:exact",
    "m4le:holds": "rlc.experiments.scorers.m4le:holds",
    "m4le:labels": "rlc.experiments.scorers.m4le:labels",
    "m4le:rouge-recall": "rlc.experiments.scorers.m4le:rouge_recall",
    "manyicl:label": "rlc.experiments.scorers.manyicl:label",
    "needle-threading:value": "rlc.experiments.scorers.needle_threading:value",
    "needle-threading:values": "rlc.experiments.scorers.needle_threading:values",
    "needlebench:boxed": "rlc.experiments.scorers.needlebench:boxed",
    "needlebench:keyword": "rlc.experiments.scorers.needlebench:keyword",
    "needlebench:parallel": "rlc.experiments.scorers.needlebench:parallel",
    "needlechain:amount": "rlc.experiments.scorers.needlechain:amount",
    "nolima:contains": "rlc.experiments.scorers.nolima:contains",
    "nolima:em": "rlc.experiments.scorers.nolima:exact",
    "nolima:lastline-contains": "rlc.experiments.scorers.nolima:last_line_contains",
    "nolima:lastline-em": "rlc.experiments.scorers.nolima:last_line_exact",
    "oneruler:compare_none": "rlc.experiments.scorers.oneruler:compare_none",
    "oneruler:compare_numbers": "rlc.experiments.scorers.oneruler:compare_numbers",
    "oneruler:is_correct_order": "rlc.experiments.scorers.oneruler:all_words",
    "ruler:match-all": "rlc.experiments.scorers.ruler:match_all",
    "ruler:match-part": "rlc.experiments.scorers.ruler:match_part",
    "scbench:holds": "rlc.experiments.scorers.scbench:holds",
    "scbench:holds-any": "rlc.experiments.scorers.scbench:holds_any",
}
SCORERS = with_plugins("scorers", SCORERS)


def unparsed() -> Measured:
    """0 for an answer in which there is nothing that the authors' code could score."""
    return Measured(0.0, note=UNPARSED)


def scorer_of(name: str) -> Measure:
    """The scorer of that name.

    Raises:
        UsageError: if there is none, with the nearest.
    """
    if name not in SCORERS:
        raise UsageError(unknown("measure", name, [AUTHORS, RULE, *SCORERS]))
    found: Measure = load(SCORERS[name])
    return found
