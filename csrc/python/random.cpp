// Generator and the ops that draw. A generator argument of None is the default generator.
#include "ops/random.h"

#include <nanobind/stl/shared_ptr.h>

#include "python/python.h"

namespace flambeau::python {

namespace {

Generator& chosen(Generator* g) { return g ? *g : default_generator(); }

// A Python int in [-2^63, 2^64) as 64 bits.
uint64_t seed_bits(nb::handle seed) {
  PyObject* o = seed.ptr();
  FL_CHECK(PyLong_Check(o) && !PyBool_Check(o), Runtime, "manual_seed", "manual_seed expected a long, but got ",
           Py_TYPE(o)->tp_name);
  int over;
  int64_t v = PyLong_AsLongLongAndOverflow(o, &over);
  if (!over) return static_cast<uint64_t>(v);
  uint64_t u = over > 0 ? PyLong_AsUnsignedLongLong(o) : 0;
  if (PyErr_Occurred()) PyErr_Clear(), over = -1;
  FL_CHECK(over > 0, Value, "manual_seed", "Overflow when unpacking long long: a seed is in [-2**63, 2**64)");
  return u;
}

Tensor get_state(const Generator& g) {
  Tensor out = empty(Dims{Generator::state_bytes}, DType::UInt8);
  g.get_state(out.data<uint8_t>());
  return out;
}

void set_state(Generator& g, nb::handle state) {
  FL_CHECK(is_tensor(state.ptr()), Type, "set_state", "expected a torch.ByteTensor, but got ",
           Py_TYPE(state.ptr())->tp_name);
  Tensor t = unwrap(state.ptr());
  FL_CHECK(t.dtype() == DType::UInt8, Type, "set_state", "RNG state must be a torch.ByteTensor, got ", name(t.dtype()));
  FL_CHECK(t.is_contiguous(), Runtime, "set_state", "RNG state must be contiguous");
  FL_CHECK(t.numel() == Generator::state_bytes, Runtime, "set_state", "Expected a CPUGeneratorImplState of size ",
           Generator::state_bytes, " but found the input RNG state size to be ", t.numel());
  g.set_state(t.data<uint8_t>());
}

[[noreturn]] void no_offset() { FL_FAIL(Runtime, "Generator", "CPU Generator does not use offset"); }

void check_device(nb::handle device) {
  if (device.is_none()) return;
  Device d = nb::isinstance<nb::str>(device) ? parse_device(nb::cast<std::string>(device)) : nb::cast<Device>(device);
  FL_CHECK(d.type == DeviceType::Cpu, Runtime, "Generator", "only the CPU has generators here, got device ",
           to_string(d));
}

void define_generator(nb::module_& m) {
  nb::class_<Generator>(m, "Generator", nb::is_weak_referenceable())
      .def(
          "__init__",
          [](Generator* self, nb::object device) {
            check_device(device);
            new (self) Generator();
          },
          nb::arg("device") = nb::none())
      .def(
          "manual_seed",
          [](nb::object self, nb::handle seed) {
            nb::cast<Generator&>(self).manual_seed(seed_bits(seed));
            return self;
          },
          nb::arg("seed"), "Restart the stream from a seed in [-2**63, 2**64); returns the generator.")
      .def("seed", &Generator::seed, "Restart the stream from a seed of the operating system, and return the seed.")
      .def("initial_seed", &Generator::initial_seed, "The seed that the stream was started from.")
      .def("get_state", get_state, "The state as 5056 bytes, which torch's generator understands too.")
      .def(
          "set_state",
          [](nb::object self, nb::handle state) {
            set_state(nb::cast<Generator&>(self), state);
            return self;
          },
          nb::arg("new_state"), "Go on where get_state was called (on this generator, another, or torch's).")
      .def(
          "clone_state", [](const Generator& g) { return std::make_shared<Generator>(g); },
          "A generator that goes on from the same state.")
      .def("__deepcopy__", [](const Generator& g, nb::handle) { return std::make_shared<Generator>(g); })
      .def("get_offset", [](Generator&) -> int64_t { no_offset(); })
      .def("set_offset", [](Generator&, int64_t) { no_offset(); })
      .def_prop_ro("device", [](const Generator&) { return Device{}; });
  m.attr("default_generator") = nb::cast(default_generator_ptr());
}

void define_fills(nb::module_& m) {
  using G = Generator*;
  auto generator = nb::arg("generator").none();
  m.def(
      "uniform_", [](const Tensor& x, double a, double b, G g) { return ops::uniform_(x, a, b, chosen(g)); },
      nb::arg("input"), nb::arg("from"), nb::arg("to"), generator);
  m.def(
      "normal_", [](const Tensor& x, double a, double b, G g) { return ops::normal_(x, a, b, chosen(g)); },
      nb::arg("input"), nb::arg("mean"), nb::arg("std"), generator);
  m.def(
      "random_",
      [](const Tensor& x, std::optional<int64_t> a, std::optional<int64_t> b, G g) {
        return ops::random_(x, a, b, chosen(g));
      },
      nb::arg("input"), nb::arg("from").none(), nb::arg("to").none(), generator);
  m.def(
      "bernoulli_",
      [](const Tensor& x, nb::handle p, G g) {
        if (is_tensor(p.ptr())) return ops::bernoulli_(x, unwrap(p.ptr()), chosen(g));
        return ops::bernoulli_(x, nb::cast<double>(p), chosen(g));
      },
      nb::arg("input"), nb::arg("p"), generator);
  m.def(
      "exponential_", [](const Tensor& x, double a, G g) { return ops::exponential_(x, a, chosen(g)); },
      nb::arg("input"), nb::arg("lambd"), generator);
  m.def(
      "geometric_", [](const Tensor& x, double p, G g) { return ops::geometric_(x, p, chosen(g)); }, nb::arg("input"),
      nb::arg("p"), generator);
  m.def(
      "cauchy_", [](const Tensor& x, double a, double b, G g) { return ops::cauchy_(x, a, b, chosen(g)); },
      nb::arg("input"), nb::arg("median"), nb::arg("sigma"), generator);
  m.def(
      "log_normal_", [](const Tensor& x, double a, double b, G g) { return ops::log_normal_(x, a, b, chosen(g)); },
      nb::arg("input"), nb::arg("mean"), nb::arg("std"), generator);
}

void define_draws(nb::module_& m) {
  using G = Generator*;
  auto generator = nb::arg("generator").none();
  m.def(
      "rand", [](const Dims& size, DType t, G g) { return ops::uniform_(empty(size, t), 0.0, 1.0, chosen(g)); },
      nb::arg("size"), nb::arg("dtype"), generator);
  m.def(
      "randn", [](const Dims& size, DType t, G g) { return ops::normal_(empty(size, t), 0.0, 1.0, chosen(g)); },
      nb::arg("size"), nb::arg("dtype"), generator);
  m.def(
      "randint",
      [](int64_t low, int64_t high, const Dims& size, DType t, G g) {
        return ops::random_(empty(size, t), low, high, chosen(g));
      },
      nb::arg("low"), nb::arg("high"), nb::arg("size"), nb::arg("dtype"), generator);
  m.def(
      "randperm", [](int64_t n, DType t, G g) { return ops::randperm(n, t, chosen(g)); }, nb::arg("n"),
      nb::arg("dtype"), generator);
  m.def("check_std", ops::check_std);
  m.def(
      "multinomial",
      [](const Tensor& x, int64_t n, bool replacement, G g) { return ops::multinomial(x, n, replacement, chosen(g)); },
      nb::arg("input"), nb::arg("num_samples"), nb::arg("replacement"), generator);
  m.def("poisson", [](const Tensor& x, G g) { return ops::poisson(x, chosen(g)); }, nb::arg("input"), generator);
  m.def(
      "binomial", [](const Tensor& n, const Tensor& p, G g) { return ops::binomial(n, p, chosen(g)); },
      nb::arg("count"), nb::arg("prob"), generator);
  m.def(
      "standard_gamma", [](const Tensor& x, G g) { return ops::standard_gamma(x, chosen(g)); }, nb::arg("input"),
      generator);
  m.def("dirichlet", [](const Tensor& x, G g) { return ops::dirichlet(x, chosen(g)); }, nb::arg("input"), generator);
  m.def(
      "dropout", [](const Tensor& x, double p) { return ops::dropout(x, p, default_generator()); }, nb::arg("input"),
      nb::arg("p"));
}

}  // namespace

void define_random(nb::module_& m) {
  define_generator(m);
  define_fills(m);
  define_draws(m);
}

}  // namespace flambeau::python
