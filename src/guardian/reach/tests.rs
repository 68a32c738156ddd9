//! Tests of the room around.

use super::beyond;
use crate::dream::Reason;
use crate::guardian::syntax::Source;

#[track_caller]
fn check(code: &str, expected: Option<Reason>) {
    let source = Source::parse(code).unwrap();
    let libraries = ["PyYAML".to_owned(), "numpy>=1.2".to_owned()];
    assert_eq!(
        beyond(&source, &libraries).map(|(reason, _)| reason),
        expected,
        "{code}"
    );
}

#[test]
fn honest_imports_pass() {
    for code in [
        "import os, sys, re\nos.path.join('a')\nsys.maxsize",
        "from collections import deque as d",
        "import os.path",
        "from __future__ import annotations",
        "import yaml\nimport numpy as np",
        "import concurrent.futures as cf\ncf.ThreadPoolExecutor",
        "import inspect\ninspect.signature(f)",
        "x.kill()",
        "import asyncio\nasyncio.run(f())",
        "import sys, io\nold, sys.stdout = sys.stdout, io.StringIO()",
        "from dataclasses import dataclass\nself.json = 3\nsetattr(self, 'a', 1)",
        "import decimal\nctx = decimal.getcontext()\nctx.prec = 3",
        "from datetime import datetime\nvars(self)",
        "import sys\nprint(1, file=sys.stderr)\nold = sys.stdout\ngetattr(sys, 'maxsize')",
        "import os\nhasattr(os, 'fork')\nos.path.join('a')\nos.environ.get('HOME')",
        "import operator\ngetattr(operator, name)\nf(operator)",
        "from math import *",
        "callback.__self__",
        "import sys\ndef f(sys=3):\n    pass\ng(sys=4)",
        "import asyncio\nasyncio.run(main())",
        "import threading\nx = threading.Lock()",
        "import types\ndef f(types):\n    return len(types)",
        "import types\nx: types.ModuleType = 3",
        "'{a}'.format(**locals())\nvars(self)['a']",
        "import dataclasses\ndataclasses.replace(x, a=1)\ndataclasses.field",
        "def f(globals):\n    return globals['a']",
        "from unittest import TestCase\nimport logging",
        "import numpy as np\nnp.trace(m)",
        "import doctest\nif __name__ == '__main__':\n    doctest.testmod()",
        "if __name__ == '__main__':\n    from doctest import testmod\n    testmod()",
        "import math, random\ndef area(m, rng=None):\n    return m\narea(math, rng=random)",
        "import json\ndef show(json=None):\n    return json\nshow(json=3)",
        "import json\ndef load(text):\n    return json.loads(text)\nload(json.dumps(1))",
        "'the ' + 'code' + name\n'%s__' % name\n', '.join(['a', 'b'])",
        "self.sys.name\nmodule.os.path",
        "import inspect\ninspect.signature(f)\ninspect.isawaitable(x)",
    ] {
        check(code, None);
    }
}

#[test]
fn what_reaches_out_is_named() {
    for code in [
        "import ctypes",
        "from gc import collect",
        "import json, subprocess",
        "import _thread",
        "import multiprocessing.pool",
        "def f():\n    import signal",
    ] {
        check(code, Some(Reason::ForbiddenImport));
    }
    for code in [
        "import inspect\ninspect.importlib.import_module('gc')",
        "import inspect\ninspect.builtins.divmod = None",
        "from reprlib import builtins",
        "from asyncio.base_events import subprocess",
        "import xmlrpc.server\nxmlrpc.server.pydoc.builtins.eval('1')",
        "import typing\ntyping.get_type_hints(R)",
        "R.__annotations__ = {'n': 'lambda n: n'}",
        "import os\ndef f(n, os=os):\n    m = os\n    return m",
        "import dataclasses\ngetattr(dataclasses, 'buil' + 'tins')",
        "import sys\nglobals()['sys'].modules",
        "import sys\nt = vars()",
        "import sys\ndef f():\n    return locals()['sys']",
        "import unittest.mock",
        "from unittest.mock import patch",
        "import inspect\ninspect.signature(f, eval_str=True)",
        "import os\nos._exit(0)",
        "from os import _exit as bye",
        "import os as o\no.fork()",
        "import sys\nsys.modules['x']",
        "from sys import _getframe",
        "import inspect\ninspect.stack()",
        "e.__traceback__.tb_frame",
        "().__class__.__base__.__subclasses__()",
        "__import__('os')",
        "getattr(x, 'f_back')",
        "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
        "import math\nmath.sqrt = f",
        "import json, math as m\nx, m.pi = 1, 3",
        "import os.path\ndel os.path",
        "import math\nsetattr(math, 'pi', 3)",
        "import json\nvars(json)['dumps'] = f",
        "f.__code__ = g.__code__",
        "f.__globals__['x'] = 1",
        "import sys\ngetattr(sys, '_getframe')()",
        "import sys\ngetattr(sys, 'modules')['x']",
        "import sys\ngetattr(sys, '_get' + 'frame')()",
        "import os\nos.sys.modules['x']",
        "import collections\ncollections._sys.modules",
        "from logging import os\nos._exit(0)",
        "import sys\nm = sys\nm.modules",
        "import sys\nm = [sys][0]",
        "import sys\ndef f(m=sys):\n    return m.modules",
        "import sys\nf(sys)",
        "import sys\nsys.__dict__['modules']",
        "from os import *\n_exit(0)",
        "len.__self__.len = f",
        "getattr(len, '__self__')",
        "import math\nmath.sqrt.__self__",
        "from operator import attrgetter\nattrgetter('_getframe')",
        "from operator import attrgetter\nattrgetter('x.__globals__')",
        "getattr(f, '__glo' + 'bals__')",
        "getattr(f, '__co' 'de__')",
        "getattr(f, ('__'\n    'code__'))",
        "getattr(f, '\\x5f_code__')",
        "getattr(f, '__%s__' % 'code')",
        "getattr(f, '%s%s' % ('__co', 'de__'))",
        "getattr(f, f'__{\"co\"}de__')",
        "getattr(f, ''.join(['__co', 'de__']))",
        "getattr(f, '__co' + ('d' + 'e__'))",
        "import sys\ngetattr(sys, 'mod' + 'ules')",
        "import contextlib\ndef way(m):\n    return m\nway(contextlib)",
        "import json\nway = lambda m: m\nway(m=json)",
        "import json\n(lambda m: m)(json)",
        "import json\nclass A:\n    def way(self, m):\n        return m\nA().way(json)",
        "module.sys.modules",
        "f(x)._sys._getframe()",
        "import pickle\npickle.loads(b'')",
        "from pickle import Unpickler",
        "import shelve\nshelve.open('x')",
        "import doctest\ndoctest.testmod()",
        "from doctest import testmod",
        "import doctest\nif __name__ == '__main__':\n    pass\nelse:\n    doctest.testmod()",
        "import inspect\ninspect.getsource(f)",
        "from inspect import getsourcelines as g",
        "import linecache\nlinecache.getlines('solution')",
        "import dis\ndis.Bytecode(f)",
        "import sys\nsys.gettrace()",
    ] {
        check(code, Some(Reason::ReachesHarness));
    }
    for code in [
        "import requests",
        "from .near import x",
        "from . import x",
        "import pandas",
    ] {
        check(code, Some(Reason::UndeclaredImport));
    }
}
