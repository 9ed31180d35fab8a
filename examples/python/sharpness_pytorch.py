"""Sharpness of a PyTorch model on its data, and the step size up to which gradient descent is stable.
    python3 examples/python/sharpness_pytorch.py"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import clb, torch

torch.manual_seed(0)
X, y = torch.randn(200, 20), torch.randint(0, 5, (200,))
model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 5))
top = clb.sharpness(model, X, y)
print("sharpness %.6f +- %.0e, stable below step size %.4f" % (top.value, top.error, 2 / top.value))
