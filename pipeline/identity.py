"""What stands for a reader in the store: its completed spec, its models' revisions, its methods' versions."""

from collections.abc import Callable
from pathlib import Path

from rlc.data.plugins import code_version, is_path
from rlc.data.prompt_files import ENGLISH, read_prompts
from rlc.data.spec import (
    Family,
    Spec,
    fingerprint,
    names_prompts,
    names_weights,
)
from rlc.data.tokens import APPROXIMATE
from rlc.data.trust import source_digest
from rlc.data.weights import revision_of
from rlc.pipeline.families import BUILDER, READER
from rlc.pipeline.former_names import first_names
from rlc.retrievers.prune.support.checkpoints import MINI, packaged_revision


def identity(spec: Spec, family: Family = READER) -> str:
    """What stands for a completed spec in the store: the spec, its models' revisions, its methods' versions.

    Methods of version 1 are not told, so that answers of methods that never changed stay where they are.
    """
    versions = {
        place: version
        for family, place, inner in BUILDER.walk(spec, family, family.kind)
        if (version := getattr(family.method(inner["use"], place), "VERSION", 1)) != 1
    }
    return fingerprint([first_names(spec), revisions(spec, family), *([versions] if versions else [])])


def revisions(
    spec: Spec, family: Family = READER, of: Callable[[str, str | None], str] | None = None
) -> dict[str, str]:
    """The revisions of all models that a completed spec names, and digests of files: routers' fits, prompts, code.

    The English prompts that ship are part of their method, whose `VERSION` rises with them. `of` says how a model's
    revision is told: as it was wanted, which is known before anything is loaded, or as it was read.
    """
    tell = of or revision_of
    found: dict[str, str] = {}
    for owner, place, inner in BUILDER.walk(spec, family, family.kind):
        for key, parameter in owner.parameters(inner["use"], place).items():
            model = inner.get(key)
            if (
                isinstance(model, str)
                and model not in ("", APPROXIMATE)
                and names_weights(parameter.annotation)
            ):
                found[model] = packaged_revision() if model == MINI else tell(model, inner.get("revision"))
            if isinstance(model, str) and model != ENGLISH and names_prompts(parameter.annotation):
                found[f"{inner['use']}.{key}={model}"] = read_prompts(
                    owner.method(inner["use"], place), model
                ).digest
        for key in getattr(owner.method(inner["use"], place), "CODE", ()):
            target = inner.get(key)
            if isinstance(target, str) and (digest := source_digest(target)):
                found[target] = digest
        used = owner.table.get(inner["use"], inner["use"])
        if is_path(used) and not used.startswith("rlc."):  # another package's, whose state is not rlc's
            found[used] = code_version(used)
        fit = inner.get("fit")
        if isinstance(fit, str) and Path(fit).is_file():
            found[fit] = fingerprint(Path(fit).read_text(encoding="utf-8", errors="replace"))
    return found
