"""What a command is about: its questions and its recipes, from options."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlc.data.datasets import load_dataset, load_sets, set_name
from rlc.data.errors import UsageError, unknown
from rlc.data.records import Dataset
from rlc.data.sets.recordings import recorded_arms, recorded_models
from rlc.data.spec import Spec
from rlc.data.store import Store
from rlc.experiments.cli.options import Arms, Judging, Questions
from rlc.experiments.judges.support.naming import judge_spec
from rlc.experiments.metrics.cost import Price, read_prices
from rlc.experiments.metrics.pricing import model_of
from rlc.experiments.runs.recipes import recipe_file
from rlc.experiments.runs.selection import limit as limit_to
from rlc.experiments.runs.selection import measured_by, where
from rlc.experiments.study.pricing import prices_of
from rlc.pipeline.families import BUILDER, LLM, takes
from rlc.pipeline.identity import identity
from rlc.pipeline.llms.support.forwarding import forward
from rlc.pipeline.llms.support.names import engine_spec
from rlc.pipeline.llms.support.remembered import RememberedGenerations
from rlc.pipeline.recipe import Recipe, named_parts, router_part
from rlc.pipeline.recipe_files import dataset_specs, judge_table, load_recipe
from rlc.pipeline.recipe_settings import with_settings
from rlc.pipeline.routers import ROUTERS


def choose_questions(questions: Questions, recipe: Path | None = None) -> Dataset:
    """The data set of `--dataset`, else that of the recipe, else LaRA; filtered, sampled, with what scores it.

    Raises:
        UsageError: on an unknown name, part, setting or scorer.
        DataError: where the data is not here, or cannot be read.
    """
    dataset = choose_dataset(questions.dataset, questions.data_root, recipe)
    dataset = where(dataset, questions.conditions)
    if questions.limit is not None:
        dataset = limit_to(dataset, questions.limit, questions.seed)
    return measured_by(dataset, questions.measure)


def choose_dataset(words: str | None, data_root: Path | None, recipe: Path | None = None) -> Dataset:
    """Load the data set that the words or the recipe name, with all its questions."""
    specs = dataset_specs(recipe_file(recipe)) if words is None and recipe is not None else []
    return load_sets(specs, data_root) if specs else load_dataset(words or "lara", data_root)


def choose_recipes(arms: Arms, seed: int, dataset: Dataset) -> dict[str, Recipe]:
    """A recipe per language model, with the options' changes; the key is the model's name, empty for the default."""
    if not arms.engines:
        recipes = {"": load_recipe(recipe_file(arms.recipe))}
    else:
        recipes = {
            name: recipe
            for model in arms.engines
            for name, recipe in _with_model(arms, model, dataset).items()
        }
    questions = questions_per_document(dataset)
    return {
        name: priced(changed(recipe, arms.settings, seed), arms.price, arms.budget, questions)
        for name, recipe in recipes.items()
    }


def _with_model(arms: Arms, model: str, dataset: Dataset) -> dict[str, Recipe]:
    engine, _, name = model.partition(":")
    if engine == "recorded":
        return _recorded(arms, name, dataset)
    recipe = load_recipe(recipe_file(arms.recipe))
    spec = engine_spec(model)
    if "llm" not in named_parts([recipe.readers, recipe.parts]):
        raise UsageError(
            f"--model {model} takes the place of the part 'llm', which no reader of the recipe names: write llm = \"@llm\" in "
            "those that it is for, or set the model where it stands, by --set"
        )
    known = _with_router_settings(recipe, "reader", {"reader": spec["model"]})
    return {str(spec["model"]): Recipe(recipe.readers, {**known.parts, "llm": spec})}


def _recorded(arms: Arms, model: str, dataset: Dataset) -> dict[str, Recipe]:
    if dataset.root is None:
        raise UsageError(
            f"recorded answers lie beside their questions; the data set {dataset.name!r} is in no folder"
        )
    asked = set_name(dataset.name)
    known = recorded_models(asked, dataset.root)
    if model not in (*known, "all"):
        raise UsageError(f"--model recorded:{model}: {unknown('recorded model', model, [*known, 'all'])}")
    recipe = load_recipe(recipe_file(arms.recipe, "recorded"))
    source: Spec = {"root": str(dataset.root.resolve()), "revision": dataset.revision, "dataset": asked}
    recipes = {}
    for name in known if model == "all" else [model]:
        said = recorded_arms(asked, dataset.root, name)
        asked_for = recipe.arms(arms.names)
        left = [
            reader for reader in asked_for if recipe.readers.get(reader, {}).get("arm", "") in {"", *said}
        ]
        if len(left) < len(asked_for):
            raise UsageError(
                f"of {name} no {' or '.join(sorted({'rag', 'long'} - said, reverse=True))} answers were recorded: add --arms {','.join(left)}"
            )
        readers = {arm: {**spec, **source, "model": name} for arm, spec in recipe.readers.items()}
        recipes[name] = _with_router_settings(Recipe(readers, recipe.parts), "reader", {"reader": name})
    return recipes


def questions_per_document(dataset: Dataset) -> float:
    """The mean over the documents that are asked about, to a tenth."""
    return round(len(dataset.examples) / max(1, len(dataset.asked)), 1)


def priced(recipe: Recipe, price: float | None, budget: int | None, questions: float) -> Recipe:
    """Tell a recipe's routers what long context may cost, for so many questions a document.

    Without a price nothing is said of the questions, for nothing would come of it: at price 0 they change no decision.

    Raises:
        UsageError: if both are given.
    """
    if price is not None and budget is not None:
        raise UsageError("--price and --budget say the same thing in two ways; give one of them")
    given: Spec = {"price": price, "budget": budget}
    settings = {name: value for name, value in given.items() if value is not None}
    if not settings:
        return recipe
    return _with_router_settings(recipe, "price", {**settings, "questions_per_document": questions})


def _with_router_settings(recipe: Recipe, knows: str, settings: Spec) -> Recipe:
    """Give a recipe settings of the routers that take the setting `knows`, should they be added to it."""
    routers = [name for name in ROUTERS if takes({"use": name}, knows)]
    parts = {
        part: {**recipe.parts.get(part, {}), **settings} for name in routers for part in [router_part(name)]
    }
    return Recipe(recipe.readers, {**recipe.parts, **parts})


def changed(recipe: Recipe, settings: Sequence[str], seed: int) -> Recipe:
    """Set the seed in every reader that takes one, and the given settings."""
    seeds = [
        f"readers.{name}.seed={seed}" for name, spec in recipe.readers.items() if seed and takes(spec, "seed")
    ]
    return with_settings(recipe, [*seeds, *settings])


def choose_judge(judging: Judging, recipe: Path | None) -> Spec | None:
    """The judge of `--judge`, else that of the recipe; None for the rules.

    Raises:
        UsageError: if there is no such judge, criterion or setting, or no judge that they could be of.
    """
    if judging.judge is not None:
        return judge_spec(judging.judge, judging.criteria, judging.judge_settings)
    if judging.criteria or judging.judge_settings:
        raise UsageError("--criteria and --judge-set belong to a judge: name it with --judge ENGINE:MODEL")
    return judge_table(recipe_file(recipe))


def completed_engine(model: str, settings: Sequence[str]) -> Spec:
    """`ENGINE:MODEL` with its settings (`KEY=VALUE`) as a completed spec.

    Raises:
        UsageError: if there is no such engine or setting.
    """
    recipe = Recipe({"engine": {}}, {"llm": engine_spec(model)})
    given = with_settings(recipe, [f"parts.llm.{setting}" for setting in settings]).parts["llm"]
    return BUILDER.complete(given, LLM, "engine")


def engine_price(model: str, settings: Sequence[str], prices: Path | None) -> Price | None:
    """What an engine's tokens cost, by a user's prices or those that ship; None where that is not known.

    Raises:
        UsageError: if the user's prices lack its model.
    """
    spec = completed_engine(model, settings)
    sheet = read_prices(prices) if prices else None
    return prices_of([model_of(spec)], [spec], sheet).get(model_of(spec))


@contextmanager
def remembering_engine(model: str, settings: Sequence[str], folder: Path) -> Iterator[Any]:  # an engine
    """Hand out an engine whose generations are kept in a folder's store: what it said once is not asked again."""
    spec = completed_engine(model, settings)
    store = Store(folder)
    try:
        yield forward(BUILDER.build(spec, LLM, "engine"), RememberedGenerations(store), identity(spec, LLM))
    finally:
        store.close()
