import pytest
import torch

from rlc.retrievers.prune.support.network import LowRank, adapt, extract, merge, mini


@pytest.fixture
def make(tiny_folder):
    """A factory of equal fresh networks."""
    from transformers import BertModel

    def make():
        torch.manual_seed(0)
        return mini(BertModel.from_pretrained(tiny_folder, add_pooling_layer=False)).eval()

    return make


def read(network):
    ids = torch.tensor([[2, 5, 6, 3, 7, 8, 9, 3]])
    types = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]])
    with torch.inference_mode():
        ranks, keep = network(ids, types, torch.ones_like(ids))
    return torch.cat([ranks, keep[0]])


def test_fresh_adapters_change_nothing(make):
    adapted = make()
    adapt(adapted, rank=4, seed=0)
    assert torch.allclose(read(adapted), read(make()), atol=1e-6)


def test_changes_are_extracted_and_merged(make):
    trained, fresh = make(), make()
    own = {name: value.detach().clone() for name, value in trained.encoder.named_parameters()}
    adapt(trained, rank=4, seed=0)
    with torch.no_grad():
        for parameter in trained.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(read(trained), read(fresh), atol=1e-2)
    merge(fresh, extract(trained, own))
    assert torch.allclose(read(trained), read(fresh), atol=5e-3)  # stored in float16
    assert not any(isinstance(module, LowRank) for module in fresh.modules())

    again = make()
    adapt(again, rank=4, seed=5)
    merge(again, extract(trained, own))
    assert torch.allclose(read(trained), read(again), atol=5e-3)
    assert any(isinstance(module, LowRank) for module in again.modules()), "it can be trained on"


def test_equal_seeds_give_equal_adapters(make):
    one, other = make(), make()
    adapt(one, rank=4, seed=3)
    adapt(other, rank=4, seed=3)
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)


def test_changes_of_another_architecture_are_refused(make):
    network = make()
    with pytest.raises(KeyError):
        merge(network, {"ranker.linear.bias": torch.zeros(1)})
