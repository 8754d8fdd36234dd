"""LongBench's metrics (THUDM/LongBench@2e00731, LongBench/metrics.py and eval.py): the best over the gold answers.

Of trec, triviaqa, samsum and lsht only the first line of the answer counts. ROUGE-L is `rouge` 1.0.1's, whatever else may be installed;
Chinese is cut by jieba; code similarity is difflib's ratio in whole percents, which is what fuzzywuzzy gives without
python-Levenshtein.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from rlc.data.errors import require
from rlc.data.records import Example
from rlc.experiments.metrics.answer import normalise
from rlc.experiments.scorers.measured import Measured

FIRST_LINE = ("trec", "triviaqa", "samsum", "lsht")
CHINESE_PUNCTUATION = "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏."
_PUNCTUATION = set(string.punctuation + CHINESE_PUNCTUATION)
_NUMBER = re.compile(r"\d+")


def qa_f1(prediction: str, example: Example) -> Measured:
    """F1 of the bags of words, after SQuAD's normalisation."""
    return _best(
        prediction, example, lambda said, gold: bag_f1(normalise(said).split(), normalise(gold).split())
    )


def qa_f1_zh(prediction: str, example: Example) -> Measured:
    """F1 of the bags of jieba's words, punctuation and space left out."""
    return _best(prediction, example, lambda said, gold: bag_f1(chinese_words(said), chinese_words(gold)))


def rouge_l(prediction: str, example: Example) -> Measured:
    """F of the longest common subsequences of words, sentence by sentence."""
    return _best(prediction, example, rouge_l_of)


def rouge_l_zh(prediction: str, example: Example) -> Measured:
    """`rouge_l` on jieba's words."""
    require("jieba")
    from jieba import cut

    def score(said: str, gold: str) -> float:
        return rouge_l_of(" ".join(cut(said, cut_all=False)), " ".join(cut(gold, cut_all=False)))

    return _best(prediction, example, score)


def classification(prediction: str, example: Example) -> Measured:
    """1 for the gold class among the classes that are named, shared with the others that are no part of its name."""
    classes = [str(one) for one in example.metadata.get("all_classes", ())]

    def score(said: str, gold: str) -> float:
        named = [one for one in classes if one in said]
        for one in named:  # upstream removes while it walks, so the one after a removed name is passed over
            if one in gold and one != gold:
                named.remove(one)
        return 1 / len(named) if gold in named else 0.0

    return _best(prediction, example, score)


def count(prediction: str, example: Example) -> Measured:
    """The share of the numbers in the answer that are the gold one."""
    return _best(prediction, example, lambda said, gold: _share(_NUMBER.findall(said), gold))


def retrieval(prediction: str, example: Example) -> Measured:
    """The share of the numbers in the answer that are the gold paragraph's."""
    return _best(
        prediction, example, lambda said, gold: _share(_NUMBER.findall(said), _after("Paragraph ", gold))
    )


def retrieval_zh(prediction: str, example: Example) -> Measured:
    """Score a Chinese answer as `retrieval` does."""
    return _best(prediction, example, lambda said, gold: _share(_NUMBER.findall(said), _after("段落", gold)))


def code_similarity(prediction: str, example: Example) -> Measured:
    """The likeness of the first line of code to the gold line; comments and fences are passed over."""
    lines = prediction.lstrip("\n").split("\n")
    code = next((line for line in lines if "`" not in line and "#" not in line and "//" not in line), "")
    return _best(
        code, example, lambda said, gold: round(100 * SequenceMatcher(None, said, gold).ratio()) / 100
    )


def bag_f1(said: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of tokens; 0 where they share none, so also for two empty ones."""
    common = (Counter(said) & Counter(gold)).total()
    return 2 * common / (len(said) + len(gold)) if common else 0.0


def chinese_words(text: str) -> list[str]:
    """Jieba's words in small letters, without punctuation and space.

    Raises:
        MissingExtraError: where jieba is not installed.
    """
    require("jieba")
    from jieba import cut

    bare = ("".join(one for one in word if one not in _PUNCTUATION) for word in cut(text, cut_all=False))
    return [word for word in ("".join(one.lower().split()) for one in bare) if word]


def _best(prediction: str, example: Example, score: Callable[[str, str], float]) -> Measured:
    said = (
        prediction.lstrip("\n").split("\n")[0]
        if example.task.rpartition(":")[2] in FIRST_LINE
        else prediction
    )
    return Measured(max((score(said, gold) for gold in example.answers), default=0.0))


def rouge_l_of(said: str, gold: str) -> float:
    """F of ROUGE-L by `rouge` 1.0.1; 0 where one of both has no word."""
    require("rouge")
    from rouge import Rouge

    try:
        return float(Rouge(metrics=["rouge-l"]).get_scores([said], [gold], avg=True)["rouge-l"]["f"])
    except (ValueError, RecursionError):  # an answer without a word; upstream counts 0
        return 0.0


def _after(mark: str, gold: str) -> str:
    found = re.search(rf"{mark}(\d+)", gold)
    return found[1] if found else ""


def _share(numbers: Sequence[str], gold: str) -> float:
    return sum(number == gold.strip() for number in numbers) / len(numbers) if numbers else 0.0
