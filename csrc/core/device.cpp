#include "core/device.h"

#include <cstdlib>

#include "core/errors.h"

namespace flambeau {

namespace {
constexpr const char* kNames[] = {"cpu",  "cuda", "mkldnn", "opengl", "opencl", "ideep", "hip",
                                  "fpga", "maia", "xla",    "vulkan", "metal",  "xpu",   "mps",
                                  "meta", "hpu",  "ve",     "lazy",   "ipu",    "mtia",  "privateuseone"};
constexpr int kNumNames = sizeof(kNames) / sizeof(kNames[0]);
}  // namespace

std::string to_string(Device device) {
  std::string text = kNames[static_cast<int>(device.type)];
  return device.index < 0 ? text : text + ":" + std::to_string(device.index);
}

Device parse_device(const std::string& text) {
  auto colon = text.find(':');
  std::string type = text.substr(0, colon);
  int index = -1;
  if (colon != std::string::npos) {
    char* end = nullptr;
    long value = std::strtol(text.c_str() + colon + 1, &end, 10);
    FL_CHECK(end != text.c_str() + colon + 1 && !*end && value >= 0 && value < 128, Runtime, "device",
             "Invalid device string: '", text, "'; write 'cpu' or 'cuda:0'");
    index = static_cast<int>(value);
  }
  for (int i = 0; i < kNumNames; i++)
    if (type == kNames[i]) return {static_cast<DeviceType>(i), static_cast<int8_t>(index)};
  FL_FAIL(Runtime, "device",
          "Expected one of cpu, cuda, mps, xpu, meta ... device type at start of device string: ", text);
}

}  // namespace flambeau
