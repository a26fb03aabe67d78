#include "decode/image_table.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/half.h"
#include "ort/path.h"
#include "size.h"

namespace sjd2 {
namespace {

// Elements between two looks at the interrupt: a few milliseconds of reading.
constexpr size_t kPiece = size_t{1} << 20;

constexpr const char *kIds = "image_ids", *kRows = "inputs_embeds";

void check_finite(const std::string& path, const std::string& name, std::span<const float> values,
                  size_t first) {
  const auto broken =
      std::find_if_not(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  if (broken == values.end()) return;
  const char* what = std::isnan(*broken) ? "NaN" : *broken > 0 ? "Infinity" : "-Infinity";
  throw Error(codes::kModel, path + ": expected " + name + " to be finite but element " +
                                 std::to_string(first + (broken - values.begin())) + " is " + what);
}

void read_bytes(std::ifstream& file, const std::string& path, void* bytes, size_t count) {
  file.read(static_cast<char*>(bytes), static_cast<std::streamsize>(count));
  if (!file) throw Error(codes::kModel, path + ": the file became shorter while it was read");
}

void read_table(const ImageTableSource& source, std::span<float> table,
                const ort::Interrupt& interrupt) {
  std::ifstream file(std::filesystem::path(ort::native_path(source.path)), std::ios::binary);
  if (!file) throw Error(codes::kModel, "Cannot read " + source.path);
  file.seekg(static_cast<std::streamoff>(source.begin));
  std::vector<uint16_t> halves(source.type == ElementType::F32 ? 0 : kPiece);
  const auto widen = source.type == ElementType::F16 ? from_f16 : from_bf16;
  for (size_t done = 0; done < table.size(); done += kPiece) {
    interrupt.check();
    const std::span<float> piece = table.subspan(done, std::min(kPiece, table.size() - done));
    if (source.type == ElementType::F32) {
      read_bytes(file, source.path, piece.data(), piece.size_bytes());
    } else {
      read_bytes(file, source.path, halves.data(), piece.size() * sizeof(uint16_t));
      std::transform(halves.begin(), halves.begin() + piece.size(), piece.begin(), widen);
    }
    check_finite(source.path, source.name, piece, done);
  }
}

void compute_table(ort::Library& library, const std::string& path, int32_t vocabulary,
                   int32_t hidden, std::span<float> table, const ort::GraphOptions& options,
                   const ort::Interrupt& interrupt) {
  const ort::Graph graph(library, path, options);
  const std::vector<int64_t> in{1, vocabulary}, out{1, vocabulary, hidden};
  ort::expect_input(graph, kIds, ort::kInt64, in);
  ort::expect_input_count(graph, 1);
  ort::expect_output(graph, kRows, ort::kFloat32, out);
  std::vector<int64_t> ids(vocabulary);
  std::iota(ids.begin(), ids.end(), int64_t{0});
  ort::Binding binding(graph);
  binding.input(kIds, ort::borrow_tensor(library, library.cpu_memory(), ids.data(),
                                         ids.size() * sizeof(int64_t), in, ort::kInt64));
  binding.output(kRows, ort::borrow_tensor(library, library.cpu_memory(), table.data(),
                                           table.size_bytes(), out, ort::kFloat32));
  binding.run(interrupt);
  check_finite(path, kRows, table, 0);
}

}  // namespace

Buffer<float> fetch_image_table(ort::Library& library, const ImageTableSource& source,
                                int32_t vocabulary, int32_t hidden,
                                const ort::GraphOptions& options, const ort::Interrupt& interrupt) {
  const Size floats = Size(vocabulary) * hidden;
  Buffer<float> table(host(), floats.or_throw(codes::kModel, "The image table"));
  const std::span<float> values(table.data(), table.size());
  if (source.computed) {
    compute_table(library, source.path, vocabulary, hidden, values, options, interrupt);
  } else {
    read_table(source, values, interrupt);
  }
  return table;
}

}  // namespace sjd2
