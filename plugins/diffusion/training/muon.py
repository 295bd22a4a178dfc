"""Muon: momentum whose matrices are made nearly orthogonal before the step (Jordan, 2024).

torch.optim.Muon does its Newton-Schulz iterations in bfloat16, which a processor without bfloat16 arithmetic takes many
seconds a step for; this one is told its precision.
"""
import torch

A, B, C = 3.4445, -4.7750, 2.0315  # the quintic whose iteration drives singular values to about one


def orthogonal(g, dtype, steps=5):
    flip = g.shape[0] > g.shape[1]
    x = g.T if flip else g
    x = (x / (x.norm() + 1e-7)).to(dtype)
    for _ in range(steps):
        s = x @ x.T
        x = A * x + (B * s + C * s @ s) @ x
    return (x.T if flip else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr, momentum=.95, weight_decay=.01, dtype=torch.float32):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, dtype=dtype))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, beta = group['lr'], group['momentum']
            for p in group['params']:
                m = self.state[p].setdefault('m', torch.zeros_like(p))
                m.lerp_(p.grad, 1 - beta)
                update = orthogonal(p.grad.lerp(m, beta), group['dtype'])
                p.mul_(1 - lr * group['weight_decay'])
                p.add_(update, alpha=-lr * max(1, p.shape[0] / p.shape[1]) ** .5)
