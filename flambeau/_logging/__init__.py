"""torch._logging: what torch's compiler says. Nothing is compiled, so nothing is said."""


def set_logs(**settings):
    """Choose what the compiler says."""


def warning_once(logger, *args, **kwargs):
    """A warning of a logger."""
    logger.warning(*args, **kwargs)


def getArtifactLogger(module_qname, artifact_name):
    """The logger of a module."""
    import logging

    return logging.getLogger(f"{module_qname}.{artifact_name}")
