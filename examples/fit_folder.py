"""From a folder of images to a tested model. Run: python examples/fit_folder.py photos timm:resnet18"""

import sys

import headstart as hs

run = hs.fit(sys.argv[1], source=sys.argv[2])
for split, evaluation in run.metrics.items():
    print(split, evaluation.rows, "rows", evaluation.metrics["accuracy"])
print("saved in", run.folder, "with the classes", hs.load(run.folder).classes)
