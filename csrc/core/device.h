// Where a tensor's memory is.
#pragma once
#include <cstdint>
#include <string>

namespace flambeau {

// Meta tensors have all but values: no memory, and kernels that do nothing. The others are names so far; a number is
// the place in the list of names.
enum class DeviceType : int8_t { Cpu = 0, Meta = 14 };

struct Device {
  DeviceType type = DeviceType::Cpu;
  int8_t index = -1;
  bool operator==(const Device&) const = default;
  bool is_cpu() const { return type == DeviceType::Cpu; }
};

std::string to_string(Device device);
Device parse_device(const std::string& text);  // "cpu", "cuda:1"; throws RuntimeError as torch does

}  // namespace flambeau
