# Which statements of a solution's functions begin, and which of its conditions come out true and false, call by call.
# Executed as a setup in an interpreter that holds nothing else; the solution is rewritten as a tree, so that the answer
# does not depend on how an interpreter counts lines. Every call gets the solution anew. What loading it exercises is told
# apart: it happens whatever a call asks.


def _exercise(text, rows):
    import ast, os, sys, types, warnings

    steps, turns, hits = [], [], set()

    def probe(mark, args, at):
        call = ast.Call(ast.Constant(mark), args, [])
        return ast.copy_location(call, at)

    # What a probe calls stands among the constants of compiled code, under no name: the solution cannot call it itself.
    # No text can hold the constants that it takes the place of.
    STEP, TURN = os.urandom(16), os.urandom(16)

    def armed(code):
        probes = {STEP: hits.add, TURN: turned}
        kept = []
        for value in code.co_consts:
            if type(value) is bytes:
                value = probes.get(value, value)
            elif type(value) is types.CodeType:
                value = armed(value)
            kept.append(value)
        return code.replace(co_consts=tuple(kept))

    def abstract(node):
        """Whether a function only says that others have to define it: nothing can call such a body."""
        names = [getattr(d, "attr", getattr(d, "id", "")) for d in getattr(node, "decorator_list", [])]
        bodies = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        return "abstractmethod" in names and all(isinstance(s, ast.Pass) for s in bodies)

    class Marks(ast.NodeTransformer):
        # The functions around, by number.
        inside, functions = (), 0

        def block(self, body):
            made = []
            for at, statement in enumerate(body):
                words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                silent = isinstance(statement, (ast.Global, ast.Nonlocal)) or (words and at == 0)
                if self.inside and not silent:
                    steps.append((statement.lineno, self.inside[-1]))
                    number = ast.Constant(len(steps) - 1)
                    made.append(ast.copy_location(ast.Expr(probe(STEP, [number], statement)), statement))
                made.append(self.visit(statement))
            return made

        def generic_visit(self, node):
            for field, value in ast.iter_fields(node):
                if field in ("body", "orelse", "finalbody") and isinstance(value, list):
                    setattr(node, field, self.block(value))
                elif isinstance(value, list):
                    value[:] = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
                elif isinstance(value, ast.AST):
                    setattr(node, field, self.visit(value))
            return node

        def function(self, node):
            # Defaults and decorators belong to what is around.
            self.visit(node.args)
            for decorator in getattr(node, "decorator_list", []):
                self.visit(decorator)
            if isinstance(node.body, list) and abstract(node):
                return node
            self.functions += 1
            self.inside += (self.functions,)
            node.body = self.block(node.body) if isinstance(node.body, list) else self.visit(node.body)
            self.inside = self.inside[:-1]
            return node

        visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = function

        def turn(self, test):
            test = self.visit(test)
            if not self.inside or isinstance(test, ast.Constant):
                return test
            turns.append((test.lineno, self.inside[-1]))
            return probe(TURN, [ast.Constant(len(turns) - 1), test], test)

        def conditional(self, node):
            node.test = self.turn(node.test)
            for field in ("body", "orelse"):
                value = getattr(node, field)
                setattr(node, field, self.block(value) if isinstance(value, list) else self.visit(value))
            return node

        visit_If = visit_While = visit_IfExp = conditional

        def visit_comprehension(self, node):
            node.iter = self.visit(node.iter)
            node.ifs = [self.turn(test) for test in node.ifs]
            return node

    def turned(number, value):
        value = bool(value)
        hits.add((number, value))
        return value

    tree = ast.fix_missing_locations(Marks().visit(ast.parse(text)))
    with warnings.catch_warnings():
        # A constant that is called looks like a mistake.
        warnings.simplefilter("ignore")
        code = armed(compile(tree, "<solution>", "exec", dont_inherit=True))
    def marked():
        marks = list(hits)
        hits.clear()
        return (
            sorted(m for m in marks if type(m) is int and 0 <= m < len(steps)),
            sorted(m for m in marks if type(m) is tuple and 0 <= m[0] < len(turns)),
        )

    seen, loaded = [], ([], [])
    server = {name: globals()[name] for name in ("base_url",) if name in globals()}
    for setup, given, call in rows:
        hits.clear()
        module = types.ModuleType("solution")
        module.__dict__.update(__builtins__=__builtins__)
        sys.modules["solution"] = module
        try:
            try:
                exec(code, module.__dict__)
            finally:
                loaded = marked()
            space = dict(module.__dict__, __name__="__check__", **server)
            if setup:
                exec(compile(setup, "<setup>", "exec", dont_inherit=True), space)
            for name, literal in given:
                space[name] = eval(literal, {})
            eval(compile(call.strip(), "<call>", "eval", dont_inherit=True), space)
        except BaseException:
            pass
        seen.append(marked())
    return steps, turns, seen, loaded
