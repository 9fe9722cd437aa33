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

// What a node makes of the gradients of its outputs: those of its inputs (undefined where nobody asks). Hooks do not
// run.
std::vector<Tensor> run_node(Node& node, const std::vector<Tensor>& gradients);

bool anomaly_mode();
void set_anomaly_mode(bool on, bool check_nan);

// Calls of run() that have ended call these once (Variable._execution_engine.queue_callback).
void queue_callback(std::function<void()> callback);

}  // namespace flambeau::autograd
