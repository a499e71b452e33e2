"""Data formats, one file each: how samples are found in a folder, and how a mask is read."""

from raytrain.data.formats.annotated import index_file_per_image
from raytrain.data.formats.coco import read_coco
from raytrain.data.formats.cvat import read_cvat
from raytrain.data.formats.format import Format, file_per_image, one_file
from raytrain.data.formats.labelme import read_labelme
from raytrain.data.formats.numpy_stacks import index_numpy_stacks, read_stack_mask
from raytrain.data.formats.paired_folders import index_paired_folders, read_paired_mask
from raytrain.data.formats.rle_table import index_rle_table, read_rle_mask
from raytrain.data.formats.supervisely import read_supervisely
from raytrain.data.formats.yolo import read_yolo_mask

FORMATS: dict[str, Format] = {
    "paired_folders": Format(index_paired_folders, read_paired_mask),
    "numpy_stacks": Format(index_numpy_stacks, read_stack_mask),
    "rle_table": Format(index_rle_table, read_rle_mask),
    "coco": one_file(read_coco),
    "cvat": one_file(read_cvat),
    "labelme": file_per_image(read_labelme),
    "supervisely": file_per_image(read_supervisely),
    "yolo": Format(index_file_per_image, read_yolo_mask),
}
