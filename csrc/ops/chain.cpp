#include "ops/chain.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/kernels.h"
#include "core/pending.h"
#include "core/threads.h"

namespace flambeau::ops {

namespace {

constexpr int64_t kFewFilled = 1 << 12;  // of a convolution, which takes longer
constexpr size_t kMostWaiting = 4;       // chains: what they read lives as long as they wait

// FLAMBEAU_FUSE=0 turns it off; FLAMBEAU_FUSE=all puts off ops of any size, for tests.
const std::string wish = std::getenv("FLAMBEAU_FUSE") ? std::getenv("FLAMBEAU_FUSE") : "";
bool enabled = wish != "0";
const bool always = wish == "all";

// A chain that is being put together.
class Work final : public Pending {
 public:
  Work(const Tensor& like) : shape_(like.shape()), strides_(like.strides()), size_(like.numel()) {
    waiting().push_back(this);
  }
  ~Work() override {
    waiting().erase(std::find(waiting().begin(), waiting().end(), this));
    for (const Ref<Storage>& leaf : leaves_) leaf->pending = nullptr;
    for (const Step& step : steps_)
      if (step.result) step.result->pending = nullptr;
  }

  // The step whose result is all of t, or -1. Not for a chain that is at work.
  int step_of(const Tensor& t) const {
    for (int k = int(steps_.size()) - 1; k >= 0; --k)
      if (steps_[k].result == t->storage.get()) return t->offset == 0 && lies_alike(t) ? k : -1;
    return -1;
  }
  bool lies_alike(const Tensor& t) const { return t.shape() == shape_ && t.strides() == strides_; }
  bool reads(const Storage* storage) const {
    return std::any_of(leaves_.begin(), leaves_.end(), [&](auto& leaf) { return leaf.get() == storage; });
  }
  bool full() const { return steps_.size() == kMaxChainSteps || numbers_ + kMaxOperands > kMaxChainNumbers; }
  bool busy() const { return running(); }
  // Makes room for one more; false if there is room.
  static bool settle_oldest() {
    if (waiting().size() < kMostWaiting) return false;
    for (const Work* work : waiting())
      for (const Step& step : work->steps_)
        if (step.result && !work->busy()) return settle(*step.result), true;
    return false;
  }

  struct Operand {
    int step = -1;
    Storage* storage = nullptr;
    int64_t offset = 0;
    float value = 0;
  };
  struct Step {
    TileFn tile = nullptr;
    std::vector<double> params;
    std::vector<Operand> in;
    std::vector<float> norm;  // mean, scale, shift
    Storage* result = nullptr;
  };

  void read(Storage* storage) {
    if (reads(storage)) return;
    leaves_.emplace_back(storage);
    storage->pending = this;
  }
  // `result` may be that of an earlier step, which nobody can see any more.
  void add(Step step, const Tensor& result) {
    for (Step& earlier : steps_)
      if (earlier.result == result->storage.get()) earlier.result = nullptr;
    for (const Operand& operand : step.in)
      if (operand.storage)
        read(operand.storage);
      else
        numbers_ += operand.step < 0;
    step.result = result->storage.get();
    step.result->pending = this;
    steps_.push_back(std::move(step));
  }
  void fill_first(Fill fill) { fill_ = std::move(fill); }
  void set_channels(const BatchNormArgs& args, bool last) {
    channels_ = args.channels, inner_ = args.size, channels_last_ = last;
  }

  // Work that was asked for is done even if nobody looks, so that it takes the time it takes.
  void forget(Storage& result) override {
    const auto others = std::count_if(steps_.begin(), steps_.end(),
                                      [&](const Step& step) { return step.result && step.result != &result; });
    if (!others && !running() && enabled) {
      leaving_ = &result;
      finish_quietly();
    }
    for (Step& step : steps_)
      if (step.result == &result) step.result = nullptr;
    if (!others && !running()) delete this;
  }

 private:
  // The steps that a result depends on, in their order.
  std::vector<int> wanted_steps() const {
    std::vector<bool> wanted(steps_.size());
    for (size_t k = steps_.size(); k-- > 0;) {
      if (steps_[k].result) wanted[k] = true;
      if (!wanted[k]) continue;
      for (const Operand& operand : steps_[k].in)
        if (operand.step >= 0) wanted[operand.step] = true;
    }
    std::vector<int> order;
    for (size_t k = 0; k < steps_.size(); ++k)
      if (wanted[k]) order.push_back(int(k));
    return order;
  }

  ChainStep described(const Step& step, const std::vector<int>& place) const {
    ChainStep to;
    to.tile = step.tile;
    to.params = step.params.data();
    to.inputs = int(step.in.size());
    for (int i = 0; i < to.inputs; ++i) {
      const Operand& from = step.in[i];
      to.in[i].step = from.step >= 0 ? place[from.step] : -1;
      if (from.storage) to.in[i].base = static_cast<float*>(from.storage->data) + from.offset;
      to.in[i].value = from.value;
    }
    if (!step.norm.empty()) {
      to.mean = step.norm.data();
      to.scale = to.mean + channels_;
      to.shift = to.scale + channels_;
    }
    to.out = step.result ? static_cast<float*>(step.result->data) : nullptr;
    return to;
  }

  void run() override {
    std::vector<Ref<Storage>> held;  // while threads work, others may let go of them
    for (const Step& step : steps_)
      if (step.result && step.result != leaving_) held.emplace_back(step.result);
    const std::vector<int> order = wanted_steps();
    std::vector<int> place(steps_.size(), -1);
    ChainStep steps[kMaxChainSteps];
    Chain chain{steps, int(order.size()), size_, channels_, inner_, channels_last_};
    for (int k = 0; k < chain.count; ++k) {
      place[order[k]] = k;
      steps[k] = described(steps_[order[k]], place);
    }
    if (fill_ && order[0] == 0) {
      // Without a place of its own the first result is written where the last one will be.
      if (!steps[0].out) steps[0].out = steps[chain.count - 1].out;
      fill_(steps[0].out, chain);
    } else {
      cpu_kernels().chain.run(chain);
    }
  }

  // From the oldest to the newest; there as long as the process.
  static std::vector<Work*>& waiting() {
    static auto* const all = new std::vector<Work*>;
    return *all;
  }

  Dims shape_, strides_;
  int64_t size_, channels_ = 1, inner_ = 1;
  bool channels_last_ = false;
  int numbers_ = 0;
  Fill fill_;  // of the first step's result
  std::vector<Step> steps_;
  std::vector<Ref<Storage>> leaves_;
  const Storage* leaving_ = nullptr;  // the result that is being let go of
};

Work* work_on(const Tensor& t) { return static_cast<Work*>(t->storage->pending); }

// The chain that t is a result of, or that reads t, if it can take one more step.
Work* open_work(const Tensor& t) {
  Work* work = work_on(t);
  if (!work || work->busy() || !work->lies_alike(t)) return nullptr;
  if (work->step_of(t) < 0 && !work->reads(t->storage.get())) return nullptr;
  if (!work->full()) return work;
  settle(*t->storage);
  return nullptr;
}

bool is_number(const Tensor& t) {
  if (t.ndim() != 0 || !t.device().is_cpu()) return false;
  return t.dtype() == DType::Float32 || t.dtype() == DType::Float64 || t.dtype() == DType::Int64;
}
float number_of(const Tensor& t) {
  if (t.dtype() == DType::Float64) return float(*t.data<double>());
  return t.dtype() == DType::Int64 ? float(*t.data<int64_t>()) : *t.data<float>();
}

// The operand that says how the result lies: all others lie alike or are numbers.
const Tensor* model_of(std::span<const Tensor* const> inputs) {
  const Tensor* model = nullptr;
  for (const Tensor* t : inputs) {
    if (is_number(*t)) continue;
    if (t->dtype() != DType::Float32 || !(*t)->storage->only_ours()) return nullptr;
    if (!model)
      model = t;
    else if (!(t->shape() == model->shape()) || !(t->strides() == model->strides()))
      return nullptr;
  }
  if (!model || !(model->is_contiguous() || is_dense(model->shape(), model->strides()))) return nullptr;
  return model;
}

// Does `work`, if there is any, know this storage as one that it fills or reads, or does nothing else wait for it?
bool free_for(const Work* work, const Tensor& t) {
  const Work* other = work_on(t);
  return !other || (other == work && (work->step_of(t) >= 0 || work->reads(t->storage.get())));
}

// Settles one of the storages that wait for something, if there is one.
bool settle_one(std::span<const Tensor* const> tensors) {
  for (const Tensor* t : tensors)
    if ((*t)->storage->pending) return settle(*(*t)->storage), true;
  return false;
}

// The chain that one more step can join, or null for a new one, for which there is room if it `may_begin`. While chains
// run other threads do too, so after each the search begins anew: what it returns holds until the lock is given up.
Work* find_work(std::span<const Tensor* const> operands, const Tensor* into, bool may_begin) {
  for (;;) {
    Work* work = into ? open_work(*into) : nullptr;
    for (size_t i = 0; !into && !work && i < operands.size(); ++i) work = open_work(*operands[i]);
    if (!work && !may_begin) return nullptr;
    const auto taken = std::find_if(operands.begin(), operands.end(), [&](auto* t) { return !free_for(work, *t); });
    if (taken != operands.end())
      settle(*(**taken)->storage);
    else if (work || !Work::settle_oldest())
      return work;
  }
}

// One more step after those that the operands come from; undefined if it cannot wait.
Tensor defer(Work::Step step, std::span<const Tensor* const> inputs, const Tensor* into, Work** used = nullptr) {
  if (!enabled || in_parallel_region()) return {};
  const Tensor* model = model_of(inputs);
  if (!model) return {};
  std::vector<const Tensor*> operands;
  for (const Tensor* t : inputs) {
    step.in.emplace_back();
    if (is_number(*t))
      step.in.back().value = number_of(*t);
    else
      operands.push_back(t);
  }
  const bool may_begin = !into && model->numel() >= fewest_elements;
  Work* work = find_work(operands, into, may_begin);
  if (!work && !may_begin) return {};
  if (into && (work->step_of(*into) < 0 || !work->lies_alike(*model))) return {};
  const Tensor result = into ? *into : empty_like(*model);
  if (!work) work = new Work(result);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& t = *inputs[i];
    if (is_number(t)) continue;
    step.in[i].step = work->step_of(t);
    if (step.in[i].step < 0) step.in[i].storage = t->storage.get(), step.in[i].offset = t->offset;
  }
  work->add(std::move(step), result);
  if (used) *used = work;
  return result;
}

}  // namespace

// What is smaller stays in the caches from op to op.
int64_t fewest_elements = always ? 0 : 1 << 16;

void enable_fusion(bool on) { enabled = on; }

bool can_defer(const Tensor& result, std::initializer_list<const Tensor*> sources) {
  if (!enabled || in_parallel_region() || result.dtype() != DType::Float32) return false;
  if (result.numel() < kFewFilled && !(always && result.numel())) return false;
  return std::all_of(sources.begin(), sources.end(),
                     [](const Tensor* t) { return !t->defined() || (*t)->storage->only_ours(); });
}

Tensor defer_fill(const Tensor& result, std::vector<Tensor> sources, Fill fill) {
  std::vector<const Tensor*> read;
  for (const Tensor& t : sources)
    if (t.defined()) read.push_back(&t);
  while (settle_one(read) || Work::settle_oldest()) {
  }
  auto* work = new Work(result);
  for (const Tensor* t : read) work->read((*t)->storage.get());
  work->fill_first(std::move(fill));
  work->add({}, result);
  return result;
}

Tensor defer_pointwise(TileFn tile, std::span<const Tensor* const> inputs, Params params, const Tensor* into) {
  Work::Step step;
  step.tile = tile;
  step.params = params;
  return defer(std::move(step), inputs, into);
}

Tensor defer_norm(const Tensor& x, const BatchNormArgs& args, bool channels_last) {
  Work::Step step;
  step.norm.resize(3 * args.channels);
  float* factors = step.norm.data();
  cpu_kernels().chain.norm_factors(args, factors, factors + args.channels, factors + 2 * args.channels);
  const Tensor* inputs[] = {&x};
  Work* work = nullptr;
  const Tensor result = defer(std::move(step), inputs, nullptr, &work);
  if (work) work->set_channels(args, channels_last);
  return result;
}

}  // namespace flambeau::ops
