"""CUDA is not there: what the modules of flambeau.cuda share."""

from .._absent import Kind

KIND = Kind("flambeau.cuda", "CUDA")
refuse = KIND.refuse
