"""Transforms that change only the values of the image. None of them shifts the image against its
mask (hence no Downscale and no MotionBlur). Strengths are fractions of 0 .. 255 for 8-bit images,
and of the image's own range for all others."""

from typing import Literal

from raytrain.config.augmentation.ranges import (
    Factors,
    Hues,
    Limits,
    Noises,
    Percents,
    Shares,
    Sigmas,
    SignedShares,
    Sizes,
)
from raytrain.config.augmentation.spatial import Transform


class RandomBrightnessContrastSpec(Transform):
    """Each value becomes value * (1 + contrast) + brightness."""

    name: Literal["RandomBrightnessContrast"] = "RandomBrightnessContrast"
    brightness_limit: SignedShares = (-0.2, 0.2)
    contrast_limit: SignedShares = (-0.2, 0.2)


class RandomGammaSpec(Transform):
    """Each value becomes value ** (gamma / 100)."""

    name: Literal["RandomGamma"] = "RandomGamma"
    gamma_limit: Percents = (80, 120)


class InvertImgSpec(Transform):
    """The image is inverted: dark becomes bright, and bright becomes dark."""

    name: Literal["InvertImg"] = "InvertImg"


class ClaheSpec(Transform):
    """Local histogram equalization, in 256 steps; images of 1 or 3 channels only."""

    name: Literal["CLAHE"] = "CLAHE"
    clip_limit: Limits = (1, 4)


class ColorJitterSpec(Transform):
    """Brightness, contrast, saturation and hue in random order; 1 or 3 channels only."""

    name: Literal["ColorJitter"] = "ColorJitter"
    brightness: Factors = (0.8, 1.2)
    contrast: Factors = (0.8, 1.2)
    saturation: Factors = (0.8, 1.2)
    hue: Hues = (-0.5, 0.5)


class GaussNoiseSpec(Transform):
    """Additive noise, drawn for each pixel and channel."""

    name: Literal["GaussNoise"] = "GaussNoise"
    std_range: Shares = (0.2, 0.44)


class MultiplicativeNoiseSpec(Transform):
    """Multiplicative noise: one random factor for the whole image, or one for each pixel."""

    name: Literal["MultiplicativeNoise"] = "MultiplicativeNoise"
    multiplier: Factors = (0.9, 1.1)
    elementwise: bool = False


class ShotNoiseSpec(Transform):
    """Poisson noise, as from few photons."""

    name: Literal["ShotNoise"] = "ShotNoise"
    scale_range: Noises = (0.1, 0.3)


class SaltAndPepperSpec(Transform):
    """Random pixels become as dark or as bright as possible."""

    name: Literal["SaltAndPepper"] = "SaltAndPepper"
    amount: Shares = (0.01, 0.06)
    """Share of the pixels that change."""
    salt_vs_pepper: Shares = (0.4, 0.6)
    """Share of the changed pixels that become bright."""


class BlurSpec(Transform):
    """Each pixel becomes the mean over a square around it."""

    name: Literal["Blur"] = "Blur"
    blur_limit: Sizes = (3, 7)


class GaussianBlurSpec(Transform):
    """Gaussian blur; the filter is as large as its sigma needs."""

    name: Literal["GaussianBlur"] = "GaussianBlur"
    sigma_limit: Sigmas = (0.5, 3.0)


class MedianBlurSpec(Transform):
    """Each pixel becomes the median over a square around it, in 256 steps of gray."""

    name: Literal["MedianBlur"] = "MedianBlur"
    blur_limit: Sizes = (3, 7)


class SharpenSpec(Transform):
    """A weighted mean of the image and its edges."""

    name: Literal["Sharpen"] = "Sharpen"
    alpha: Shares = (0.2, 0.5)
    """Share of the edges in the mix."""
    lightness: Factors = (0.5, 1.0)
