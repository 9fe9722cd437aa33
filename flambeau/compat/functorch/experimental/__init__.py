"""functorch.experimental."""

from ...._functorch.apis import chunk_vmap
from ...._functorch.batch_norm_replacement import replace_all_batch_norm_modules_
from ....func import functionalize, hessian, jacfwd, jvp
