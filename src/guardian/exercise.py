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

    def named(node):
        """The last part of a name, whatever it is called with or asked for."""
        while isinstance(node, (ast.Call, ast.Subscript)):
            node = node.func if isinstance(node, ast.Call) else node.value
        return getattr(node, "attr", getattr(node, "id", ""))

    def nothing(statement):
        """Whether a statement only says that there is nothing here."""
        if isinstance(statement, ast.Raise) and statement.exc:
            return named(statement.exc) == "NotImplementedError"
        words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        return words or isinstance(statement, ast.Pass)

    def abstract(node, kinds):
        """Whether a function only says that others have to define it: nothing can call such a body. Without a base that
        sees to it somebody can, and gets an error for what was never written."""
        marked = "abstractmethod" in [named(d) for d in getattr(node, "decorator_list", [])]
        silent = not any(isinstance(s, ast.Raise) for s in node.body)
        meant = "Protocol" in kinds or marked and (silent or "ABC" in kinds)
        return meant and all(map(nothing, node.body))

    class Marks(ast.NodeTransformer):
        # The functions around, by number, and which of the two kinds without objects the class around is of.
        inside, functions, kinds, known = (), 0, (), {}

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
            if isinstance(node.body, list) and abstract(node, self.kinds):
                return node
            self.functions += 1
            around = self.inside, self.kinds
            self.inside, self.kinds = self.inside + (self.functions,), ()
            node.body = self.block(node.body) if isinstance(node.body, list) else self.visit(node.body)
            self.inside, self.kinds = around
            return node

        visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = function

        def visit_ClassDef(self, node):
            bases = [named(base) for base in node.bases]
            kinds = {kind for kind in ("ABC", "Protocol") if kind in bases}
            kinds.update("ABC" for k in node.keywords if k.arg == "metaclass" and named(k.value) == "ABCMeta")
            # What is derived from an abstract class is one itself as long as it does not define everything.
            kinds.update("ABC" for base in bases if "ABC" in self.known.get(base, ()))
            self.known[node.name] = kinds
            around, self.kinds = self.kinds, kinds
            self.generic_visit(node)
            self.kinds = around
            return node

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
