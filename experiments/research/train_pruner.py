"""Train `provence-mini`: adapters and heads on all-MiniLM-L6-v2, from silver sentence labels.

    python -m rlc.experiments.research.train_pruner prepare --nq FILE --lara FOLDER --out features.npz
    python -m rlc.experiments.research.train_pruner train --features features.npz --base FOLDER --out FOLDER

`prepare` needs the data and the library; `train` needs the features, the base model, torch, transformers and
safetensors, so it also runs on a bare machine with a GPU. A run writes a checkpoint after every epoch and goes on
from it. On a CPU, equal seeds, features and library versions give equal weights; a GPU sums in no fixed order.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlc.data.weights import ALIASES
from rlc.experiments.research.pruner_features import (
    WINDOW,
    Features,
    Ints,
    Row,
    batches,
    collate,
    encode,
    load_features,
    make_row,
)

if TYPE_CHECKING:
    import torch

    from rlc.retrievers.prune.support.network import PruningNetwork

BASE = "minilm"


# -- training ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """What training depends on besides the features.

    `rank` 0 trains all of the base model. In each epoch a question brings its passages that bear the answer and
    `negatives` others, LaRA's location questions `located` times with others each time; `spliced` and `titles` are
    chances. `clozes` are the made-up questions of each of the `warm_epochs`. `gold` weighs the units of passages that bear the answer, `ranking` the ranking loss. The last
    `judged` epochs are judged on tune, and the best of them is kept.
    """

    rank: int = 48
    rate: float = 1e-3
    epochs: int = 2
    warm_epochs: int = 1
    clozes: int = 2_000
    negatives: int = 3
    located: int = 2
    batch_tokens: int = 4_096
    dropout: float = 0.0
    decay: float = 0.01
    gold: float = 3.0
    ranking: float = 0.3
    spliced: float = 0.15
    titles: float = 0.8
    judged: int = 1
    seed: int = 0


def unit_probabilities(keep: "torch.Tensor", unit: "torch.Tensor", units: int) -> "torch.Tensor":
    """The mean keep probability of each unit's tokens, from logits [batch, tokens]."""
    import torch

    flat = unit.flatten()
    sums = torch.zeros(units + 1, device=keep.device).index_add(0, flat, keep.sigmoid().flatten())
    counts = torch.bincount(flat, minlength=units + 1).clamp(min=1)
    return (sums / counts)[:units]


def loss_of(
    network: "PruningNetwork", batch: "Mapping[str, torch.Tensor]", settings: Settings
) -> "torch.Tensor":
    """Cross-entropy of tokens and of units, each unit counted once, and of the passages' ranking."""
    import torch
    from torch.nn import functional as F  # noqa: N812 - torch's own name for it

    ranks, keep = network(batch["ids"], batch["types"], batch["mask"])
    labels, owner, unit = batch["labels"], batch["owner"], batch["unit"]
    total = len(labels)
    bears = torch.zeros(len(ranks), device=ranks.device).index_add(0, owner, (labels == 1).float()) > 0
    weights = (labels >= 0) * torch.where(bears[owner], settings.gold, 1.0)
    target = labels.clamp(min=0).float()

    probabilities = unit_probabilities(keep, unit, total).clamp(1e-5, 1 - 1e-5)
    # Written out, since autocast refuses binary_cross_entropy.
    by_unit = -(target * probabilities.log() + (1 - target) * (1 - probabilities).log())
    wanted = torch.cat([target, target.new_zeros(1)])[unit]
    token_losses = F.binary_cross_entropy_with_logits(keep, wanted, reduction="none")
    flat = unit.flatten()
    sums = torch.zeros(total + 1, device=keep.device).index_add(0, flat, token_losses.flatten())
    by_token = (sums / torch.bincount(flat, minlength=total + 1).clamp(min=1))[:total]
    pruning = ((by_unit + by_token) / 2 * weights).sum() / weights.sum().clamp(min=1)

    pointwise = F.binary_cross_entropy_with_logits(ranks, bears.float())
    same = batch["group"][:, None] == batch["group"][None, :]
    listwise = torch.logsumexp(ranks[None, :].masked_fill(~same, -1e4), dim=1) - ranks
    ranked = (listwise * bears).sum() / bears.sum().clamp(min=1)
    loss: torch.Tensor = pruning + settings.ranking * (pointwise + ranked)
    return loss


def build(
    base: Path, settings: Settings, start: Path | None = None
) -> "tuple[PruningNetwork, dict[str, torch.Tensor]]":
    """The network to train, with the adapters of `start` where that is given, and the base model's own parameters."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel

    from rlc.retrievers.prune.support.network import adapt, merge, mini

    torch.manual_seed(settings.seed)
    # On a CPU the fused attention's backward pass takes longer than all the rest.
    encoder = AutoModel.from_pretrained(
        base,
        dtype=torch.float32,
        add_pooling_layer=False,
        attn_implementation="eager",
        trust_remote_code=False,
    )
    own = {name: value.detach().clone() for name, value in encoder.named_parameters()}
    network = mini(encoder)
    if settings.rank:
        adapt(network, settings.rank, settings.seed)
    if start is not None:
        merge(network, load_file(start))
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.dropout
    for parameter in network.encoder.parameters():
        if not parameter.requires_grad:  # read under autocast alone, so it need not be cast every time
            parameter.data = parameter.data.bfloat16()
    # Autocast leaves sums of states in the wider of two types: so that all are narrow, the first are.
    network.encoder.embeddings.register_forward_hook(lambda *given: given[-1].bfloat16())  # type: ignore[union-attr]
    return network, own


def train(
    features: Features, base: Path, out: Path, settings: Settings, device: str, start: Path | None = None
) -> dict[str, Any]:
    """Train, keep the epoch that is best on tune, write its weights and a report.

    `start` is a file of adapters of an earlier run, to go on from.

    Returns:
        The report: settings and figures by epoch. (`rlc.experiments.research.prune_quality` measures on test.)
    """
    import torch
    from safetensors.torch import save_file

    from rlc.retrievers.prune.support.network import extract

    out.mkdir(parents=True, exist_ok=True)
    network, own = build(base, settings, start)
    network.to(device)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=settings.decay)
    plan = list(_plan(features, settings))
    report: dict[str, Any] = {"settings": asdict(settings), "device": device, "epochs": []}
    best: dict[str, torch.Tensor] = {}
    done, step = 0, 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        best, report, done, step = state["best"], json.loads(state["report"]), state["done"], state["step"]
    for epoch in range(done, len(plan)):
        started = time.perf_counter()
        torch.manual_seed(settings.seed * 1000 + epoch)  # dropout
        losses = []
        network.train()
        for rows in plan[epoch]:
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * schedule(step / sum(map(len, plan)))
            with torch.autocast(device.split(":")[0], torch.bfloat16):
                loss = loss_of(network, collate(rows, device), settings)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward([loss])
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            losses.append(loss.detach())
            step += 1
            if step % 50 == 0:
                sys.stdout.write(
                    f"{out.name} step {step} of {sum(map(len, plan))}: loss {float(losses[-1]):.3f}\n"
                )
                sys.stdout.flush()
        late = epoch >= len(plan) - settings.judged
        figures = judge(network, features, "tune", device) if late else {"score": -1.0}
        figures |= {"loss": float(torch.stack(losses).mean()), "seconds": time.perf_counter() - started}
        report["epochs"].append(figures)
        sys.stdout.write(f"{out.name} {epoch} {_short(figures)}\n")
        sys.stdout.flush()
        if figures["score"] >= max(one["score"] for one in report["epochs"]):
            best = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "best": best}
        torch.save({**state, "report": json.dumps(report), "done": epoch + 1, "step": step}, checkpoint)
    network.load_state_dict(best)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    if (
        settings.rank
    ):  # the two files that rlc.retrievers.prune.support.checkpoints reads, under these names in weights/
        save_file(extract(network, own), out / "provence-mini.safetensors")
        config = {"base": BASE, "base_sha256": ALIASES[BASE].sha256, "window": WINDOW, **asdict(settings)}
        (out / "provence-mini.json").write_text(json.dumps(config, indent=2) + "\n")
    return report


def schedule(progress: float, warm: float = 0.06) -> float:
    """A rise over the first `warm` of the steps, then half a cosine down to 0."""
    if progress < warm:
        return progress / warm
    return 0.5 + 0.5 * float(np.cos(np.pi * (progress - warm) / (1 - warm)))


def training_rows(
    features: Features, question: int, group: int, settings: "Settings", random: np.random.Generator
) -> list[Row]:
    """The rows of one question in one epoch; sometimes two passages are read as one, so that long ones are learnt."""
    bearing = [p for p in features.groups[question] if 1 in features.labels[p]]
    others = [p for p in features.groups[question] if p not in bearing]
    wrong = random.permutation(others)[: settings.negatives].tolist()
    rows = [
        make_row(features, question, [p], group, title=random.random() < settings.titles)
        for p in [*bearing, *wrong]
    ]
    if bearing and wrong and random.random() < settings.spliced:
        pair = random.permutation([bearing[0], wrong[0]]).tolist()
        rows.append(make_row(features, question, pair, group, title=False))
    return rows


def _plan(features: Features, settings: Settings) -> Iterator[list[list[Row]]]:
    """The batches of every epoch: first with questions made from sentences, then the real ones alone.

    Rows of like length share a batch, so that little is padding.
    """
    real = [
        *features.of("train", "nq", "lara"),
        *features.of("train", "lara-location") * (settings.located - 1),
    ]
    made = features.of("train", "cloze")
    for epoch in range(settings.warm_epochs + settings.epochs):
        random = np.random.default_rng([settings.seed, epoch])
        more = random.permutation(made)[: settings.clozes].tolist() if epoch < settings.warm_epochs else []
        order = random.permutation([*real, *more]).tolist()
        rows = [row for q in order for row in training_rows(features, q, q, settings, random)]
        packs = [sorted(rows[i : i + 256], key=lambda row: len(row.ids)) for i in range(0, len(rows), 256)]
        full = [batch for pack in packs for batch in batches(pack, settings.batch_tokens)]
        yield [full[i] for i in random.permutation(len(full))]


# -- figures ----------------------------------------------------------------------------------------------------


def judge(network: "PruningNetwork", features: Features, split: str, device: str) -> dict[str, float]:
    """Compression at fixed retention on a split, by source, and the sum of the three that the goals are about."""
    figures: dict[str, float] = {}
    for name, source, only_gold, level in (
        ("nq five", "nq", False, 0.95),
        ("nq gold", "nq", True, 0.90),
        ("lara", "lara-location", False, 0.90),
    ):
        passages = [
            (q, p) for q in features.of(split, source) for p in features.groups[q][: 1 if only_gold else 5]
        ]
        rows = [make_row(features, q, [p], q, title=True) for q, p in passages]
        probabilities, lengths, labels = predict(network, rows, device)
        figures[f"{name} at {level:.2f}"] = compression_at(probabilities, lengths, labels, level)
        for threshold in (0.05, 0.1, 0.2, 0.3, 0.5):
            kept = probabilities > threshold
            figures[f"{name} removed {threshold}"] = 1 - float((lengths * kept).sum() / lengths.sum())
            figures[f"{name} kept {threshold}"] = float(kept[labels == 1].mean())
    figures["score"] = sum(value for name, value in figures.items() if " at " in name)
    return figures


def predict(network: "PruningNetwork", rows: Sequence[Row], device: str) -> tuple[NDArray[Any], Ints, Ints]:
    """Keep probability, tokens and label of every unit of the rows."""
    import torch

    network.eval()
    probabilities, lengths, labels = [], [], []
    order = sorted(rows, key=lambda row: len(row.ids))
    for chunk in batches(order, 32_768):
        with torch.inference_mode(), torch.autocast(device.split(":")[0], torch.bfloat16):
            batch = collate(chunk, device)
            _, keep = network(batch["ids"], batch["types"], batch["mask"])
            probabilities.append(unit_probabilities(keep, batch["unit"], len(batch["labels"])).cpu().numpy())
        for row in chunk:
            lengths.append(np.bincount(row.unit[row.unit >= 0], minlength=len(row.labels)))
            labels.append(row.labels)
    return np.concatenate(probabilities), np.concatenate(lengths), np.concatenate(labels)


def compression_at(probabilities: NDArray[Any], lengths: Ints, labels: Ints, level: float) -> float:
    """The largest share of tokens that a threshold removes while it keeps `level` of the answer-bearing units."""
    bearing = np.sort(probabilities[labels == 1])
    threshold = bearing[int(np.floor((1 - level) * len(bearing) + 1e-9))]
    return float(lengths[probabilities < threshold].sum() / lengths.sum())


def _short(figures: Mapping[str, float]) -> str:
    wanted = {
        name: v for name, v in figures.items() if " at " in name or name in ("score", "loss", "seconds")
    }
    wanted |= {name: v for name, v in figures.items() if name.endswith((" 0.1", " 0.5"))}
    return " ".join(f"{name.replace(' ', '-')}={value:.3f}" for name, value in wanted.items())


def prepare(nq: Path, lara: Path, out: Path, *, dense: bool, chunks: int, seed: int) -> None:
    """Read the data, make the questions, write them as features."""
    from rlc.data.sets.lara import load
    from rlc.experiments.research import pruner_data as data

    encoder = None
    if dense:
        from rlc.retrievers.encoders.sentence_transformer import SentenceEncoder

        encoder = SentenceEncoder("minilm")
    questions = data.natural_questions(nq, 8, encoder, seed=seed)
    dataset = load(lara)
    questions += data.lara(dataset, 10, data.TASKS, seed=seed)
    gold = [q.passages[0] for q in questions if q.split == "train" and q.source == "nq"]
    questions += data.cloze(gold, each=4, seed=seed)
    drawn = data.training_chunks(dataset, chunks, seed=seed)
    questions += data.cloze(drawn, each=2, seed=seed, near=data.neighbours(dataset, 6))
    np.savez_compressed(out, **encode(questions))  # type: ignore[arg-type]
    counts = {(q.source, q.split): 0 for q in questions}
    for question in questions:
        counts[question.source, question.split] += 1
    sys.stdout.write("".join(f"{source} {split}: {n}\n" for (source, split), n in sorted(counts.items())))


def main(arguments: Sequence[str] | None = None) -> None:
    """The two commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("prepare")
    first.add_argument("--nq", type=Path, required=True)
    first.add_argument("--lara", type=Path, required=True)
    first.add_argument("--out", type=Path, required=True)
    first.add_argument("--no-dense", action="store_true", help="hard negatives from BM25 alone")
    first.add_argument("--chunks", type=int, default=4_000, help="LaRA passages to make questions of")
    first.add_argument("--seed", type=int, default=0)
    second = commands.add_parser("train")
    second.add_argument("--features", type=Path, required=True)
    second.add_argument("--base", type=Path, required=True, help="the folder of all-MiniLM-L6-v2")
    second.add_argument("--out", type=Path, required=True)
    second.add_argument("--start", type=Path, help="adapters of an earlier run, to go on from")
    second.add_argument("--device", default="cpu")
    for name, default in asdict(Settings()).items():
        second.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args(arguments))
    if given.pop("command") == "prepare":
        dense = not given.pop("no_dense")
        prepare(dense=dense, **given)
    else:
        features, base, out = (given.pop(name) for name in ("features", "base", "out"))
        device, start = given.pop("device"), given.pop("start")
        train(load_features(features), base, out, Settings(**given), device, start)


if __name__ == "__main__":
    main()
