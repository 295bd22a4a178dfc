"""Networks of the ambient model.

TextNet     word ids -> class logits of the seven attribute slots
Conditions  attribute probabilities -> seven token vectors and one pooled vector
Transformer rectified flow over tokens of 2x2 latent cells, for any even number of rows and columns
Decoder     latents -> four frames each at 32 pixels a cell
Shapes: latents [batch, 24, frames, rows, columns]; times [batch, frames], 1 = noise, 0 = data (a given frame).
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from attributes import CLASSES, SIZES
from codec import CHANNELS, PIXELS

FRAMES = 4   # latent frames of a clip
REACH = 4    # tokens from the middle of the frame to the last row of the position table


class TextNet(nn.Module):
    """Word embeddings, masked transformer layers, one learned query a slot."""

    def __init__(self, vocabulary, d=128, heads=4, layers=2, length=32):
        super().__init__()
        self.h = heads
        self.e = nn.Embedding(vocabulary, d)
        self.p = nn.Parameter(torch.randn(length, d) * .02)
        self.b = nn.ModuleList([nn.ModuleDict(dict(
            n1=nn.LayerNorm(d), qkv=nn.Linear(d, 3 * d), o=nn.Linear(d, d), n2=nn.LayerNorm(d),
            f1=nn.Linear(d, 2 * d), f2=nn.Linear(2 * d, d))) for _ in range(layers)])
        self.q = nn.Parameter(torch.randn(len(SIZES), d) * .5)
        self.n, self.k, self.v, self.ln = nn.LayerNorm(d), nn.Linear(d, d), nn.Linear(d, d), nn.LayerNorm(d)
        self.heads = nn.ModuleList([nn.Linear(d, k) for k in SIZES])

    def forward(self, ids):
        B, N = ids.shape
        hidden = (ids == 0).float()[:, None, None, :] * -1e4
        x = self.e(ids) + self.p[None, :N]
        d = x.shape[-1]
        for b in self.b:
            q, k, v = b['qkv'](b['n1'](x)).view(B, N, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4).unbind(0)
            a = torch.softmax(q @ k.transpose(-1, -2) * (d // self.h) ** -.5 + hidden, -1) @ v
            x = x + b['o'](a.transpose(1, 2).reshape(B, N, d))
            x = x + b['f2'](F.gelu(b['f1'](b['n2'](x)), approximate='tanh'))
        x = self.n(x)
        a = torch.softmax(self.q[None] @ self.k(x).transpose(1, 2) * d ** -.5 + hidden[:, 0], -1)
        y = self.ln(a @ self.v(x) + self.q[None])
        return [head(y[:, i]) for i, head in enumerate(self.heads)]


class Conditions(nn.Module):
    def __init__(self, d=192):
        super().__init__()
        self.E = nn.ParameterList([nn.Parameter(torch.randn(k, d)) for k in SIZES])
        self.pool = nn.Linear(CLASSES, d)

    def forward(self, p):
        first, tokens = 0, []
        for k, E in zip(SIZES, self.E):
            tokens.append(p[:, first:first + k] @ E)
            first += k
        return torch.stack(tokens, 1), self.pool(p)


class RMS(nn.Module):
    def __init__(self, d, eps=1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def attention(q, k, v):
    """Scaled dot products of a few hundred tokens: on a processor two products are quicker than the fused kernel, whose
    way back is slow in bfloat16."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v)
    return (q @ k.transpose(-1, -2) * q.shape[-1] ** -.5).softmax(-1) @ v


class Block(nn.Module):
    """Attention and MLP, modulated by the clip's time and attributes; all blocks share one modulation and offset it."""

    def __init__(self, d, heads, mlp=4):
        super().__init__()
        self.h, self.d = heads, d
        self.qkv, self.o = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)
        self.f1, self.f2 = nn.Linear(d, mlp * d), nn.Linear(mlp * d, d)
        self.qn, self.kn, self.tab = RMS(d // heads), RMS(d // heads), nn.Parameter(torch.zeros(6, d))
        for layer in (self.o, self.f2):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, m):
        B, N, d = x.shape[0], x.shape[1], self.d
        m = (m + self.tab)[:, :, None].unbind(1)
        h = F.layer_norm(x, (d,), eps=1e-6) * (1 + m[0]) + m[1]
        q, k, v = self.qkv(h).view(B, N, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        a = attention(self.qn(q), self.kn(k), v).transpose(1, 2).reshape(B, N, d)
        x = x + (1 + m[2]) * self.o(a)
        h = F.layer_norm(x, (d,), eps=1e-6) * (1 + m[3]) + m[4]
        return x + (1 + m[5]) * self.f2(F.gelu(self.f1(h), approximate='tanh'))


def zeroed(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Transformer(nn.Module):
    """Velocity (noise minus data) of latents z at times t.

    A token's place is its distance in tokens from the middle of the frame, read from tables between whole numbers by
    interpolation: a thing in the middle has the same place in every shape of frame.
    """

    def __init__(self, d=192, layers=8, heads=3, out=48):
        super().__init__()
        self.d, self.out_channels = d, out
        self.i = nn.Linear(4 * CHANNELS, d)
        self.pt = nn.Parameter(torch.randn(FRAMES, d) * .3)
        self.ph = nn.Parameter(torch.randn(2 * REACH + 1, d) * .3)
        self.pw = nn.Parameter(torch.randn(2 * REACH + 1, d) * .3)
        self.shape = zeroed(nn.Linear(2, d))
        self.tx, self.tf = nn.Linear(d, d), zeroed(nn.Linear(d, d))
        self.t1, self.t2, self.ada = nn.Linear(256, d), nn.Linear(d, d), zeroed(nn.Linear(d, 6 * d))
        self.b = nn.ModuleList([Block(d, heads) for _ in range(layers)])
        self.fa = zeroed(nn.Linear(d, 2 * d))
        self.out = nn.Linear(d, 4 * out)
        self.skip = nn.Conv2d(CHANNELS, out, 1)
        self.c1, self.c2 = nn.Conv2d(out, out, 3, padding=1), zeroed(nn.Conv2d(out, CHANNELS, 3, padding=1))
        self.register_buffer('fr', torch.exp(-math.log(1e4) * torch.arange(128) / 128) * 1000, persistent=False)
        self.register_buffer('places', torch.arange(-REACH, REACH + 1).float(), persistent=False)

    def positions(self, table, n):
        """[n, d]: the table at n places around its middle, and the outermost place."""
        at = torch.arange(n, device=table.device).float()
        at = at - at.mean()
        weights = (1 - (at.clamp(-REACH, REACH)[:, None] - self.places).abs()).clamp(min=0)
        return weights @ table, at.abs().max()

    def forward(self, z, t, tokens, pooled):
        B, d, rows, columns = z.shape[0], self.d, z.shape[3], z.shape[4]
        h, w = rows // 2, columns // 2
        ph, top = self.positions(self.ph, h)
        pw, side = self.positions(self.pw, w)
        angle = t[..., None] * self.fr
        te = self.t2(F.silu(self.t1(torch.cat([angle.cos(), angle.sin()], -1))))
        shape = self.shape(torch.stack([top, side])[None] / REACH)
        c = F.silu(te.mean(1) + pooled + shape)
        m = self.ada(c).view(B, 6, d)
        x = z.reshape(B, CHANNELS, FRAMES, h, 2, w, 2).permute(0, 2, 3, 5, 1, 4, 6).reshape(B, FRAMES, h, w, 4 * CHANNELS)
        x = self.i(x) + self.tf(F.silu(te))[:, :, None, None]
        x = x + self.pt[:, None, None] + ph[:, None] + pw
        x = torch.cat([x.reshape(B, FRAMES * h * w, d), self.tx(tokens)], 1)
        for block in self.b:
            x = block(x, m)
        shift, scale = self.fa(c)[:, None].chunk(2, -1)
        x = F.layer_norm(x[:, :FRAMES * h * w], (d,), eps=1e-6) * (1 + scale) + shift
        # Convolutions over the whole grid: a linear output of each token would show the tokens as blocks.
        x = self.out(x).view(B, FRAMES, h, w, self.out_channels, 2, 2).permute(0, 1, 4, 2, 5, 3, 6)
        x = x.reshape(B * FRAMES, self.out_channels, rows, columns)
        x = x + self.skip(z.transpose(1, 2).reshape(B * FRAMES, CHANNELS, rows, columns))
        x = self.c2(F.silu(x + self.c1(F.silu(x))))
        return x.view(B, FRAMES, CHANNELS, rows, columns).transpose(1, 2)


class Temporal(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a = nn.Conv3d(c, c, (1, 3, 3), padding=(0, 1, 1))
        self.b = zeroed(nn.Conv3d(c, c, (3, 1, 1), padding=(1, 0, 0)))

    def forward(self, x):
        return x + self.b(F.silu(self.a(F.silu(x))))


class Spatial(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, c, 3, padding=1), zeroed(nn.Conv2d(c, c, 3, padding=1))

    def forward(self, x):
        return x + self.b(F.silu(self.a(F.silu(x))))


class Decoder(nn.Module):
    """A smooth base (four colours a cell) and learned detail; [B, 24, f, h, w] -> [B, 3, 4f, 32h, 32w] in about [-1, 1].

    Four pixels out for one that the encoder saw: what the families draw has clean outlines, and where they run between
    two of the encoder's pixels can be told from how they share the colour."""

    def __init__(self, widths=(96, 64, 48, 32)):
        super().__init__()
        a, b, c, d = widths
        self.base = nn.Conv2d(CHANNELS, 12, 3, padding=1)
        self.i, self.r = nn.Conv3d(CHANNELS, a, 3, padding=1), nn.Sequential(Temporal(a), Temporal(a))
        self.u1, self.r1 = nn.Conv2d(a, 4 * b, 1), nn.Sequential(Spatial(b), Spatial(b))
        self.u2, self.r2 = nn.Conv2d(b, 4 * c, 1), nn.Sequential(Spatial(c), Spatial(c))
        self.u3, self.r3 = nn.Conv2d(c, 4 * d, 1), nn.Sequential(Spatial(d), Spatial(d))
        self.o = zeroed(nn.Conv2d(d, 12 * 16, 3, padding=1))

    def forward(self, z):
        B, _, f, h, w = z.shape
        cells = z.transpose(1, 2).reshape(B * f, CHANNELS, h, w)
        base = F.interpolate(self.base(cells), scale_factor=float(PIXELS), mode='bilinear', align_corners=False)
        x = self.r(self.i(z)).transpose(1, 2).reshape(B * f, -1, h, w)
        x = self.r2(F.pixel_shuffle(self.u2(self.r1(F.pixel_shuffle(self.u1(x), 2))), 2))
        x = self.r3(F.pixel_shuffle(self.u3(x), 2))
        x = F.pixel_shuffle(self.o(F.silu(x)), 4) + base
        h, w = PIXELS * h, PIXELS * w
        return x.view(B, f, 3, 4, h, w).permute(0, 2, 1, 3, 4, 5).reshape(B, 3, 4 * f, h, w)
