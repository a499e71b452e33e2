# syntax=docker/dockerfile:1
# The image of every node of a cluster, from the locks:
#
#   docker build --target gpu --tag raytrain:0.1.0-gpu .     # about 10 GB
#   docker build --target cpu --tag raytrain:0.1.0-cpu .     # about 3 GB, without CUDA
#
# CUDA comes with torch's packages; the machine brings NVIDIA's driver (580.65 or newer) and container
# toolkit. `docker run --rm --gpus all raytrain:0.1.0-gpu raytrain demo` tries it.
FROM python:3.11-slim-bookworm AS base
# g++ for torch.compile, ssh and rsync for Ray's launcher, wget for the probes of KubeRay.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ openssh-client rsync wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home ray \
    && install --directory --owner=ray --group=ray --mode=700 /home/ray/.ray \
    && pip install --no-cache-dir uv==0.13.9
ENV PYTHONUNBUFFERED=1 RAY_TRAIN_ENABLE_STATE_TRACKING=1
WORKDIR /opt/raytrain

FROM base AS cpu
COPY requirements-cpu.lock ./
# uv knows where PyTorch has its builds for CPUs.
RUN uv pip install --system --no-cache --torch-backend cpu --requirements requirements-cpu.lock
COPY pyproject.toml README.md LICENSE ./
COPY raytrain ./raytrain
# raytrain/jobs is a link to it.
COPY jobs ./jobs
RUN uv pip install --system --no-cache --no-deps .
USER 1000:1000
WORKDIR /home/ray

FROM base AS gpu
COPY requirements.lock ./
RUN uv pip install --system --no-cache --requirements requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY raytrain ./raytrain
# raytrain/jobs is a link to it.
COPY jobs ./jobs
RUN uv pip install --system --no-cache --no-deps .
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
WORKDIR /home/ray
