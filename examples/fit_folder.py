"""From a folder of images to a tested model. Run: python examples/fit_folder.py photos timm:resnet18"""

import sys

import headstart as hs

run = hs.fit(sys.argv[1], source=sys.argv[2])
print(run)
print(run.metrics)
print("saved in", run.folder, "with the classes", run.model.classes)
