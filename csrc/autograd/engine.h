// The backward pass.
#pragma once
#include "core/node.h"

namespace flambeau::autograd {

struct Options {
  bool keep_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into .grad of leaves; false: only collect `inputs`
  bool allow_unused = false;
};

// Runs the graph behind `roots` with their gradients. With `inputs`, gives the gradient of each (undefined if unused);
// if `accumulate`, only these get a .grad.
std::vector<Tensor> run(std::span<const Tensor> roots, std::span<const Tensor> gradients,
                        std::span<const Tensor> inputs, const Options& options);

bool anomaly_mode();
void set_anomaly_mode(bool on, bool check_nan);

// Calls of run() that have ended call these once (Variable._execution_engine.queue_callback).
void queue_callback(std::function<void()> callback);

}  // namespace flambeau::autograd
