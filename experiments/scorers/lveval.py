"""LV-Eval's rules (infinigence/LVEval@63e7ae9, metrics.py, MIT): F1 that counts only where the answer holds the keywords.

The first gold answer counts alone. Keywords stand in the example's metadata under `gold_ans`; words of the stop lists do not count.
"""

from collections import Counter

from rlc.data.errors import require
from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.longbench import CHINESE_PUNCTUATION, bag_f1, chinese_words, rouge_l_of
from rlc.experiments.scorers.measured import Measured

_MARKS = str.maketrans("", "", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" + CHINESE_PUNCTUATION)
_EN = (
    "and to of in her was with for it from is that his he by she they or at because be on are their what as had were about "
    "being this who but have has when which does"
)
_ZH = (
    "的 和 是 等 在 年 可以 为 与 ‰ 了 或 一种 月 c 至 日 有 进行 于 不 中 × 根据 小 由 亩 也 要 指 法 会 元 主要 以及 通过 首先 对 然后 号 以 所 后 丁 包括 无 将 用 "
    "能 形 方面 因素 位于 而 从 到 一定 用于 但 使用 让 具有 并 亿元 万元 上 类 基于 才 来 地 片 其他 个 或者 变得 时 给 你 使 条 受 已经 带 度"
)
STOP_EN, STOP_ZH = frozenset(_EN.split()), frozenset(_ZH.split())


def f1_keywords(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words; 0 where fewer than a fifth of the keywords are said."""
    said = normalise(prediction).split()
    keywords = normalise(str(example.metadata.get("gold_ans") or "")).split()
    if keywords and _share(said, keywords, STOP_EN) < 0.2:
        return Measured(0.0)
    return Measured(bag_f1(said, normalise(_gold(example)).split()))


def f1_keywords_zh(prediction: str, example: Example) -> Measured:
    """F1 of the bags of jieba's words; 0 where fewer than two fifths of the keywords are said."""
    said, gold = chinese_words(prediction), chinese_words(_gold(example))
    keywords = chinese_words(str(example.metadata.get("gold_ans") or _gold(example)))
    if not keywords or _share(said, keywords, STOP_ZH) < 0.4:
        return Measured(0.0)
    return Measured(bag_f1(said, gold))


def rouge_l_zh_blacklist(prediction: str, example: Example) -> Measured:
    """ROUGE-L of jieba's words without the stop list; upstream cuts twice, so do we."""
    require("jieba")
    from jieba import cut

    def words(text: str) -> str:
        twice = cut(" ".join(cut(text, cut_all=False)), cut_all=False)
        bare = ("".join(word.lower().translate(_MARKS).split()) for word in twice)
        return " ".join(word for word in bare if word not in STOP_ZH)

    return Measured(rouge_l_of(words(prediction), words(_gold(example))))


def _gold(example: Example) -> str:
    return example.answers[0] if example.answers else ""


def _share(said: list[str], keywords: list[str], stop: frozenset[str]) -> float:
    common = Counter(said) & Counter(keywords)
    return sum(count for word, count in common.items() if word not in stop) / len(keywords)
