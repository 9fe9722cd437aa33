"""functorch.compile: graphs ahead of time, which are not built here; their names say so."""

from ...._functorch import config
from ...._functorch.aot_autograd import (
    aot_function,
    aot_module,
    aot_module_simplified,
    compiled_function,
    compiled_module,
    get_aot_compilation_context,
    get_aot_graph_name,
    get_graph_being_compiled,
    make_boxed_compiler,
    make_boxed_func,
)
from ...._functorch.compilers import (
    debug_compile,
    default_decompositions,
    draw_graph_compile,
    memory_efficient_fusion,
    nnc_jit,
    nop,
    print_compile,
    ts_compile,
)
from ...._functorch.fx_minifier import minifier
from ...._functorch.partitioners import default_partition, draw_graph, min_cut_rematerialization_partition
from ...._functorch.python_key import pythonkey_decompose
