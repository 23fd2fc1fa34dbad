"""Training of many networks at once by JAX: one stack, one compilation. It opens no file, and needs the extra ``jax``.

:mod:`tracing` runs a rule's own lines on traced arrays, :mod:`program` holds what is compiled, :mod:`stack`
trains, :mod:`likeness` says which runs can share a stack, :mod:`device` asks JAX about the device.
"""
