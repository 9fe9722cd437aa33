"""Numbers of the DLPack protocol."""

import enum


class DLDeviceType(enum.IntEnum):
    """The numbers that DLPack gives to kinds of devices.

    Example:
        >>> flambeau.ones(2).__dlpack_device__()
        (<DLDeviceType.kDLCPU: 1>, 0)
    """

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17
