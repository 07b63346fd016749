"""Jobs with other libraries at their defaults: see bench/requirements.txt.

python bench/peers.py trainer|fastai|keras TABLE WEIGHTS EPOCHS
python bench/peers.py peft TRAIN.csv DEV.csv MODEL BATCH RATE

The first three train a linear layer on MobileNetV2, whose weights are frozen, and evaluate it: the Trainer of Hugging
Face (batches of 8, the transforms of its example run_image_classification.py, evaluated at the end), fastai (batches
of 64, its own head of two layers) and Keras on torch (batches of 32; the weights are random, which takes as long).
`peft` is LoRA on query and value at rank 8 by PEFT and the Trainer, one epoch, each text padded to 128 tokens, as the
example run_glue.py does by default, evaluated at the end.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn


def rows_of(path: str) -> list[dict[str, str]]:
    """Read a table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def train(model: Any, learn: Any, test: Any, **settings: Any) -> None:
    """Train and evaluate once, on the CPU, and print the share that is right."""
    from transformers import Trainer, TrainingArguments  # pyright: ignore[reportMissingImports]

    def right(found: Any) -> dict[str, float]:
        return {"accuracy": float((found.predictions.argmax(axis=1) == found.label_ids).mean())}

    with tempfile.TemporaryDirectory() as folder:
        plan = TrainingArguments(folder, use_cpu=True, report_to="none", **settings)
        trainer = Trainer(model, plan, train_dataset=learn, eval_dataset=test, compute_metrics=right)
        trainer.train()
        print(trainer.evaluate())


class Probe(nn.Module):
    """A linear layer on a frozen network."""

    def __init__(self, weights: str, classes: int) -> None:
        super().__init__()
        import timm
        from safetensors.torch import load_file

        self.net: Any = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=1001)
        self.net.load_state_dict(load_file(f"{weights}.safetensors"))
        self.net.requires_grad_(False).reset_classifier(classes)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return loss and logits."""
        logits = self.net(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def with_trainer(table: str, weights: str, epochs: str) -> None:
    """Probe pictures with the Trainer."""
    from PIL import Image
    from torchvision.transforms import v2

    rows = rows_of(table)
    classes = sorted({row["label"] for row in rows})
    finish = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)]
    training = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), *finish])
    testing = v2.Compose([v2.Resize(256), v2.CenterCrop(224), *finish])

    class Pictures(torch.utils.data.Dataset):
        def __init__(self, kept: str, transform: Any) -> None:
            self.rows, self.transform = [row for row in rows if row["kept"] == kept], transform

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, place: int) -> dict[str, Any]:
            row = self.rows[place]
            picture = self.transform(Image.open(row["path"]).convert("RGB"))
            return {"pixel_values": picture, "labels": classes.index(row["label"])}

    model, learn, test = Probe(weights, len(classes)), Pictures("0", training), Pictures("1", testing)
    train(
        model,
        learn,
        test,
        num_train_epochs=int(epochs),
        learning_rate=1e-3,
        remove_unused_columns=False,
        label_names=["labels"],
    )


def with_fastai(table: str, weights: str, epochs: str) -> None:
    """Probe pictures with fastai."""
    import pandas as pd
    from fastai.vision.all import (  # pyright: ignore[reportMissingImports]
        ImageDataLoaders,
        Resize,
        accuracy,
        vision_learner,
    )
    from safetensors.torch import load_file

    frame = pd.read_csv(table)
    frame["kept"] = frame["kept"].astype(bool)
    columns = {"fn_col": "path", "label_col": "label", "valid_col": "kept"}
    data = ImageDataLoaders.from_df(frame, "/", **columns, item_tfms=Resize(224), device="cpu")
    learner = vision_learner(data, "mobilenetv2_100", pretrained=False, metrics=accuracy, pad_type="same")
    kept = {name: value for name, value in load_file(f"{weights}.safetensors").items() if "classifier" not in name}
    learner.model[0].model.load_state_dict(kept)
    learner.freeze()
    learner.fit_one_cycle(int(epochs))


def with_keras(table: str, weights: str, epochs: str) -> None:
    """Probe pictures with Keras, whose network has no use for the weights."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras  # pyright: ignore[reportMissingImports]
    import numpy as np

    rows = rows_of(table)
    classes = sorted({row["label"] for row in rows})

    class Pictures(keras.utils.PyDataset):
        def __init__(self, kept: str) -> None:
            super().__init__()
            self.rows = [row for row in rows if row["kept"] == kept]

        def __len__(self) -> int:
            return -(-len(self.rows) // 32)

        def __getitem__(self, place: int) -> Any:
            rows = self.rows[32 * place : 32 * place + 32]
            pictures = [keras.utils.load_img(row["path"], target_size=(224, 224)) for row in rows]
            return np.stack([np.asarray(picture, np.float32) for picture in pictures]), np.array(
                [classes.index(row["label"]) for row in rows]
            )

    base = keras.applications.MobileNetV2(weights=None, include_top=False, pooling="avg")  # pyright: ignore
    base.trainable = False
    given = keras.Input((224, 224, 3))
    flipped = keras.layers.RandomFlip("horizontal")(given)
    features = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(flipped), training=False)
    model = keras.Model(given, keras.layers.Dense(len(classes), activation="softmax")(features))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(Pictures("0"), validation_data=Pictures("1"), epochs=int(epochs), verbose=2)  # pyright: ignore


def with_peft(learn: str, test: str, folder: str, batch: str, rate: str) -> None:
    """Adapt a text encoder."""
    from peft import LoraConfig, get_peft_model  # pyright: ignore[reportMissingImports]
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    words = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    plan = LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=["query", "value"])

    def encoded(path: str) -> list[dict[str, Any]]:
        rows = rows_of(path)
        found = words([row["text"] for row in rows], padding="max_length", truncation=True, max_length=128)
        columns = ("input_ids", "attention_mask", "token_type_ids")
        return [
            {**{name: found[name][place] for name in columns}, "labels": int(row["label"])}
            for place, row in enumerate(rows)
        ]

    model = get_peft_model(model, plan)
    settings = {"num_train_epochs": 1, "per_device_train_batch_size": int(batch), "learning_rate": float(rate)}
    train(model, encoded(learn), encoded(test), **settings)


if __name__ == "__main__":
    programs = {"trainer": with_trainer, "fastai": with_fastai, "keras": with_keras, "peft": with_peft}
    programs[sys.argv[1]](*sys.argv[2:])
