// Random numbers: one MT19937 stream per generator, with torch's seeding, draws, cached normal and state bytes.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

namespace flambeau {

// Drawn from while the interpreter lock is held, which is the only lock it needs.
class Generator {
 public:
  static constexpr uint64_t default_seed = 67280421310721;
  static constexpr int64_t state_bytes = 5056;  // the length of torch.get_rng_state()

  explicit Generator(uint64_t seed = default_seed) { manual_seed(seed); }
  Generator(const Generator& other);
  Generator& operator=(const Generator&) = delete;

  void manual_seed(uint64_t seed);
  uint64_t seed();  // takes a seed from the operating system and returns it
  uint64_t initial_seed() const { return seed_; }

  uint32_t random32();
  uint64_t random64() {
    uint64_t high = random32();
    return (high << 32) | random32();
  }
  double uniform() { return (double)(random64() & ((1ull << 53) - 1)) * 0x1p-53; }  // in [0, 1)
  double normal();  // a pair per two uniforms: the second of the pair is kept for the next call
  void fill(uint32_t* out, int64_t n);

  // torch's state bytes; set_state refuses bytes that no generator could have written.
  void get_state(uint8_t* out) const;
  void set_state(const uint8_t* in);

 private:
  void refill();

  static constexpr int words = 624;
  std::array<uint32_t, words> state_;
  std::array<uint32_t, words> out_;  // the block's tempered words
  uint64_t seed_ = 0;
  int32_t left_ = 1;   // words left in the block, plus one
  uint32_t next_ = 0;  // the next word of the block
  bool has_normal_ = false;
  double next_normal_ = 0;
};

Generator& default_generator();
std::shared_ptr<Generator> default_generator_ptr();

}  // namespace flambeau
