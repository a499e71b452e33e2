"""What the engine makes of a device, without Ray: `python -m benchmarks.gpu`.

A random set, held on the device; `slices`; U-Net with each encoder and side, in bf16:
(a) images a second of the engine over those of a bare loop, median of alternating pairs (mark .97);
(b) the share of wall time in which a kernel runs, by torch.profiler (mark 90 % at 256 px);
(c) a step's time over its floor: the greater of its operations by the best rate of a large product
    and its bytes by the best rate of a large copy, both measured here;
(d) that no step makes the host wait: an epoch under `set_sync_debug_mode("error")`.
`--tiny` takes sizes for a CPU, without (b) and (d). Exit code 1 when a mark is missed.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import pair_ratios, seconds
from raytrain.config.models import SmpSpec
from raytrain.config.optimizers import ConstantSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling
from raytrain.data.held import HeldDataset, held_loader
from raytrain.engine.ema import build_ema
from raytrain.engine.loop import Training, train_epoch
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.parallel import current_world
from raytrain.engine.precision import build_scaler, set_float32
from raytrain.engine.training_loss import training_loss
from raytrain.models import build_model

RATIO, BUSY = 0.97, 0.90
ENCODERS, SIDES = ("resnet18", "resnet34", "efficientnet-b3"), (96, 256, 512)
CLASSES, CHANNELS, BATCH = 4, 3, 32
SCALING = Scaling((120.0,) * CHANNELS, (60.0,) * CHANNELS, per_image=False)
WORLD = current_world()
CUDA = WORLD.device.type == "cuda"


class Strict(DataLoader[Batch]):
    """An epoch in which nothing may make the host wait for the device."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield from super().__iter__()
        finally:
            torch.cuda.set_sync_debug_mode("default")


class Traffic(TorchDispatchMode):
    """Bytes that operations read and write; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor)]
            self.bytes += sum(tensor.numel() * tensor.itemsize for tensor in tensors)
        return out


def cache_of(images: int, side: int) -> Cache:
    rng = np.random.default_rng(0)
    sides = np.full(images, side)
    return Cache(
        pixels=rng.integers(0, 256, images * side * side * CHANNELS, dtype=np.uint8),
        labels=rng.integers(0, CLASSES, images * side * side, dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(sides**2)]), height=sides, width=sides,
        channels=CHANNELS, target="single_label", ids=pa.chunked_array([list(map(str, sides))]),
    )  # fmt: skip


def spec_of(encoder: str, batch: int, **parts: object) -> TrialSpec:
    model = SmpSpec(decoder="unet", encoder=encoder, weights=None)
    basis = {"precision": "bf16", "batch_size": batch, "hold": "device", "epochs": 1000}
    return TrialSpec.model_validate({"model": model, "schedule": ConstantSpec(), **basis, **parts})


def training_of(spec: TrialSpec) -> Training:
    torch.manual_seed(0)
    model = build_model(spec.model, CHANNELS, CLASSES, None).to(WORLD.device)
    return Training(
        network=model, model=model, ema=build_ema(model, spec.ema), swa=None,
        optimizer=build_optimizer(spec.optimizer, model),
        scaler=build_scaler(spec, WORLD.device),
        loss=training_loss(spec, "single_label", ()), spec=spec, world=WORLD,
    )  # fmt: skip


def engine_epoch(cache: Cache, spec: TrialSpec) -> Callable[[], None]:
    loader, plan = held_loader(cache, _rows(cache), SCALING, spec, 0, 1, WORLD.device)
    training = training_of(spec)

    def epoch() -> None:
        plan.epoch += 1
        train_epoch(training, loader, [])
        _wait()

    return epoch


def bare_epoch(cache: Cache, spec: TrialSpec) -> Callable[[], None]:
    loader, _ = held_loader(cache, _rows(cache), SCALING, spec, 0, 1, WORLD.device)
    dataset = loader.dataset
    assert isinstance(dataset, HeldDataset)
    model = build_model(spec.model, CHANNELS, CLASSES, None).to(WORLD.device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rng, held, augment = np.random.default_rng(0), dataset.held, dataset.augmenter
    count = 0

    def epoch() -> None:
        nonlocal count
        for rows in np.split(rng.permutation(len(cache.height)), _steps(cache, spec)):
            count += 1
            index_B = torch.from_numpy(rows).to(WORLD.device, non_blocking=True)
            states = [np.random.SeedSequence([count, int(row)]) for row in rows]
            image_BCHW = held.image_NHWC[index_B].permute(0, 3, 1, 2).float() / 255
            image_BCHW, mask_BHW = augment(image_BCHW, held.mask_NHW[index_B], augment.draw(states))
            with torch.autocast(WORLD.device.type, torch.bfloat16):
                logits_BKHW = model((image_BCHW * 255 - 120) / 60)
            loss = functional.cross_entropy(logits_BKHW.float(), mask_BHW.long())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        _wait()

    return epoch


def busy_share(epoch: Callable[[], None], epochs: int) -> float | None:
    """Of wall time, that in which a kernel ran; None without a GPU."""
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] * CUDA)]) as told:
        wall = sum(seconds(epoch) for _ in range(epochs))
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in told.events() or []
        if event.device_type == torch.autograd.DeviceType.CUDA
    ]
    return union_us(spans) / 1e6 / wall if CUDA else None


def union_us(spans: list[tuple[float, float]]) -> float:
    """The time that is in any of the spans."""
    total, until = 0.0, -float("inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def floor_s(spec: TrialSpec, side: int) -> float:
    """The least time of a step by its operations and its bytes."""
    training = training_of(spec)
    image_BCHW = torch.randn(spec.batch_size, CHANNELS, side, side, device=WORLD.device)
    target_BHW = torch.zeros(spec.batch_size, side, side, dtype=torch.int64, device=WORLD.device)
    with FlopCounterMode(display=False) as counter, Traffic() as traffic:
        with torch.autocast(WORLD.device.type, torch.bfloat16):
            logits_BKHW = training.model(image_BCHW.to(memory_format=torch.channels_last))
        training.loss(logits_BKHW.float(), target_BHW).backward()
    size = 8192 if CUDA else 256
    one = torch.randn(size, size, device=WORLD.device, dtype=torch.bfloat16)
    large = torch.empty(2**30 if CUDA else 2**22, dtype=torch.uint8, device=WORLD.device)
    operations = 2 * size**3 / _best(lambda: one @ one)
    copied = 2 * large.numel() / _best(lambda: large.clone())
    return max(counter.get_total_flops() / operations, traffic.bytes / copied)


def _best(call: Callable[[], object]) -> float:
    def timed() -> None:
        call()
        _wait()

    return min(seconds(timed) for _ in range(10))


def strict_epoch(cache: Cache, encoder: str, batch: int) -> None:
    """Raises RuntimeError at the first operation that makes the host wait."""
    noisy = ["slices", "flips", {"name": "GaussianBlur"}, {"name": "GaussNoise", "p": 1.0}]
    spec = spec_of(
        encoder, batch, ema=0.99, clip_norm=1.0, mix={"name": "cutmix"}, augmentation=noisy
    )
    loader, plan = held_loader(cache, _rows(cache), SCALING, spec, 0, 1, WORLD.device)
    training = training_of(spec)
    train_epoch(training, loader, [])  # warms up: some libraries wait the first time
    if CUDA:
        loader = Strict(loader.dataset, sampler=plan, batch_size=None)
    train_epoch(training, loader, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="sizes for any CPU")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100, help="that are profiled")
    asked = parser.parse_args()
    encoders, sides = (("resnet18",), (32,)) if asked.tiny else (ENCODERS, SIDES)
    batch, images, pairs = (2, 4, 1) if asked.tiny else (BATCH, 20 * BATCH, asked.pairs)
    set_float32("bf16")
    name = torch.cuda.get_device_name(WORLD.device) if CUDA else "CPU"
    print(f"{name}, torch {torch.__version__}, bf16, batch {batch}, medians of {pairs} pairs")
    missed = False
    for encoder in encoders:
        for side in sides:
            cache, spec = cache_of(images, side), spec_of(encoder, batch)
            engine, bare = engine_epoch(cache, spec), bare_epoch(cache, spec)
            engine(), bare()
            ratio = statistics.median(pair_ratios(engine, bare, pairs))
            step = statistics.median(seconds(engine) for _ in range(pairs)) / _steps(cache, spec)
            profiled = 2 if asked.tiny else asked.steps
            busy = busy_share(engine, max(1, profiled // _steps(cache, spec)))
            floor = floor_s(spec, side)
            missed |= ratio < RATIO or (side == 256 and busy is not None and busy < BUSY)
            shown = "no GPU" if busy is None else f"{100 * busy:.1f} %"
            print(f"{encoder} {side}: {batch / step:.0f} images/s, engine / bare {ratio:.3f}, "
                  f"busy {shown}, step {1e3 * step:.2f} ms = {step / floor:.2f} x its floor",
                  flush=True)  # fmt: skip
    strict_epoch(cache_of(images, sides[0]), encoders[0], batch)
    print("no step made the host wait" if CUDA else "waiting: nothing to see without a GPU")
    sys.exit(missed and not asked.tiny)


def _rows(cache: Cache) -> np.ndarray:
    return np.arange(len(cache.height))


def _steps(cache: Cache, spec: TrialSpec) -> int:
    return len(cache.height) // spec.batch_size


def _wait() -> None:
    if CUDA:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
