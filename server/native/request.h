// Whether a request is safe to hand to Triton.
//
// Triton 2.51 multiplies the dimensions of a shape without looking for overflow, divides by zero
// where a caller asks for the classes of strings, and hands a malformed string to every request of
// a batch. So a request passes only if its shapes and its data agree, field by field, and if it has
// no field that is not in the protocol. What is harmless but wrong (an unknown model, a missing
// input, another dtype) is left to Triton, which says so in its own words.
//
// The message is ModelInferRequest of the Open Inference Protocol, in protobuf's wire format.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace door {

constexpr size_t MAX_TENSORS = 16, MAX_PARAMETERS = 16, MAX_DIMENSIONS = 8, MAX_NAME_LEN = 256;
constexpr int64_t MAX_ELEMENTS = 1 << 24, MAX_CLASSES = 1 << 16;

// The message is a sentence with the value and the limit.
struct InvalidRequest : std::runtime_error {
  using runtime_error::runtime_error;
};

// What the door needs to know of a checked request.
struct Summary {
  std::string model;
  int64_t num_rows = 1;
};

enum Wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

// Reads the fields of one protobuf message.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  // Moves to the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t tag = varint();
    field = tag >> 3;
    wire = tag & 7;
    if (wire == VARINT) {
      value = varint();
    } else if (wire == BYTES) {
      bytes = take(varint());
    } else if (wire == FIXED64 || wire == FIXED32) {
      bytes = take(wire == FIXED64 ? 8 : 4);
    } else {
      fail();
    }
    return true;
  }

  uint64_t varint() {
    uint64_t found = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (rest_.empty()) fail();
      const uint8_t byte = rest_.front();
      rest_.remove_prefix(1);
      found |= uint64_t(byte & 127) << shift;
      if (byte < 128) return found;
    }
    fail();
  }

  bool is_done() const { return rest_.empty(); }
  [[noreturn]] static void fail() { throw InvalidRequest("the message is no ModelInferRequest"); }

  uint64_t field = 0, value = 0;
  int wire = 0;
  std::string_view bytes;

 private:
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) fail();
    const auto found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }

  std::string_view rest_;
};

struct Tensor {
  std::string_view name, datatype;
  std::vector<int64_t> shape;
  std::optional<std::string_view> contents;
};

// Returns a name for a sentence: only what cannot be anybody's text.
inline std::string show(std::string_view name) {
  bool is_plain = !name.empty() && name.size() <= 64;
  for (const unsigned char c : name) is_plain &= c < 128 && (std::isalnum(c) || c == '_');
  return is_plain ? std::string(name) : "a tensor";
}

inline void check_name(std::string_view name) {
  if (name.size() > MAX_NAME_LEN) {
    throw InvalidRequest(
        "a name has " + std::to_string(name.size()) + " bytes; limit is " +
        std::to_string(MAX_NAME_LEN));
  }
}

inline void check_count(size_t num, size_t limit, const char* what) {
  if (num > limit) {
    throw InvalidRequest("the request has more than " + std::to_string(limit) + " " + what);
  }
}

// Returns bytes per element, 0 for BYTES.
inline int64_t item_size(std::string_view datatype, std::string_view name) {
  if (datatype == "BYTES") return 0;
  if (datatype == "BOOL" || datatype == "INT8" || datatype == "UINT8") return 1;
  if (datatype == "INT16" || datatype == "UINT16" || datatype == "FP16" || datatype == "BF16")
    return 2;
  if (datatype == "INT32" || datatype == "UINT32" || datatype == "FP32") return 4;
  if (datatype == "INT64" || datatype == "UINT64" || datatype == "FP64") return 8;
  throw InvalidRequest(show(name) + ": the datatype is none of KServe v2");
}

inline int64_t count_elements(const std::vector<int64_t>& shape, std::string_view name) {
  int64_t num = 1;
  for (const int64_t size : shape) {
    if (size < 0) {
      throw InvalidRequest(
          show(name) + ": a dimension of the shape is " + std::to_string(size) +
          "; expected 0 or more");
    }
    if (size > MAX_ELEMENTS || num * size > MAX_ELEMENTS) {
      throw InvalidRequest(
          show(name) + ": the shape has more than " + std::to_string(MAX_ELEMENTS) + " elements");
    }
    num *= size;
  }
  // Triton 2.51 never answers the shape [0, 0].
  if (!shape.empty() && shape[0] == 0) {
    throw InvalidRequest(show(name) + ": the shape has no rows; expected at least 1");
  }
  return num;
}

inline void check_strings(std::string_view raw, int64_t num, std::string_view name) {
  int64_t found = 0;
  while (!raw.empty() && found < num) {
    if (raw.size() < 4) break;
    const auto* c = reinterpret_cast<const unsigned char*>(raw.data());
    const uint64_t size = c[0] | c[1] << 8 | c[2] << 16 | uint64_t(c[3]) << 24;
    if (size > raw.size() - 4) break;
    raw.remove_prefix(4 + size);
    ++found;
  }
  if (!raw.empty() || found != num) {
    throw InvalidRequest(
        show(name) + ": the bytes are not " + std::to_string(num) +
        " strings, each with its length before it (4 bytes, little-endian)");
  }
}

inline void check_raw(std::string_view raw, const Tensor& tensor, int64_t num) {
  const int64_t size = item_size(tensor.datatype, tensor.name);
  if (size == 0) return check_strings(raw, num, tensor.name);
  if (int64_t(raw.size()) != num * size) {
    throw InvalidRequest(
        show(tensor.name) + ": " + std::to_string(raw.size()) + " bytes; " + std::to_string(num) +
        " elements of " + std::string(tensor.datatype) + " have " + std::to_string(num * size));
  }
}

// Counts the elements of InferTensorContents; all must be in the field of the datatype.
inline void check_contents(std::string_view contents, const Tensor& tensor, int64_t num) {
  const auto& type = tensor.datatype;
  const uint64_t field = type == "BOOL"                                            ? 1
                         : type == "INT8" || type == "INT16" || type == "INT32"    ? 2
                         : type == "INT64"                                         ? 3
                         : type == "UINT8" || type == "UINT16" || type == "UINT32" ? 4
                         : type == "UINT64"                                        ? 5
                         : type == "FP32"                                          ? 6
                         : type == "FP64"                                          ? 7
                         : type == "BYTES"                                         ? 8
                                                                                   : 0;
  const size_t width = field == 6 ? 4 : field == 7 ? 8 : 0;  // of packed floats
  int64_t found = 0;
  Reader reader(contents);
  while (reader.next()) {
    if (reader.field != field) {
      throw InvalidRequest(show(tensor.name) + ": the contents are not of the datatype");
    }
    if (field == 8) {
      if (reader.wire != BYTES) Reader::fail();
      ++found;
    } else if (reader.wire != BYTES) {  // not packed
      if (reader.wire != (field == 6 ? FIXED32 : field == 7 ? FIXED64 : VARINT)) Reader::fail();
      ++found;
    } else if (width != 0) {
      if (reader.bytes.size() % width != 0) Reader::fail();
      found += reader.bytes.size() / width;
    } else {
      for (Reader packed(reader.bytes); !packed.is_done(); ++found) packed.varint();
    }
  }
  if (field == 0 || found != num) {
    throw InvalidRequest(
        show(tensor.name) + ": the contents have " + std::to_string(found) +
        " elements; the shape has " + std::to_string(num));
  }
}

struct Parameter {
  std::string_view key;
  int64_t number = 0;
};

inline Parameter read_parameter(std::string_view entry) {
  Parameter found;
  Reader reader(entry);
  while (reader.next()) {
    if (reader.wire != BYTES || reader.field > 2) Reader::fail();
    if (reader.field == 1) {
      found.key = reader.bytes;
      continue;
    }
    Reader value(reader.bytes);
    while (value.next()) {
      if (value.field > 5) Reader::fail();
      if (value.field == 2 && value.wire == VARINT) found.number = int64_t(value.value);
    }
  }
  check_name(found.key);
  return found;
}

inline void refuse_shared_memory(const Parameter& parameter) {
  if (parameter.key.substr(0, 14) == "shared_memory_") {
    throw InvalidRequest("shared memory is not served; send the tensor itself");
  }
}

inline Tensor read_input(std::string_view message) {
  Tensor found;
  size_t num_parameters = 0;
  Reader reader(message);
  while (reader.next()) {
    if (reader.field == 3 && reader.wire == VARINT) {
      found.shape.push_back(int64_t(reader.value));
    } else if (reader.wire != BYTES) {
      Reader::fail();
    } else if (reader.field == 1) {
      found.name = reader.bytes;
    } else if (reader.field == 2) {
      found.datatype = reader.bytes;
    } else if (reader.field == 3) {
      for (Reader packed(reader.bytes); !packed.is_done();) {
        found.shape.push_back(int64_t(packed.varint()));
        check_count(found.shape.size(), MAX_DIMENSIONS, "dimensions in a shape");
      }
    } else if (reader.field == 4) {
      check_count(++num_parameters, MAX_PARAMETERS, "parameters");
      refuse_shared_memory(read_parameter(reader.bytes));
    } else if (reader.field == 5 && !found.contents) {
      found.contents = reader.bytes;
    } else {
      Reader::fail();
    }
    check_count(found.shape.size(), MAX_DIMENSIONS, "dimensions in a shape");
  }
  check_name(found.name);
  check_name(found.datatype);
  return found;
}

inline void check_output(std::string_view message) {
  std::string_view name;
  std::optional<int64_t> num_classes;
  size_t num_parameters = 0;
  Reader reader(message);
  while (reader.next()) {
    if (reader.wire != BYTES || reader.field > 2) Reader::fail();
    if (reader.field == 1) {
      name = reader.bytes;
      continue;
    }
    check_count(++num_parameters, MAX_PARAMETERS, "parameters");
    const auto parameter = read_parameter(reader.bytes);
    refuse_shared_memory(parameter);
    if (parameter.key == "classification") num_classes = parameter.number;
  }
  check_name(name);
  if (!num_classes) return;
  if (name != "probabilities") {
    throw InvalidRequest(
        show(name) + ": only probabilities have classes; ask for their classification");
  }
  if (*num_classes < 1 || *num_classes > MAX_CLASSES) {
    throw InvalidRequest(
        "classification is " + std::to_string(*num_classes) + "; expected 1 to " +
        std::to_string(MAX_CLASSES));
  }
}

// Checks a ModelInferRequest; throws InvalidRequest.
inline Summary check_request(std::string_view message) {
  Summary found;
  std::string_view model;
  std::vector<Tensor> inputs;
  std::vector<std::string_view> raws;
  size_t num_outputs = 0, num_parameters = 0;
  Reader reader(message);
  while (reader.next()) {
    if (reader.wire != BYTES) Reader::fail();
    switch (reader.field) {
      case 1:
        model = reader.bytes;
        [[fallthrough]];
      case 2:
      case 3:
        check_name(reader.bytes);
        break;
      case 4:
        check_count(++num_parameters, MAX_PARAMETERS, "parameters");
        read_parameter(reader.bytes);
        break;
      case 5:
        check_count(inputs.size() + 1, MAX_TENSORS, "inputs");
        inputs.push_back(read_input(reader.bytes));
        break;
      case 6:
        check_count(++num_outputs, MAX_TENSORS, "outputs");
        check_output(reader.bytes);
        break;
      case 7:
        check_count(raws.size() + 1, MAX_TENSORS, "raw_input_contents");
        raws.push_back(reader.bytes);
        break;
      default:
        Reader::fail();
    }
  }
  if (!raws.empty() && raws.size() != inputs.size()) {
    throw InvalidRequest(
        "the request has " + std::to_string(inputs.size()) + " inputs and " +
        std::to_string(raws.size()) + " raw_input_contents; expected one for each input");
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& tensor = inputs[i];
    const int64_t num = count_elements(tensor.shape, tensor.name);
    if (raws.empty()) {
      check_contents(tensor.contents.value_or(""), tensor, num);
    } else if (tensor.contents) {
      throw InvalidRequest(show(tensor.name) + ": contents and raw_input_contents are given");
    } else {
      check_raw(raws[i], tensor, num);
    }
  }
  found.model = std::string(model);
  if (!inputs.empty() && !inputs[0].shape.empty()) found.num_rows = inputs[0].shape[0];
  return found;
}

}  // namespace door
