"""The recipes that come with the package."""

from pathlib import Path

RECIPES = Path(__file__).parent.parent / "recipes"


def packaged_recipes() -> list[str]:
    """Names of the recipes that the package ships, sorted."""
    return sorted(file.stem for file in RECIPES.glob("*.toml"))


def recipe_file(given: Path | None, default: str = "default") -> Path:
    """The file given, by its path or by the name of one of these, else the default of these."""
    if given is not None and (given.exists() or str(given) not in packaged_recipes()):
        return given
    return RECIPES / f"{given or default}.toml"


def purpose(name: str) -> str:
    """What one of them is for: the first line of its comment."""
    with (RECIPES / f"{name}.toml").open(encoding="utf-8") as lines:
        return next(lines).lstrip("# ").strip()
