"""Match tracklets by an exported network, without reidbench: NumPy, Pillow, and ONNX Runtime or OpenVINO.

python docs/examples/match.py tks.onnx QUERIES GALLERY

Every folder in QUERIES and GALLERY that holds JPEGs is a tracklet, in the order of their names.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

BEST = 5  # of the gallery, for each query


def load(file):
    """The network, a function from one clip [1, T, 3, H, W] to its vector [1, D], and how its clips are made."""
    clips = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))["clips"]
    if file.endswith(".xml"):
        import openvino

        network = openvino.Core().compile_model(file, "CPU")
        return lambda clip: network(clip)[0], clips
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    return lambda clip: session.run(None, {clips["input"]: clip})[0], clips


def embed(network, clips, paths):
    """The vector of a tracklet at unit length, float32 [D]; `paths` are its frames in order."""
    _, length, _, height, width = clips["shape"]
    resample = Image.Resampling[clips["resize"]["filter"].upper()]
    frames = [np.asarray(Image.open(path).convert("RGB").resize((width, height), resample)) for path in paths]
    pixels = (np.float32(frames) / clips["scale"] - np.float32(clips["mean"])) / np.float32(clips["deviation"])
    pixels = np.float32(pixels.transpose(0, 3, 1, 2))  # [frames, 3, H, W]
    count = -(-len(pixels) // length)  # every frame once, and the tracklet again from its start to fill the last clip
    chosen = np.arange(count * length).reshape(count, length) % len(pixels)
    vector = np.mean([network(pixels[numbers][None])[0] for numbers in chosen], axis=0)
    return vector / np.linalg.norm(vector)


def tracklets(root):
    """The tracklets below a folder: each one's folder with its frames, .jpg or .jpeg. Ends the script without any."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg"):
            found.setdefault(path.parent, []).append(path)
    return found or sys.exit(f"{root}: no folder in it holds a JPEG (.jpg or .jpeg)")


def main(file, queries, gallery):
    network, clips = load(file)
    asked, known = tracklets(queries), tracklets(gallery)
    folders, vectors = list(known), np.stack([embed(network, clips, paths) for paths in known.values()])
    for folder, paths in asked.items():
        cosines = vectors @ embed(network, clips, paths)
        best = np.argsort(-cosines)[:BEST]
        print(folder, *(f"{folders[number]} {cosines[number]:.3f}" for number in best), sep="  ")


if __name__ == "__main__":
    main(*sys.argv[1:])
