"""What this machine can do at most, to set figures against: float32 operations and bytes a second.

    python benchmarks/limits.py [--threads 1,2]
    python benchmarks/limits.py --beside FIGURES.json    # a table of measured cases, one thread, beside the limits

Compiles limits.cpp for this processor (g++ or $CXX). A fused multiply-add counts as two operations; a copy counts what it
reads and what it writes. Each figure is the best of several rounds.

FIGURES.json holds records {case, threads, impl, baseline, ratio}, times in seconds. A case's limit is the time that its
multiply-adds take at the processor's peak, or that its bytes take at the speed of a copy, whichever is longer: each
input read once, each result written once. Convolutions count direct products, so that Winograd's may pass the limit.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from timing import readable

MB = 1e6
MILLION = 4.194304 * MB  # 2**20 numbers
# What a case must do at least: (operations, bytes moved).
LEAST = {
    "elementwise/add[1M]": (0, 3 * MILLION),
    "elementwise/add[16M]": (0, 3 * 16 * MILLION),
    "elementwise/mul_add_chain[1M]": (0, 4 * 3 * MILLION),  # four ops, each of them written
    "elementwise/exp[1M]": (0, 2 * MILLION),
    "elementwise/tanh[1M]": (0, 2 * MILLION),
    "elementwise/gelu[1M]": (0, 2 * MILLION),
    "elementwise/where[1M]": (0, 3.25 * MILLION),
    "elementwise/cast_to_bf16[16M]": (0, 1.5 * 16 * MILLION),
    "elementwise/sum[16M]": (0, 16 * MILLION),
    "elementwise/mean[dim0 1M]": (0, MILLION),
    "elementwise/mean[middle 1M]": (0, MILLION),
    "elementwise/argmax[1M]": (0, MILLION),
    "elementwise/softmax[1M]": (0, 2 * MILLION),
    "elementwise/layer_norm[forward 1M]": (0, 2 * MILLION),
    "elementwise/layer_norm[backward 1M]": (0, 5 * MILLION),
    "elementwise/batch_norm2d_backward": (0, 7 * 6.4 * MB),
    "elementwise/cross_entropy_backward": (0, 3 * MILLION),
    "elementwise/cat[1M]": (0, 2 * MILLION),
    "elementwise/transpose_copy[1M]": (0, 2 * MILLION),
    "elementwise/scatter_add[1M]": (0, 5 * MILLION),
    "elementwise/index_select[1M]": (0, 2 * MILLION),
    "gemm/matmul[64]": (2 * 64**3, 0),
    "gemm/matmul[256]": (2 * 256**3, 0),
    "gemm/matmul[1024]": (2 * 1024**3, 0),
    "gemm/x_wt[64x784x128]": (2 * 64 * 784 * 128, 0),
    "gemm/x_wt[32x768x768]": (2 * 32 * 768**2, 0),
    "gemm/x_wt[256x768x3072]": (2 * 256 * 768 * 3072, 0),
    "gemm/x_wt[1x768x768]": (0, 4 * 768**2),
    "gemm/attention_scores_8x12x128x64": (2 * 96 * 128**2 * 64, 0),
    "gemm/linear_backward_256x512x512": (6 * 256 * 512**2, 0),
    "conv/resnet_3x3_64[forward]": (2 * 4 * 56**2 * 64**2 * 9, 0),
    "conv/resnet_3x3_64[backward]": (6 * 4 * 56**2 * 64**2 * 9, 0),
    "conv/resnet_3x3_64[forward channels_last]": (2 * 4 * 56**2 * 64**2 * 9, 0),
    "conv/resnet_3x3_64[backward channels_last]": (6 * 4 * 56**2 * 64**2 * 9, 0),
    "conv/lenet_5x5_backward": (6 * 64 * 100 * 16 * 6 * 25, 0),
    "conv/resnet50_1x1_256_64[forward]": (2 * 4 * 56**2 * 256 * 64, 0),
    "conv/vgg_3x3_256[forward]": (2 * 2 * 28**2 * 256**2 * 9, 0),
    "conv/depthwise_3x3_128[forward]": (0, 2 * 4 * 8 * 128 * 28**2),
    "conv/depthwise_3x3_128[forward channels_last]": (0, 2 * 4 * 8 * 128 * 28**2),
    "conv/stem_7x7_stride_2[forward]": (2 * 4 * 112**2 * 64 * 147, 0),
    "conv/conv1d_64_128[backward]": (6 * 16 * 512 * 128 * 64 * 5, 0),
    "conv/max_pool_2x2[backward]": (0, 4 * 32**4 * (1 + 3 / 4 + 1)),
    "conv/adaptive_avg_pool[forward]": (0, 4 * 32 * 512 * 14**2),
    "rnn/lstm_64x256_backward": (6 * 64 * 16 * 512 * 1024, 0),
    "rnn/sdpa_causal[256 forward]": (2 * 16 * 256**2 * 64, 0),
    "rnn/sdpa_causal[1024 forward]": (2 * 16 * 1024**2 * 64, 0),
    "rnn/sdpa_causal_256_backward": (7 * 16 * 256**2 * 64, 0),
    "rnn/transformer_encoder_layer_backward": (6 * 1024 * 12 * 256**2 + 12 * 64 * 128**2 * 32, 0),
    "train/mlp_sgd[batch 64]": (6 * 64 * (784 * 128 + 1280), 0),
    "train/mlp_adam_batch_64": (6 * 64 * (784 * 128 + 1280), 0),
    "train/resnet18_batch_32": (6 * 32 * 555.4e6, 0),
    "train/gpt_6x384_batch_8": (6 * 1024 * (72 * 384**2 + 384 * 256) + 6 * 6 * 8 * 128**2 * 384, 0),
    "train/char_lstm_batch_32": (6 * 32 * 64 * (320 * 1024 + 256 * 96), 0),
    "inference/resnet50_224_batch_1": (2 * 4.09e9, 0),
    "optim/adam_10M": (0, 7 * 40 * MB),
    "optim/sgd_momentum_10M": (0, 5 * 40 * MB),
    "optim/clip_grad_norm_10M": (0, 3 * 40 * MB),
}


def limits(threads=(1,)):
    """For each number of threads a dict with flops, read, copy, copy_around_cache and read_first_cache, per second."""
    source = Path(__file__).with_name("limits.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limits"
        compiler = os.environ.get("CXX", "g++")
        subprocess.run(
            [compiler, "-O3", "-march=native", "-std=c++17", "-pthread", source, "-o", program, "-Wno-psabi"],
            check=True,
        )
        return {
            n: json.loads(subprocess.run([program, str(n)], capture_output=True, check=True).stdout) for n in threads
        }


def beside(path):
    """Print a Markdown table of the figures in a file, the last column the fraction of the limit that is reached."""
    peak = limits((1,))[1]
    found = {}
    for record in json.loads(Path(path).read_text())["records"]:
        found.setdefault(record["case"], {})[record["threads"]] = record
    print(f"One thread: {peak['flops'] / 1e9:.0f} GFLOP/s, copy {peak['copy'] / 1e9:.1f} GB/s,", end=" ")
    print(f"of 4 MB {peak['copy_4MB'] / 1e9:.1f} GB/s.\n")
    print("| case | PyTorch | flambeau | ratio | ratio, 2 threads | of the limit |\n|---|---:|---:|---:|---:|---:|")
    for case, by_threads in found.items():
        one, two = by_threads.get(1), by_threads.get(2)
        operations, moved = LEAST.get(case, (0, 0))
        rate = (
            peak["copy_4MB"] if moved < 64 * MB else max(peak[kind] for kind in ("read", "copy", "copy_around_cache"))
        )
        least = max(operations / peak["flops"], moved / rate)
        fraction = f"{100 * least / one['impl']:.0f} %" if one and least else ""
        times = [readable(one[name]).strip() if one else "" for name in ("baseline", "impl")]
        ratios = [f"{r['ratio']:.2f}" if r else "" for r in (one, two)]
        print("| " + " | ".join([case, *times, *ratios, fraction]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2", help="comma separated")
    parser.add_argument("--beside", metavar="FILE", help="figures to set beside the limits of one thread")
    args = parser.parse_args()
    if args.beside:
        beside(args.beside)
        return
    found = limits([int(n) for n in args.threads.split(",")])
    print(
        f"{'threads':>7} {'GFLOP/s':>9} {'read GB/s':>10} {'copy GB/s':>10} {'of 4 MB':>8} {'around cache':>13} {'first cache':>12}"
    )
    for n, figures in found.items():
        rates = [
            figures[name] / 1e9
            for name in ("flops", "read", "copy", "copy_4MB", "copy_around_cache", "read_first_cache")
        ]
        print(
            f"{n:7} {rates[0]:9.1f} {rates[1]:10.1f} {rates[2]:10.1f} {rates[3]:8.1f} {rates[4]:13.1f} {rates[5]:12.1f}"
        )


if __name__ == "__main__":
    main()
