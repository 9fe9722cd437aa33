// Where a tensor's memory is.
#pragma once
#include <cstdint>
#include <string>

namespace flambeau {

enum class DeviceType : int8_t { Cpu };  // the others are names: their numbers are their places in the list of names

struct Device {
  DeviceType type = DeviceType::Cpu;
  int8_t index = -1;
  bool operator==(const Device&) const = default;
};

std::string to_string(Device device);
Device parse_device(const std::string& text);  // "cpu", "cuda:1"; throws RuntimeError as torch does

}  // namespace flambeau
