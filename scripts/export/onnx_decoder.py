"""The exported decoder driven as the engine drives it: one cache buffer, past and present in place."""

import json

import numpy as np
import onnxruntime as ort
from safetensors.numpy import load_file


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, 8-bit products would saturate: the exact kernels instead of the fastest.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxDecoder:
    def __init__(self, folder, rows, kind="decoder"):
        self.manifest = json.loads((folder / "model.json").read_text(encoding="utf8"))
        self.tables = load_file(folder / "tables.safetensors")
        self.rows = rows
        self.session = session(folder / self.manifest["files"][kind][str(rows)]["path"])
        m = self.manifest
        shape = (1, m["kvHeads"], m["maxLength"], m["headSize"])
        self.types = {entry.name: entry.type for entry in self.session.get_inputs()}
        half = self.types["past_key_values.0.0.key"] == "tensor(float16)"
        kind_of_float = np.float16 if half else np.float32
        self.caches = {
            f"{layer}.{row}.{kind}": ort.OrtValue.ortvalue_from_numpy(
                np.zeros(shape, kind_of_float)
            )
            for layer in range(m["layers"])
            for row in range(rows)
            for kind in ("key", "value")
        }

    def run(self, embeds, pasts, logits=0, offsets=None):
        """embeds [R, S, d] behind `pasts` [R] cached positions; logits of the input rows from `logits` on,
        or of those that it lists, [R, .., V]."""
        length = embeds.shape[1]
        pasts = np.asarray(pasts, np.int32)
        binding = self.session.io_binding()
        binding.bind_cpu_input("inputs_embeds", np.ascontiguousarray(embeds, np.float32))
        binding.bind_cpu_input("seqlens_k", pasts + np.int32(length - 1))
        binding.bind_cpu_input(
            "total_sequence_length", np.array(pasts.max() + length, dtype=np.int32)
        )
        if "logit_rows" in self.types:
            rows = np.arange(logits, length) if np.isscalar(logits) else np.asarray(logits)
            binding.bind_cpu_input("logit_rows", rows.astype(np.int64))
        else:
            binding.bind_cpu_input("first_logit", np.array([logits], np.int64))
        if "position_offset" in self.types:
            binding.bind_cpu_input("position_offset", np.asarray(offsets, np.int64))
        for name, value in self.caches.items():
            binding.bind_ortvalue_input(f"past_key_values.{name}", value)
            binding.bind_ortvalue_output(f"present.{name}", value)
        binding.bind_output("logits")
        self.session.run_with_iobinding(binding)
        # Outputs come back in the order they were bound: the caches, then the logits.
        return binding.get_outputs()[len(self.caches)].numpy()
