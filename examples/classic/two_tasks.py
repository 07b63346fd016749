"""Two tasks with a common part, mapped features, a task inside a task. python examples/classic/two_tasks.py"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import headstart as hs

flat, names = map(np.asarray, load_digits(return_X_y=True))
pixels = (flat * 15).astype(np.uint8).reshape(-1, 8, 8)
old, new = names < 5, names >= 5
new_pixels, new_names = pixels[new], names[new]
few, rest = slice(0, 60), slice(400, None)


def task(labels: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Give 60 of the digits 5 to 9 to learn, and the last ones to test."""
    return {"train": (new_pixels[few], labels[few]), "test": (new_pixels[rest], labels[rest])}


quiet = {"progress": False, "settings": {"keep_better": "no"}}
alone = {"source": "digits:cnn", "strategy": "scratch", "head": "mlp", "steps": 500, "lr": 1e-2}
first = hs.fit((pixels[old], names[old]), **alone, **quiet)
print("source, the digits 0 to 4:", first.headlines[0].text)

tasks = {"digit": task(new_names), "even": task(new_names % 2)}
for scheme in ("fix_common", "share_weights", "share_gradients share=0.5"):
    run = hs.fit(tasks, source=f"run:{first.folder}", strategy="full", sharing=scheme, steps=100, lr=3e-3, **quiet)
    print(f"{scheme}:", *(made.text for made in run.headlines), sep="\n  ")

for head in ("linear", "nested answer=hidden"):
    run = hs.fit(task(new_names), source=f"run:{first.folder}", strategy="linear_probe", head=head, **quiet)
    print(f"head {head}:", run.headlines[0].text)

pictures = [*pixels[:400], *(pixels[400:800] // 3 + np.uint8(80))]
table = pd.DataFrame({"picture": pictures, "label": names[:800], "domain": ["white"] * 400 + ["grey"] * 400})
for objective in ("source_only", "mapped mapping=coral", "mapped mapping=jdot"):
    words = {"source_domain": "white", "target_domain": "grey", "strategy": "linear_probe", "objective": objective}
    print(f"{objective}:", hs.fit(table, source=f"run:{first.folder}", **words, **quiet).headlines[0].text)
