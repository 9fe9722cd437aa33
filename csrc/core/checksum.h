// CRC-32 as zip archives have it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau {

// The checksum of `n` more bytes after some whose checksum is `before`.
uint32_t crc32(const void* data, size_t n, uint32_t before = 0);

}  // namespace flambeau
