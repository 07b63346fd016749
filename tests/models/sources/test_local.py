"""`local:`: the card and the weights must agree; the real weights see ants and bees."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from headstart.core.errors import SourceError
from headstart.core.storage import sha256
from headstart.inputs.audio import Audio
from headstart.inputs.image import Image as ImageInput
from headstart.models.front_ends import LogMel, Mel
from headstart.models.load import load_source
from headstart.models.model import Backbone
from headstart.models.operate import operate
from headstart.models.sources.local import Local
from models.contract import check_backbone
from sounds import small_network

VISION = {
    "mobilenetv2_100_imagenet": (224, 1280),
    "mobilenetv2_100_inat_insect": (224, 1280),
    "mobilenetv1_100_imagenet": (224, 1024),
    "mobilenetv1_050_imagenet": (160, 512),
    "mobilenetv1_025_imagenet": (128, 256),
}


@pytest.fixture
def own(tmp_path):
    """A folder weights/vision with one small network and its card."""
    folder = tmp_path / "weights" / "vision"
    folder.mkdir(parents=True)
    (tmp_path / "weights" / "labels.txt").write_text("ant\nbee\n", encoding="utf-8")
    save_file(timm.create_model("test_resnet", num_classes=2).state_dict(), folder / "small.safetensors")
    card = {
        "architecture": "test_resnet",
        "kwargs": {"num_classes": 2},
        "input_size": [3, 64, 64],
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bilinear",
        "num_classes": 2,
        "label_file": "labels.txt",
        "sha256": sha256(folder / "small.safetensors"),
    }

    def write(**changes):
        plain = {key: value for key, value in {**card, **changes}.items() if value is not None}
        (folder / "small.json").write_text(json.dumps(plain), encoding="utf-8")
        return f"local:{folder}/small"

    write()
    return write


def test_own_weights(own):
    backbone = load_source(own())
    check_backbone(backbone, torch.rand(2, 3, 64, 64), 2)
    assert backbone.card.labels == ("ant", "bee")
    assert backbone.card.input == ImageInput(64, 64, 3, (0.5,) * 3, (0.5,) * 3, "bilinear")
    folder = own().removeprefix("local:").removesuffix("/small")
    assert Local().names(folder) == Local().names(f"{folder}/sma") == [f"{folder}/small"]
    assert Local().names(f"{folder}/big") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "is not the file that small.json describes"),
        ({"sha256": None, "architecture": None}, "does not give architecture, sha256"),
        ({"mean": None, "input_size": None}, "input_size, mean missing"),
        ({"mean": [0.5]}, "a mean and a std for each channel"),
        ({"architecture": "test_resnt"}, "Did you mean 'test_resnet'"),
        ({"architecture": "test_resnet2d"}, "There is no timm model"),
        (
            {"architecture": "resnet18"},
            r"bn2.bias: missing\n  and 54 more\n  conv1.1.num_batches_tracked: unexp",
        ),
        ({"kwargs": {"checkpoint_path": "x.pth"}}, "must not set checkpoint_path"),
        ({"num_classes": 3}, "has 2 labels; small.json says 3"),
    ],
)
def test_cards_that_are_wrong(own, changes, message):
    with pytest.raises(Exception, match=message) as caught:
        load_source(own(**changes))
    assert type(caught.value).__module__ == "headstart.core.errors"


def test_a_missing_label_file_gives_no_labels(own):
    assert load_source(own(label_file="gone.txt")).card.labels == ()
    assert load_source(own(label_file="../../../../etc/hostname", num_classes=None)).card.labels == ()


def test_a_missing_card_or_weights(own, tmp_path):
    name = own()
    (tmp_path / "weights/vision/small.safetensors").unlink()
    with pytest.raises(SourceError, match=r"small\.safetensors is not there"):
        load_source(name)
    with pytest.raises(SourceError, match="need a card"):
        load_source(f"local:{tmp_path}/other")


def test_a_flipped_bit_is_caught(own, tmp_path):
    path = tmp_path / "weights/vision/small.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)
    with pytest.raises(SourceError, match="SHA-256"):
        load_source(own())


@pytest.mark.parametrize("name", VISION)
def test_real_weights(shared, name):
    size, dim = VISION[name]
    backbone = load_source(f"local:{shared(f'weights/vision/{name}.safetensors')}")
    check_backbone(backbone, torch.rand(2, 3, 64, 64), 2)
    expected = backbone.card.input
    assert isinstance(expected, ImageInput)
    assert (expected.height, backbone.dim) == (size, dim)
    assert len(backbone.card.labels) > 1000
    assert list(backbone.stages())[:2] == ["stem", "blocks.0"]


def test_real_weights_of_sounds(shared):
    backbone = load_source(f"local:{shared('weights/audio/yamnet.safetensors')}")
    check_backbone(backbone, 0.1 * torch.randn(2, 15_600), 2)
    assert backbone.card.input == Audio(16_000, 0.975)
    assert backbone.card.labels[:2] == ("Speech", "Child speech, kid speaking")


def _pictures(folder, backbone: Backbone) -> torch.Tensor:
    """Prepare the first pictures of a folder as the card says, [N, 3, H, W]."""
    expected = backbone.card.input
    assert isinstance(expected, ImageInput)
    pictures = []
    for path in sorted(folder.glob("*.jpg"))[:12]:
        with Image.open(path) as image:
            square = image.convert("RGB").resize((expected.width, expected.height), Image.Resampling.BILINEAR)
        pictures.append(torch.from_numpy(np.array(square)).permute(2, 0, 1) / 255)
    x = torch.stack(pictures)
    return (x - torch.tensor(expected.mean).view(3, 1, 1)) / torch.tensor(expected.std).view(3, 1, 1)


@pytest.mark.parametrize("name", ["mobilenetv1_050_imagenet", "mobilenetv2_100_imagenet"])
def test_the_old_classifier_still_sees_ants_and_bees(shared, name):
    weights = shared(f"weights/vision/{name}.safetensors")
    backbone = load_source(f"local:{weights}").eval()
    assert backbone.source_classifier is not None and backbone.source_classifier[1] is not None
    classifier, bias = backbone.source_classifier
    names = [label.split(",")[0] for label in backbone.card.labels]
    ant, bee = names.index("ant"), names.index("bee")
    right = 0
    for kind, own, other in (("ants", ant, bee), ("bees", bee, ant)):
        with torch.no_grad():
            pooled = backbone(_pictures(shared(f"data/image/hymenoptera/val/{kind}"), backbone))["pooled"]  # [N, D]
        logits = pooled @ classifier.T + bias
        assert pooled.std(dim=0).mean() > 0.05  # pictures differ
        right += int((logits[:, own] > logits[:, other]).sum())
    assert right >= 20  # of 24; measured: 22 (width 0.5) and 23


def test_copied_weights_load_from_elsewhere(shared, tmp_path):
    for suffix in (".json", ".safetensors"):
        shutil.copy(shared(f"weights/vision/mobilenetv1_025_imagenet{suffix}"), tmp_path)
    assert load_source(f"local:{tmp_path}/mobilenetv1_025_imagenet").card.labels == ()


def test_a_network_with_a_front_end_sees_the_spectrogram_of_a_sound(tmp_path):
    backbone = load_source(f"local:{small_network(tmp_path)}").eval()
    x = 0.1 * torch.randn(2, 15_600)
    check_backbone(backbone, x, 2)
    assert backbone.card.input == Audio(16_000, 0.975)
    net = timm.create_model("test_resnet", num_classes=0, in_chans=1).eval()
    net.load_state_dict({name.removeprefix("net."): tensor for name, tensor in backbone.state_dict().items()})
    spectrum = LogMel(Mel())(x)
    assert spectrum.shape == (2, 96, 64)
    torch.testing.assert_close(backbone(x)["pooled"], net(spectrum[:, None]))
    longer = operate(backbone, ["adapt_input seconds=2.0"])
    assert longer.backbone.card.input == Audio(16_000, 2.0)
    assert longer.notes[0].message == "hears 2 s in place of 0.975 s"
    assert longer.backbone(torch.randn(1, 32_000))["maps"][0].shape[2] == 7


def test_a_front_end_without_patches_is_refused(tmp_path):
    name = small_network(tmp_path)
    card = json.loads(name.with_suffix(".json").read_text())
    for changes, message in (({"patch_samples": 10}, "patch_samples, at least 400"), ({"log": "log10"}, "front_end")):
        name.with_suffix(".json").write_text(json.dumps({**card, "front_end": {**card["front_end"], **changes}}))
        with pytest.raises(SourceError, match=message):
            load_source(f"local:{name}")
