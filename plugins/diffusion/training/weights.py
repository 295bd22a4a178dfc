"""Weight files: a list of fp16 tensors and a little about how they came to be. Written whole or not at all.

usage: weights.py MODELDIR      encoder.npz, decoder.pt, dit.raw.pt and dit.ema.pt of an exported model, so that training goes on
from it. Slots that have got more classes since are widened.
"""
import os
import sys

import torch


def put(value, path):
    """What torch saves, written beside and renamed: whoever is stopped in between leaves nothing that looks finished."""
    torch.save(value, path + '.part')
    os.replace(path + '.part', path)


def save(path, tensors, about):
    put(dict(w=[t.detach().half().clone() for t in tensors], meta=about), path)


def load(path):
    saved = torch.load(path)
    return [t.float() for t in saved['w']], saved['meta']


def widen(tensors, sizes):
    """Parameters saved when some attribute slots had fewer classes: the new ones, at the end of each slot, begin as the
    mean of those that were there. The last nine tensors are the slots' rows and the pooling weight and bias."""
    rows, pool = tensors[-9:-2], tensors[-2]
    if [len(E) for E in rows] == list(sizes):
        return tensors
    grown, columns, first = [], [], 0
    for E, size in zip(rows, sizes):
        new = size - len(E)
        grown.append(torch.cat([E, E[1:].mean(0, keepdim=True).expand(new, -1)]))
        old = pool[:, first:first + len(E)]
        columns.append(torch.cat([old, old[:, 1:].mean(1, keepdim=True).expand(-1, new)], 1))
        first += len(E)
    return tensors[:-9] + grown + [torch.cat(columns, 1), tensors[-1]]


def of_graph(path):
    """The weights of an exported graph by their names in PyTorch: those of matrix products stand under the node that uses them,
    transposed."""
    import onnx
    from onnx import numpy_helper
    graph = onnx.load(path).graph
    constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    found = dict(constants)
    for node in graph.node:
        if node.op_type == 'MatMul' and node.input[1].startswith('onnx::'):
            found[node.name.strip('/').replace('/', '.').removesuffix('.MatMul') + '.weight'] = constants[node.input[1]].T.contiguous()
        elif node.op_type == 'Constant':
            found[node.output[0]] = torch.from_numpy(numpy_helper.to_array(node.attribute[0].t).copy())
    return found


def unpack(folder):
    import numpy as np

    from networks import Conditions, Transformer
    net, text = of_graph(f'{folder}/transformer.onnx'), of_graph(f'{folder}/text_encoder.onnx')
    # `pt` alone loses its name: it is the one constant of its shape.
    net.setdefault('pt', next(v for v in net.values() if v.shape[1:-1] == (1, 1)))
    tensors = [net[name].reshape(p.shape) for name, p in Transformer().named_parameters()]
    tensors += [text[f'cond.{name}'] for name, _ in Conditions().named_parameters()]
    for kind in ('raw', 'ema'):
        save(f'dit.{kind}.pt', tensors, dict(step=0, of=folder))
    decoder = of_graph(f'{folder}/vae_decoder.onnx')
    put({k.removeprefix('decoder.'): v for k, v in decoder.items() if k.startswith('decoder.')}, 'decoder.pt')
    encoder = of_graph(f'{folder}/vae_encoder.onnx')
    P = encoder['c.weight'].permute(0, 2, 3, 4, 1).reshape(len(encoder['c.bias']), -1).T.double().numpy()
    # Latents are (x - mean) @ P, and P has orthogonal columns: its inverse is itself, scaled.
    scale = 1 / np.sqrt((P ** 2).sum(0))
    np.savez('encoder.npz', mu=np.linalg.lstsq(P.T, -encoder['c.bias'].double().numpy(), rcond=None)[0].astype(np.float32),
             P=P.astype(np.float32), Q=(P * scale ** 2).T.astype(np.float32), sc=scale.astype(np.float32))


if __name__ == '__main__':
    unpack(sys.argv[1])
