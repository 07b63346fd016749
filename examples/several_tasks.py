"""Two tables as tasks of one network: a class and a number. Run: python examples/several_tasks.py"""

import numpy as np
import pandas as pd

import headstart as hs

random = np.random.default_rng(0)
flats, offices = (pd.DataFrame(random.normal(size=(400, 3)), columns=["size", "floor", "age"]) for _ in range(2))
flats["price"] = 300 + 80 * flats["size"] - 20 * flats["age"]
offices["let"] = np.where(offices["size"] > offices["age"], "yes", "no")

run = hs.fit({"price": flats, "let": offices}, source="vector:columns")
print(run)
print(run.model.alone("let").predict(flats[:3]))
