// Weight files in the safetensors format: parameters saved and loaded by name, and the files' own tensors.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/scalar.hpp"
#include "unspool/shape.hpp"
#include "unspool/shared.hpp"

namespace unspool {

template <Scalar T>
class ParameterSet;

/// Free text kept in a weight file, as keys and values in UTF-8. Keys are unique.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// One tensor of a weight file: a view, valid as long as the TensorFile or the caller's own memory behind it.
struct NamedTensor {
  std::string_view name;
  std::string_view dtype;  ///< as the format spells it: "F32", "F64", "BF16", "I64", ...
  Shape shape;
  std::span<const std::byte> bytes;  ///< row-major, little-endian, not necessarily aligned
};

/// Writes every parameter under its name; the old file, if any, stays as it was unless all of it was written.
/// The metadata holds {"format": "pt"} beside what is given, so that Python reads the file as PyTorch weights.
/// Equal parameters give equal bytes. Throws file_write, bad_argument (text that is not UTF-8, a repeated metadata
/// key).
template <RealScalar T>
void save_safetensors(const ParameterSet<T>& params, const std::string& path, const Metadata& metadata = {});

/// How a weight file and a set of parameters differ.
struct LoadReport {
  struct Tensor {
    std::string name;
    Shape shape;
  };
  struct Misshapen {
    std::string name;
    Shape given;     ///< in the file
    Shape expected;  ///< the parameter's
  };
  std::vector<Tensor> missing;       ///< parameters that the file has no tensor for
  std::vector<Tensor> unused;        ///< tensors that are no parameter's
  std::vector<Misshapen> misshapen;  ///< of the right name and another shape

  /// The file is these parameters' and nothing else's.
  bool exact() const noexcept { return missing.empty() && unused.empty() && misshapen.empty(); }
  /// `missing "a" [2], "b" [3]; unused "c" []; misshapen "d" is [2,3] and must be [3,2]`, past 64 KiB only counted.
  UNSPOOL_API std::string to_string() const;
};

struct LoadOptions {
  bool strict = true;  ///< names and shapes must agree exactly; false: what fits is loaded, the rest stays as it was
  std::string prefix = "";  ///< parameter p is the tensor prefix + p; tensors without the prefix are somebody else's
};

/// Loads every parameter from the tensor of its name, as PyTorch's load_state_dict does. Where it is strict, nothing is
/// loaded unless names and shapes agree exactly: weight_mismatch lists all that are missing, unused or misshapen. Where
/// it is not, the report does. F16, BF16, F32 and F64 are converted: exactly where that widens; F64 into float
/// parameters rounds to nearest even, and what is out of float's range becomes infinite. Throws file_open, file_format,
/// weight_mismatch, unsupported (another dtype), out_of_memory.
template <RealScalar T>
LoadReport load_safetensors(ParameterSet<T>& params, const std::string& path, const LoadOptions& options = {});

namespace detail {
struct TensorFileContents;
UNSPOOL_API void retain(const TensorFileContents& contents) noexcept;
UNSPOOL_API void release(const TensorFileContents& contents) noexcept;
}  // namespace detail

/// A weight file in memory, whatever its dtypes: what a tool needs to list or convert one. Copies share the memory.
class UNSPOOL_API TensorFile {
 public:
  explicit TensorFile(detail::Shared<const detail::TensorFileContents> contents) : contents_(std::move(contents)) {}

  /// Number of tensors.
  std::size_t size() const noexcept;
  /// The tensors in the order of their data. Throws index_out_of_range.
  NamedTensor operator[](std::size_t position) const;
  /// Empty when there is none of this name.
  std::optional<NamedTensor> find(std::string_view name) const;
  /// The text that the file holds beside its tensors, in its order.
  Metadata metadata() const;

 private:
  detail::Shared<const detail::TensorFileContents> contents_;
};

/// Reads a whole file. A file that breaks any rule of the format is rejected before memory is taken for its data.
/// Throws file_open, file_format (with the byte offset and the rule), out_of_memory, and unsupported for an unknown
/// dtype, more than 8 axes, 32768 tensors or 4096 metadata entries.
UNSPOOL_API TensorFile read_safetensors(const std::string& path);

/// Writes tensors of any dtype of the format, sorted by descending element size, then by name. Metadata and the old
/// file are treated as save_safetensors does. Throws file_write, duplicate_name, shape_mismatch (bytes that are not the
/// shape's), bad_argument, unsupported.
UNSPOOL_API void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                                   const Metadata& metadata = {});

extern template UNSPOOL_API void save_safetensors(const ParameterSet<float>&, const std::string&, const Metadata&);
extern template UNSPOOL_API void save_safetensors(const ParameterSet<double>&, const std::string&, const Metadata&);
extern template UNSPOOL_API LoadReport load_safetensors(ParameterSet<float>&, const std::string&, const LoadOptions&);
extern template UNSPOOL_API LoadReport load_safetensors(ParameterSet<double>&, const std::string&, const LoadOptions&);

}  // namespace unspool
