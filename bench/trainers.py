"""Two jobs with the Trainer of Hugging Face at its defaults: see bench/requirements.txt.

python bench/trainers.py probe TABLE WEIGHTS EPOCHS BATCH
python bench/trainers.py lora TRAIN.csv DEV.csv MODEL BATCH RATE

`probe` trains a linear layer on MobileNetV2 whose weights are frozen, with the transforms of the example
run_image_classification.py, and evaluates at the end. `lora` is PEFT on query and value at rank 8, one epoch, each
text padded to 128 tokens, as the example run_glue.py does by default, evaluated at the end.
"""

from __future__ import annotations

import csv
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


def probe(table: str, weights: str, epochs: str, batch: str) -> None:
    """Fit a linear probe of pictures."""
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
        per_device_train_batch_size=int(batch),
        learning_rate=1e-3,
        remove_unused_columns=False,
        label_names=["labels"],
    )


def lora(learn: str, test: str, folder: str, batch: str, rate: str) -> None:
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
    {"probe": probe, "lora": lora}[sys.argv[1]](*sys.argv[2:])
