"""Published Provence networks as `PruningNetwork`: which states each head reads."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rlc.retrievers.prune.support.network import PruningNetwork

if TYPE_CHECKING:
    from transformers import DebertaV2ForSequenceClassification, ModernBertForSequenceClassification


class ModernBertRanker(nn.Module):
    """The ranking head of a ModernBERT classifier, the encoder's last norm included: its first logit."""

    def __init__(self, model: "ModernBertForSequenceClassification") -> None:
        super().__init__()
        self.norm = model.model.final_norm
        self.head = model.head
        self.classifier = model.classifier
        self.pooling = model.config.classifier_pooling

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Compute the logits [batch] of the ranking head."""
        states = self.norm(states)
        if self.pooling == "cls":
            pooled = states[:, 0]
        else:
            weights = mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
        logits: Tensor = self.classifier(self.head(pooled))
        return logits[:, 0]


class DebertaRanker(nn.Module):
    """The ranking head of a DeBERTa classifier: its first logit."""

    def __init__(self, model: "DebertaV2ForSequenceClassification") -> None:
        super().__init__()
        self.pooler = model.pooler
        self.classifier = model.classifier

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 - the face of all rankers
        """Compute the logits [batch] of the ranking head."""
        logits: Tensor = self.classifier(self.pooler(states))
        return logits[:, 0]


class ModernBertStates(nn.Module):
    """The encoder without its last norm.

    OpenProvence's pruning head was trained on `hidden_states[-1]`, which in transformers 4 is what *enters* the last
    norm. Transformers 5 puts the normed states there, so the head must be given the others by hand.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        encoder.final_norm = nn.Identity()

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002
        """States [batch, tokens, hidden]; ModernBERT knows no token types."""
        states: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return states


def modern_bert(model: "ModernBertForSequenceClassification", keeper: nn.Linear) -> PruningNetwork:
    """Lay out OpenProvence's network on ModernBERT."""
    ranker = ModernBertRanker(model)  # takes the norm before the encoder loses it
    return PruningNetwork(ModernBertStates(model.model), ranker, keeper)


def deberta(model: "DebertaV2ForSequenceClassification", keeper: nn.Linear) -> PruningNetwork:
    """Lay out Naver's network on DeBERTa."""
    return PruningNetwork(model.deberta, DebertaRanker(model), keeper)
