"""Clusters of vectors, in which one vector may be a member of several."""

from importlib import import_module

from rlc.data.errors import require
from rlc.data.protocols import Floats

MOST_CLUSTERS = 50
DIMENSIONS = 10
THRESHOLD = 0.1
PATIENCE = 5
SEED = 224


def load_mixtures() -> None:
    """Import what `soft_clusters` computes with, before a clock starts.

    Raises:
        MissingExtraError: if it is not installed.
    """
    require("sklearn")
    for module in ("sklearn.decomposition", "sklearn.mixture"):
        import_module(module)


def soft_clusters(
    vectors: Floats,
    *,
    dimensions: int = DIMENSIONS,
    threshold: float = THRESHOLD,
    most: int = MOST_CLUSTERS,
    seed: int = SEED,
) -> list[list[int]]:
    """Group vectors by a mixture of Gaussians, as many as the Bayesian information criterion prefers.

    Source: RAPTOR, arXiv 2401.18059, with its code's settings. There UMAP reduces the vectors; here their principal
    components do, which scikit-learn has, one round of clusters takes the place of a global and a local one, and numbers
    of clusters are tried in turn until five have been no better.

    Args:
        vectors: float32 [vectors, dimension].
        dimensions: that they are reduced to.
        threshold: probability above which a vector is a member of a cluster.
        most: clusters.
        seed: of the mixtures' beginnings.

    Returns:
        The members of every cluster that has some, ascending, each set once; in the order of their first members.
    """
    if len(vectors) < 2:
        return [[0]] if len(vectors) else []
    load_mixtures()
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    count = min(dimensions, *vectors.shape)
    points = PCA(count, random_state=seed).fit_transform(vectors.astype("float64"))
    best = GaussianMixture(1, random_state=seed).fit(points)
    for clusters in range(2, min(most, len(vectors)) + 1):
        mixture = GaussianMixture(clusters, random_state=seed).fit(points)
        if mixture.bic(points) < best.bic(points):
            best = mixture
        elif clusters - best.n_components == PATIENCE:
            break
    belongs = best.predict_proba(points) > threshold
    members = {tuple(map(int, column.nonzero()[0])) for column in belongs.T}
    return [list(group) for group in sorted(members) if group]
