"""torch._functorch.aot_autograd: graphs of forward and backward ahead of time, which are not built here."""

from .._unbuilt import define

define(
    globals(),
    "no graphs are made ahead of time: call the function itself, or use torch.compile, which runs it as it is",
    functions="aot_function aot_module aot_module_simplified compiled_function compiled_module get_aot_compilation_context "
    "get_aot_graph_name get_graph_being_compiled",
)


def make_boxed_func(f):
    """A function of one list of arguments.

    >>> from flambeau._functorch.aot_autograd import make_boxed_func
    >>> make_boxed_func(lambda a, b: a + b)([1, 2])
    3
    """

    def boxed(args):
        return f(*args)

    boxed._boxed_call = True
    return boxed


def make_boxed_compiler(compiler):
    """A compiler whose results are functions of one list of arguments.

    >>> from flambeau._functorch.aot_autograd import make_boxed_compiler
    >>> make_boxed_compiler(lambda graph, inputs: max)(None, [])([1, 2])
    2
    """

    def boxed(graph, example_inputs):
        return make_boxed_func(compiler(graph, example_inputs))

    return boxed
