"""Published ways of putting passages together; none is trained here."""

from rlc.pipeline.fusion.base import Fusion


def prompt_cache() -> Fusion:
    """Passages at their own places, none of which has seen another.

    Source: Gim et al., MLSys 2024, arXiv 2311.04934. TurboRAG (arXiv 2410.07590, "reordered" positions) and
    Block-Attention (arXiv 2409.15355) place passages alike, with models that their authors trained to read so.
    """
    return Fusion()


def parallel_windows() -> Fusion:
    """All passages at the same place, as if each were the only one.

    Source: parallel context windows, Ratner et al., ACL 2023, arXiv 2212.10947.
    """
    return Fusion(own_places=False)


def ape(temperature: float = 0.9, scale: float = 0.9) -> Fusion:
    """All passages at the same place, weighed by a temperature and a scale, behind a prefix that all of them have seen.

    Source: adaptive parallel encoding, Yang et al., ICLR 2025, arXiv 2502.05431; the defaults are those of the authors'
    demonstration, and they tune both for every model and task.
    """
    return Fusion(own_places=False, temperature=temperature, scale=scale)


def cache_blend(recomputed: float = 0.15, check: int = 1) -> Fusion:
    """Passages at their own places; the tokens whose values change most are computed anew, with all before them in sight.

    Source: Yao et al., EuroSys 2025, arXiv 2405.16444 (15%). The authors choose the tokens again at every layer, ever
    fewer; here they are chosen once, at layer `check`, as their code does.
    """
    return Fusion(recomputed=recomputed, check=check)
