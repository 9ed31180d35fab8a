"""Which method trained these weights? A PyTorch run, recorded and audited without its data or step size.
    python3 examples/python/audit_pytorch.py"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import clb, torch

torch.manual_seed(0)
X, y = torch.randn(200, 20), torch.randint(0, 5, (200,))
model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
with clb.watch(model) as run:
    for step in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(X), y).backward()
        optimizer.step()
print(run.audit)
