"""PyTorch's VGG16 base for `cargo xtask bench gpu --python`, with torchvision's layers: one batch at 180x180 per round,
from images in memory to features in memory.

    gpu.py DEVICE PRECISION BATCH MODE

DEVICE is `cpu` or `cuda:N`, PRECISION `f32`, `tf32` or `bf16`, MODE `eager`, `compile` or `graph` (CUDA graphs).
"""
import sys

from rounds import rounds

import torch
from torch import nn

device, precision, batch, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
is_cuda = device.startswith("cuda")
dtype = torch.bfloat16 if precision == "bf16" else torch.float32
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
torch.backends.cudnn.benchmark = True

layers, inputs = [], 3
for channels in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
    if channels == 0:
        layers.append(nn.MaxPool2d(2, 2))
    else:
        layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(inplace=True)]
        inputs = channels
base = nn.Sequential(*layers).to(device, dtype, memory_format=torch.channels_last).eval()
images = (torch.arange(batch * 180 * 180 * 3) * 7919 % 256 - 117).to(torch.float32)
images = images.view(batch, 180, 180, 3).permute(0, 3, 1, 2).to(dtype)
if is_cuda:
    images = images.pin_memory()

with torch.inference_mode():
    run = torch.compile(base, mode="max-autotune") if mode == "compile" else base
    if mode == "graph":
        there = images.to(device)
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                base(there)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            features = base(there)

        def run(sent):
            there.copy_(sent, non_blocking=True)
            graph.replay()
            return features

    def work():
        sent = images if mode == "graph" else images.to(device, non_blocking=True)
        assert run(sent).float().cpu().shape == (batch, 512, 5, 5)

    rounds(work)
