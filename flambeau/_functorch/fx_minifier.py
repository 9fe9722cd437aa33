"""torch._functorch.fx_minifier: smaller graphs that fail in the same way; a debugger of compilers, which are not built here."""

from .._unbuilt import define

define(globals(), "graphs are not compiled here, so none has to be made smaller", functions="minifier")
