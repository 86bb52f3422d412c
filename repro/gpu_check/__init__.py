"""``repro gpu-check``: what a GPU that is at hand for a few minutes is best used for, most important things first.

    versions  packages, device, driver
    draw      drawn people of the tables, by all cores, beside the tests and the benchmark
    tests     those that are marked ``cuda``
    bench     benchmarks/gpu.py
    kernels   benchmarks/kernels.py: which kernels a training step's time goes to
    warm      the backbone that rows start from
    tables    one after the other, each as long as its share of what is left allows

What is done is kept at once, in ``$OUT`` or else ``runs/gpu-check``, in a few files: ``log.txt``, ``check.json`` (what each stage
came to), ``gpu.csv``, ``kernels.csv``, ``tests.txt``, ``results-1.tar.gz`` and so on (result folders, to be unpacked in
``results/``) and ``trainings.tar.gz`` (recipes, logs and metrics of runs, complete or not). Each file is replaced in one piece,
so that a check that is cut off at any second leaves whole files. Whatever fails is told and the next thing is begun.
"""
