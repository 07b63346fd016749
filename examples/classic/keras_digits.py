"""A Keras model of colour pictures learns grey digits of 28 x 28: its input and its output are fitted by name.

python examples/classic/keras_digits.py [MODEL.keras]
"""

import sys

from digits import digits, pretrained

import headstart as hs

if __name__ == "__main__":
    x, y = digits()
    half = len(x) // 2
    data = {"train": (x[:half], y[:half]), "test": (x[half:], y[half:])}
    source = sys.argv[1] if len(sys.argv) > 1 else pretrained(x[:half], y[:half])
    grey = "adapt_input channels=1 size=28"  # the first convolution gets one channel, made of its three
    adam = {"stages.0.optimiser": "adam"}  # and cross-entropy, as ever for classes
    words = {"strategy": "full", "epochs": 40, "batch_size": 128, "lr": 3e-3, "settings": adam, "progress": False}
    run = hs.fit(data, source=f"keras:{source}", surgery=[grey], **words)
    figures = run.evaluations["test"].metrics
    print(f"test: accuracy {figures['accuracy'].value:.3f}, recall {figures['recall_macro'].value:.3f}")
