"""A case of the comparison: what the driver is told, what PyTorch says it must answer, and how near it has to be."""
import subprocess

import torch

VALUES, GRADIENTS = 1e-12, 1e-11


class Case:
    """What the driver is told, and what PyTorch says it must answer."""

    def __init__(self, name, kind, **settings):
        self.name, self.kind, self.settings = name, kind, settings
        self.tensors, self.ids, self.expected = {}, {}, {}

    def random(self, name, *shape, scale=1.0):
        self.tensors[name] = scale * torch.randn(*shape)
        return self.tensors[name].clone().requires_grad_()

    def expect(self, name, value):
        self.expected[name] = torch.as_tensor(value).detach().flatten()

    def backward(self, results, leaves):
        """Sums the results with random weights and expects the gradients of the leaves."""
        loss = 0
        for name, value in results.items():
            self.expect(name, value)
            self.tensors["weight_of_" + name] = torch.randn(value.shape)
            loss = loss + (value * self.tensors["weight_of_" + name]).sum()
        for name, grad in zip(leaves, torch.autograd.grad(loss, list(leaves.values()))):
            self.expect("grad_of_" + name, grad)

    def text(self):
        lines = [f"case {self.name} {self.kind}"]
        lines += [f"set {key} {value}" for key, value in self.settings.items()]
        for name, x in self.tensors.items():
            numbers = [*map(str, x.shape), *(f"{v:.17g}" for v in x.detach().flatten().tolist())]
            lines.append(f"tensor {name} {x.dim()} {' '.join(numbers)}")
        lines += [f"ids {name} {len(ids)} {' '.join(map(str, ids))}" for name, ids in self.ids.items()]
        return "\n".join([*lines, "end", ""])


def answers(driver, cases):
    """{case: {tensor: values}}, with {"error": text} for one that failed."""
    run = subprocess.run([driver], input="".join(c.text() for c in cases), capture_output=True, text=True, check=True)
    answered, current = {}, {}
    for line in run.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "case":
            current = answered[rest] = {}
        elif word == "error":
            current["error"] = rest
        elif word == "tensor":
            name, _, *values = rest.split(" ")
            current[name] = torch.tensor([float(v) for v in values])
    return answered


def relative_error(given, expected):
    """The largest difference over the largest magnitude of the tensor."""
    if given.shape != expected.shape:
        return float("inf")
    if expected.numel() == 0:
        return 0.0
    scale = expected.abs().max().item()
    error = (given - expected).abs().max().item() / (scale if scale > 0 else 1)
    return error if error == error else float("inf")


def judge(case, answer):
    """(passed, the line to print)."""
    if "error" in answer or not answer:
        return False, f"FAIL {case.name}: {answer.get('error', 'no answer')}"
    missing = sorted(case.expected.keys() - answer.keys())
    if missing:
        return False, f"FAIL {case.name}: no {', '.join(missing)}"
    worst = {True: (0.0, "-"), False: (0.0, "-")}
    for name, expected in case.expected.items():
        is_gradient = name.startswith(("grad_of_", "product_of_"))
        worst[is_gradient] = max(worst[is_gradient], (relative_error(answer[name], expected), name))
    passed = worst[False][0] <= VALUES and worst[True][0] <= GRADIENTS
    return passed, (f"{'ok  ' if passed else 'FAIL'} {case.name:60} values {worst[False][0]:.1e} ({worst[False][1]})"
                    f"  gradients {worst[True][0]:.1e} ({worst[True][1]})")
