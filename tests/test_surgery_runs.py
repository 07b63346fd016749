"""Surgery through recipes, commands and saved models, on digits of 28 x 28 pixels and on texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headstart as hs
from headstart.artifact.load import load
from headstart.cli.main import main
from headstart.core.recipe import Recipe
from headstart.inputs.image import Image as ImageInput
from models.surgery.patients import patient_after, tiny_bert

TOML = """
[source]
name = "timm:test_resnet"
pretrained = false

[[surgery]]
name = "adapt_input"
channels = 1
size = 28

[[surgery]]
name = "cut"
after = "layer3"

[[surgery]]
name = "freeze"
layers = ["stem"]

[[stages]]
strategy = "full"
steps = 3
batch_size = 16
"""

VGG = Path(__file__).parents[1] / "examples" / "recipes" / "dense_on_frozen.toml"


def grey(rows: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    return (rng.integers(0, 60, (rows, 28, 28)) + 60 * labels[:, None, None]).astype(np.uint8), [
        f"c{i}" for i in labels
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> hs.Run:
    folder = tmp_path_factory.mktemp("surgery") / "run"
    return hs.fit({"train": grey(30), "test": grey(12, 1)}, recipe=Recipe.from_toml(TOML), out=folder)


def test_a_run_saves_what_was_done_and_proves_what_moved(run: hs.Run) -> None:
    saved = Recipe.read(run.folder / "recipe.toml")
    assert [choice.name for choice in saved.surgery] == ["adapt_input", "cut", "freeze"]
    assert Recipe.from_toml(saved.to_toml()) == saved
    description = json.loads((run.folder / "model" / "model.json").read_text())
    assert [e["name"] for e in description["card"]["architecture"]["surgery"]["operations"]] == [
        "adapt_input",
        "cut",
        "freeze",
    ]
    plain = json.loads((run.folder / "run.json").read_text())
    assert plain["moved"]["stem"] == {"parameters": 7184, "moved": 0, "frozen_identical": True}
    assert plain["moved"]["layer3"]["moved"] > 0 and "layer4" not in plain["moved"]


def test_a_saved_model_is_built_again_with_its_surgery_and_predicts_the_same(run: hs.Run) -> None:
    images, _ = grey(12, 1)
    first, second = load(run.folder), load(run.folder)
    assert first.model.backbone.card.input == ImageInput(28, 28, 1, (0.5,), (0.5,), "bilinear", 0.95)
    assert np.array_equal(first.predict_proba(list(images)), second.predict_proba(list(images)))
    evaluated = hs.evaluate(run.folder, grey(12, 1))
    assert evaluated.evaluations["test"].metrics["accuracy"] == run.evaluations["test"].metrics["accuracy"]


def test_a_run_is_a_source_for_more_surgery(run: hs.Run, tmp_path: Path) -> None:
    source = hs.source(f"run:{run.folder}")
    assert source.freeze_overrides == {} and source.card.labels == ("c0", "c1", "c2")
    settings = {"stages.0.steps": 2, "surgery.0.name": "cut", "surgery.0.after": "layer2"}
    again = hs.fit(
        {"train": grey(30), "test": grey(12, 1)}, source=f"run:{run.folder}", settings=settings, out=tmp_path / "next"
    )
    assert [e["name"] for e in load(again.folder).model.backbone.card.architecture["surgery"]["operations"]][
        -1
    ] == "cut"


def test_scratch_after_surgery_starts_anew(tmp_path: Path) -> None:
    recipe = Recipe.from_toml(TOML.replace("full", "scratch"))
    done = hs.fit({"train": grey(30), "test": grey(12, 1)}, recipe=recipe, out=tmp_path / "scratch")
    assert done.outcome.moved["stem"]["moved"] > 0, "random again"


def test_a_run_whose_head_starts_from_an_earlier_runs_rows(run: hs.Run, tmp_path: Path) -> None:
    images, labels = grey(30)
    events = []
    done = hs.fit(
        {"train": (images, labels), "test": grey(12, 1)},
        source=f"run:{run.folder}",
        strategy="linear_probe",
        settings={"surgery.0.name": "adapt_output", "stages.0.steps": 1, "stages.0.lr": 1e-12},
        out=tmp_path / "kept",
        listen=events.append,
    )
    assert any("rows of the source's classifier: c0 = c0, c1 = c1, c2 = c2" in event.message for event in events)
    before = load(run.folder).predict_proba(list(images))
    assert np.allclose(load(done.folder).predict_proba(list(images)), before, atol=1e-5)


def test_new_words_are_saved_with_the_tokenizer(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "bert")
    texts = ["the covid19 good", "the virus bad", "good", "bad covid19"] * 4
    done = hs.fit(
        (texts, ["a", "b", "a", "b"] * 4),
        source=f"hf:{tmp_path / 'bert'}",
        settings={"surgery.0.name": "adapt_input", "surgery.0.tokens": "covid19", "stages.0.steps": 2},
        out=tmp_path / "run",
    )
    predictor = load(done.folder)
    tokens = predictor._transform.prepare(["the covid19"])[0]["input_ids"]
    assert tokens.tolist() == [2, 5, 13, 3]
    network: Any = predictor.model.backbone
    assert network.net.get_input_embeddings().weight.shape == (14, 16)
    (tmp_path / "bert").rename(tmp_path / "gone")
    assert len(load(done.folder).predict(["the covid19"])) == 1
    further = patient_after(hs.source(f"run:{done.folder}"), "adapt_input tokens=virus2")
    assert further.net.get_input_embeddings().weight.shape == (15, 16)


def test_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main_ok = ["inspect", "timm:test_resnet", "--set", "source.pretrained=false", "--json"]
    with pytest.raises(SystemExit) as ended:
        main([*main_ok, "--surgery", "cut after=layer2", "--strategy", "partial k=1", "--depth", "1"])
    assert not ended.value.code
    plain = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(s["name"], s["learning"] > 0) for s in plain["stages"]] == [
        ("stem", False),
        ("layer1", False),
        ("layer2", True),
        ("heads.target", True),
    ]
    with pytest.raises(SystemExit) as ended:
        main([*main_ok, "--surgery", "cut after=layr2"])
    assert ended.value.code == 2 and "Nearest: layer2" in capsys.readouterr().out


def test_options_of_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for split in ("train", "test"):
        for image, label in zip(*grey(12, len(split)), strict=True):
            folder = tmp_path / "data" / split / label
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{len(list(folder.iterdir()))}.png")
    arguments = ["fit", str(tmp_path / "data"), "--source", "timm:test_resnet", "--set", "source.pretrained=false"]
    arguments += [
        "--surgery",
        "adapt_input channels=1 size=32",
        "--load-layers",
        "stem,layer1",
        "--steps",
        "3",
        "--verbose",
        "--json",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "run")])
    captured = capsys.readouterr()
    assert not ended.value.code, captured
    assert "tensors taken over" in captured.err and "moved:" in captured.err
    assert json.loads(captured.out.splitlines()[-1])["moved"]["layer4"]["moved"] > 0


@pytest.mark.slow
def test_digits_of_28_pixels_train_in_a_network_for_colour(shared, tmp_path: Path) -> None:
    held = np.load(shared("data/image/mnist_t10k/mnist_t10k.npz"))
    images, labels = (held[name] for name in held.files[:2])
    name = str(shared("weights/vision/mobilenetv1_025_imagenet.json").with_suffix(""))
    train = (list(images[:300]), [str(label) for label in labels[:300]])
    test = (list(images[300:600]), [str(label) for label in labels[300:600]])
    settings = {
        "surgery.0.name": "adapt_input",
        "surgery.0.channels": 1,
        "surgery.0.size": 64,
        "stages.0.steps": 40,
        "stages.0.lr": 1e-3,
        "stages.0.augment": "none",
    }
    done = hs.fit({"train": train, "test": test}, source=f"local:{name}", settings=settings, out=tmp_path / "run")
    accuracy = done.evaluations["test"].metrics["accuracy"].value
    assert accuracy is not None and accuracy > 0.3, "chance is 0.1"


@pytest.mark.slow
def test_300_grey_digits_in_a_mobilenet_for_colour_photographs(shared, tmp_path: Path) -> None:
    held = np.load(shared("data/image/mnist_t10k/mnist_t10k.npz"))
    images, labels = (held[name] for name in sorted(held.files, key=lambda name: -held[name].ndim))
    names = [str(label) for label in labels[:600]]
    data = {"train": (list(images[:300]), names[:300]), "test": (list(images[300:600]), names[300:])}
    source = f"local:{shared('weights/vision/mobilenetv2_100_imagenet.json').with_suffix('')}"
    recipe = Recipe().with_surgery(["adapt_input channels=1 size=64"])
    settings = {"data.validation": 0, "stages.0.steps": 60, "stages.0.lr": 1e-3, "stages.0.augment": "none"}
    settings["stages.0.batch_size"] = 32
    done = hs.fit(data, source=source, recipe=recipe, settings=settings, strategy="full", out=tmp_path / "run")
    accuracy = done.evaluations["test"].metrics["accuracy"].value
    print("300 digits at 64 pixels, test accuracy", accuracy)
    assert accuracy is not None and accuracy > 0.75


@pytest.mark.slow
def test_a_dense_classifier_on_a_frozen_vgg(tmp_path: Path) -> None:
    recipe = Recipe.read(VGG).with_settings({"surgery.0.size": 32, "stages.0.steps": 100, "data.validation": 0})
    ten = {f"c{i}" for i in range(10)}

    def rows(seed: int) -> tuple[np.ndarray, list[str]]:  # ten kinds of brightness
        images, shades = np.random.default_rng(seed).integers(0, 12, (60, 28, 28)), np.arange(60) % 10
        return (images + 24 * shades[:, None, None]).astype(np.uint8), [f"c{shade}" for shade in shades]

    done = hs.fit({"train": rows(0), "test": rows(1)}, recipe=recipe, out=tmp_path / "run")
    model = load(done.folder).model
    assert [tuple(p.shape) for p in model.head.trunk.parameters()] == [(1024, 512), (1024,), (10, 1024), (10,)]
    assert set(done.task.classes) == ten
    assert {name for name, stage in done.outcome.moved.items() if stage["moved"]} == {"heads.target"}
    accuracy = done.evaluations["test"].metrics["accuracy"].value
    print("ten shades, a dense classifier on a random VGG16, test accuracy", accuracy)
    assert accuracy is not None and accuracy > 0.3, "chance is 0.1"
