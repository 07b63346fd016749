"""VGG16 without its top, Flatten, Dense(1024, relu), Dropout(0.5), Dense(10); then layers taken out and added by name.

python examples/classic/keras_vgg16.py [vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5]
"""

import sys

from pictures import pictures

import headstart as hs

SIDE = 224 if len(sys.argv) > 1 else 64  # without its top it takes any size from 32 on


if __name__ == "__main__":
    weights = f"weights={sys.argv[1]}" if len(sys.argv) > 1 else "pretrained=false"
    source = f"keras:VGG16 {weights} size={SIDE}"
    data = pictures(SIDE)
    top = {"head": "mlp hidden=1024 activation=relu dropout=0.5", "strategy": "linear_probe"}  # the network is frozen
    flat = "cut after=block5_pool pool=flatten"
    lr = 1e-4 if len(sys.argv) > 1 else 1e-3  # what random weights give is small
    words = {"epochs": 60, "batch_size": 32, "lr": lr, "settings": {"stages.0.optimiser": "adam"}, "progress": False}
    print(hs.fit(data, source=source, surgery=[flat], **top, **words))
    shorter = ["remove layers=block5_conv3", "insert after=block4_pool layer=batch_norm", flat]
    print(hs.inspect(hs.operate(hs.source(source), shorter)))
    print(hs.fit(data, source=source, surgery=shorter, **top, **words))
