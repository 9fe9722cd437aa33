// MT19937: Matsumoto and Nishimura, ACM TOMACS 8(1), 1998. The pair of normals: Box and Muller, 1958.
#include "core/generator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/kernels.h"

namespace flambeau {

namespace {

// The layout of torch's CPU generator state: a plain struct, little endian.
struct StateBytes {
  uint64_t seed;
  int32_t left, seeded;
  uint64_t next;
  uint64_t state[624];
  double normal_x, normal_y, normal_rho;
  int32_t normal_is_valid;
  float float_normal;
  uint8_t float_normal_is_valid;
  uint8_t padding[7];
};

}  // namespace

Generator::Generator(const Generator& other) {
  state_ = other.state_;
  out_ = other.out_;
  seed_ = other.seed_;
  left_ = other.left_;
  next_ = other.next_;
  has_normal_ = other.has_normal_;
  next_normal_ = other.next_normal_;
}

void Generator::manual_seed(uint64_t seed) {
  seed_ = seed;
  state_[0] = (uint32_t)seed;
  for (uint32_t i = 1; i < words; i++) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  left_ = 1;
  next_ = 0;
  has_normal_ = false;
  next_normal_ = 0;
}

uint64_t Generator::seed() {
  std::random_device device;
  uint64_t high = device();
  manual_seed((high << 32) | device());
  return seed_;
}

void Generator::refill() {
  cpu_kernels().random.mt19937_block(state_.data(), out_.data());
  left_ = words + 1;
  next_ = 0;
}

uint32_t Generator::random32() {
  if (left_ == 1 || next_ >= (uint32_t)words) refill();
  left_--;
  return out_[next_++];
}

void Generator::fill(uint32_t* out, int64_t n) {
  while (n > 0) {
    if (left_ == 1 || next_ >= (uint32_t)words) refill();
    int64_t take = std::min<int64_t>({n, left_ - 1, (int64_t)words - next_});
    std::memcpy(out, out_.data() + next_, take * sizeof(uint32_t));
    left_ -= (int32_t)take;
    next_ += (uint32_t)take;
    out += take;
    n -= take;
  }
}

double Generator::normal() {
  if (has_normal_) {
    has_normal_ = false;
    return next_normal_;
  }
  double u1 = uniform(), u2 = uniform();
  double radius = std::sqrt(-2.0 * std::log1p(-u2)), angle = 2.0 * M_PI * u1;
  next_normal_ = radius * std::sin(angle);
  has_normal_ = true;
  return radius * std::cos(angle);
}

void Generator::get_state(uint8_t* out) const {
  static_assert(sizeof(StateBytes) == 5056);
  StateBytes bytes{};
  bytes.seed = seed_;
  bytes.left = left_;
  bytes.seeded = 1;
  bytes.next = next_;
  for (int i = 0; i < words; i++) bytes.state[i] = state_[i];
  bytes.normal_y = has_normal_ ? next_normal_ : 0.0;
  bytes.normal_is_valid = has_normal_;
  std::memcpy(out, &bytes, sizeof(bytes));
}

void Generator::set_state(const uint8_t* in) {
  StateBytes bytes;
  std::memcpy(&bytes, in, sizeof(bytes));
  if (bytes.seeded != 1 || bytes.left < 1 || bytes.left > words || bytes.next > (uint64_t)words)
    FL_FAIL(Runtime, "set_state", "Invalid mt19937 state: these bytes are not a generator's");
  seed_ = bytes.seed;
  left_ = bytes.left;
  next_ = (uint32_t)bytes.next;
  for (int i = 0; i < words; i++) state_[i] = (uint32_t)bytes.state[i];
  cpu_kernels().random.mt19937_temper(state_.data(), out_.data());
  has_normal_ = bytes.normal_is_valid != 0;
  next_normal_ = has_normal_ ? bytes.normal_y : 0.0;
}

std::shared_ptr<Generator> default_generator_ptr() {
  // Never destroyed: an op on another thread may still draw while the process ends.
  static auto* generator = new std::shared_ptr<Generator>(std::make_shared<Generator>());
  return *generator;
}

Generator& default_generator() {
  static Generator* generator = default_generator_ptr().get();
  return *generator;
}

}  // namespace flambeau
