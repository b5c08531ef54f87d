"""Optimisers and schedules: parameters and learning rates after each of several steps."""
import torch
from torch import nn

from case import Case


def optimizer(kind, max_norm=None, clip_value=None, steps=6, **options):
    told = {key: int(value) if isinstance(value, bool) else value for key, value in options.items() if key != "betas"}
    if "betas" in options:
        told["beta1"], told["beta2"] = options["betas"]
    clipping = {k: v for k, v in {"max_norm": max_norm, "clip_value": clip_value}.items() if v is not None}
    label = "_".join([kind, *(f"{k}={v}" for k, v in {**told, **clipping}.items())])
    case = Case(label, "optimizer", optimizer=kind, steps=steps, **told, **clipping)
    params = {"w": case.random("w", 4, 3), "b": case.random("b", 3)}
    x = case.random("x", 5, 4).detach()
    case.tensors["weight_of_y"] = torch.randn(5, 3)
    torch_optimizer = getattr(torch.optim, kind)(list(params.values()), **options)
    for step in range(steps):
        torch_optimizer.zero_grad()
        (torch.tanh(x @ params["w"] + params["b"]) * case.tensors["weight_of_y"]).sum().backward()
        if max_norm is not None:
            case.expect(f"norm{step}", nn.utils.clip_grad_norm_(params.values(), max_norm))
        if clip_value is not None:
            nn.utils.clip_grad_value_(params.values(), clip_value)
        torch_optimizer.step()
        for name, p in params.items():
            case.expect(f"{name}{step}", p.clone())
    return case


def schedule(kind, lr, steps, **options):
    case = Case(f"{kind}_" + "_".join(f"{k}={v}" for k, v in options.items()), "schedule", schedule=kind, lr=lr, steps=steps, **options)
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    if kind == "OneCycleLR":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=lr, cycle_momentum=False, **options)
    else:
        scheduler = getattr(torch.optim.lr_scheduler, kind)(sgd, **options)
    rates = []
    for _ in range(steps):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if len(rates) < steps:
            scheduler.step()
    case.expect("rates", rates)
    return case


def cases():
    yield optimizer("SGD", lr=0.1)
    yield optimizer("SGD", lr=0.1, momentum=0.9)
    yield optimizer("SGD", lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.02)
    yield optimizer("SGD", lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01)
    yield optimizer("SGD", lr=0.1, max_norm=0.5)
    yield optimizer("SGD", lr=0.1, clip_value=0.2)
    yield optimizer("RMSprop")
    yield optimizer("RMSprop", lr=0.02, alpha=0.9, eps=1e-6, weight_decay=0.03)
    yield optimizer("RMSprop", lr=0.02, momentum=0.7, centered=True)
    yield optimizer("RMSprop", lr=0.02, centered=True)
    yield optimizer("Adagrad")
    yield optimizer("Adagrad", lr=0.2, lr_decay=0.1, weight_decay=0.02, initial_accumulator_value=0.4, eps=1e-8)
    yield optimizer("Adam")
    yield optimizer("Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    yield optimizer("Adam", lr=0.05, max_norm=0.1)
    yield optimizer("AdamW")
    yield optimizer("AdamW", lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2)
    yield schedule("StepLR", 0.5, 12, step_size=4, gamma=0.3)
    yield schedule("ExponentialLR", 0.5, 12, gamma=0.9)
    yield schedule("CosineAnnealingLR", 0.5, 13, T_max=12, eta_min=0.05)
    yield schedule("OneCycleLR", 0.5, 20, total_steps=20, pct_start=0.3, div_factor=25.0, final_div_factor=100.0)
    yield schedule("OneCycleLR", 0.5, 10, total_steps=10, pct_start=0.0, div_factor=10.0, final_div_factor=1000.0)
