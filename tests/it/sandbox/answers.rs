//! What a job answers: values, exceptions, output, lines, changed arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Ending, Outcome, Stage, Value};
use dreamer::sandbox::{Job, Limits, RunnerSpec, Sandbox};

use super::bench::{
    benches, call, containers_of, docker_of, given, int, new_permit, spec, traced, value,
    with_setup,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_gives_its_value_and_its_output() {
    for bench in benches().await {
        let code = "def f(a, b):\n    print('hello')\n    return {'sum': a + b, 'all': (a, [b], {3}, b'x', 1.5, None, ...)}";
        let seen = bench.once(Limits::default(), &call(code, "f(1, 2)")).await;
        assert_eq!(seen.ending, Ending::Exited(0));
        assert_eq!(seen.stdout, "hello\n");
        let all = vec![
            int(1),
            Value::List(vec![int(2)]),
            Value::Set(vec![int(3)]),
            Value::Bytes("78".into()),
            Value::Float(1.5),
            Value::None,
            Value::Ellipsis,
        ];
        let text = |s: &str| Value::Str(s.to_owned());
        let expected = Value::Dict(vec![
            (text("sum"), int(3)),
            (text("all"), Value::Tuple(all)),
        ]);
        assert_eq!(value(&seen), &expected, "{}", bench.name());
        assert!(seen.wall_ms > 0.0 && seen.cpu_ms > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_in_as_they_came_out() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "def f():\n    return [float('nan'), float('-inf'), -0.0, 1+2j, 10**50, '\\ud800', bytearray(b'a'), frozenset({1}), range(1, 9, 2), {(1,): True}]";
        let first = runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
        let values = BTreeMap::from([("result".to_owned(), value(&first).clone())]);
        let again = Job::Call {
            code: String::new(),
            setup: String::new(),
            given: BTreeMap::new(),
            values,
            call: "result".to_owned(),
            trace: false,
        };
        let second = runner.run(&bench.permit, &again).await.unwrap();
        assert_eq!(
            format!("{:?}", value(&second)),
            format!("{:?}", value(&first))
        );
        assert!(format!("{:?}", value(&first)).contains("NaN"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_told_with_its_stage_and_its_bases() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let own = "class Mine(KeyError):\n    pass\ndef f():\n    raise Mine('no')";
        for (job, expected_stage, class) in [
            (call(own, "f()"), Stage::Call, "Mine"),
            (call("def f(:", "f()"), Stage::Load, "SyntaxError"),
            (
                with_setup(call("", "1"), "x = 1 / 0"),
                Stage::Setup,
                "ZeroDivisionError",
            ),
            (
                call("def f():\n    raise SystemExit(0)", "f()"),
                Stage::Call,
                "SystemExit",
            ),
            (
                call("def f():\n    return f()", "f()"),
                Stage::Call,
                "RecursionError",
            ),
        ] {
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            let Outcome::Raised { stage, classes, .. } = &seen.outcome else {
                panic!("{seen:?}")
            };
            assert_eq!((*stage, classes[0].as_str()), (expected_stage, class));
            if class == "Mine" {
                assert_eq!(
                    classes[1..],
                    ["KeyError", "LookupError", "Exception", "BaseException"]
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_exact_built_in_data_is_a_value() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "import enum\nclass L(list): pass\nclass E(enum.IntEnum):\n    A = 1\ndef g():\n    yield 1\ndef deep():\n    x = []\n    for _ in range(200): x = [x]\n    return x\ndef cycle():\n    x = []\n    x.append(x)\n    return x\nasync def co(): pass";
        for (expression, name) in [
            ("g()", "generator"),
            ("L([1])", "L"),
            ("[{'a': E.A}]", "E"),
            ("lambda: 1", "function"),
            ("deep()", "list nested deeper than 100"),
            ("cycle()", "list nested deeper than 100"),
            ("co()", "coroutine"),
            ("list(range(300000))", "data of more than 200000 elements"),
            ("'x' * 9000000", "data of more than 4194304 characters"),
            ("1 << 10000000", "int of more than 400000 bits"),
        ] {
            let seen = runner
                .run(&bench.permit, &call(code, expression))
                .await
                .unwrap();
            let expected = Outcome::Unobservable {
                type_name: name.to_owned(),
            };
            assert_eq!(seen.outcome, expected, "{expression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_those_that_ran_in_setup_and_call() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "X = 1\ndef f(n):\n    if n > 1:\n        return 'big'\n    return 'small'\ndef g():\n    import threading\n    t = threading.Thread(target=f, args=(0,))\n    t.start()\n    t.join()\n";
        let seen = runner
            .run(&bench.permit, &traced(call(code, "f(2)")))
            .await
            .unwrap();
        assert_eq!(seen.lines, [3, 4]);
        let job = with_setup(traced(call(code, "f(2)")), "g()");
        let seen = runner.run(&bench.permit, &job).await.unwrap();
        assert_eq!(seen.lines, [3, 4, 5, 7, 8, 9, 10]);
        let untraced = runner
            .run(&bench.permit, &call(code, "f(2)"))
            .await
            .unwrap();
        assert!(untraced.lines.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_argument_is_named_whatever_its_equality_says() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "class Same:\n    def __eq__(self, other): return True\ndef f(x):\n    x[0] = Same()\ndef g(x):\n    x.append(x.pop())\ndef h(x):\n    x[0] = 1.0";
        for (expression, mutated) in [("f(a)", true), ("g(a)", false), ("h(a)", true)] {
            let job = given(given(call(code, expression), "a", "[1, 2]"), "b", "{3, 4}");
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            let expected: &[&str] = if mutated { &["a"] } else { &[] };
            assert_eq!(seen.mutated, expected, "{expression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hash_seed_decides_the_order_of_hashes() {
    for bench in benches().await {
        let mut hashes = Vec::new();
        for hash_seed in [1, 1, 2] {
            let spec = RunnerSpec {
                hash_seed,
                limits: Limits::default(),
            };
            let mut runner = bench.sandbox.open(&bench.permit, &spec).await.unwrap();
            let seen = runner
                .run(&bench.permit, &call("", "hash('x')"))
                .await
                .unwrap();
            hashes.push(value(&seen).clone());
        }
        assert_eq!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_as_main() {
    for bench in benches().await {
        let code = "import sys\nprint('out', __name__)\nprint('err', file=sys.stderr)\nimport atexit\natexit.register(lambda: print('bye'))\nsys.exit(3)";
        let job = Job::Program {
            code: code.to_owned(),
        };
        let seen = bench.once(Limits::default(), &job).await;
        assert_eq!(seen.ending, Ending::Exited(3));
        assert_eq!(
            (seen.stdout.as_str(), seen.stderr.as_str()),
            ("out __main__\nbye\n", "err\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_runs_in_one_sandbox_are_quick() {
    for bench in benches().await {
        let began = clock::monotonic();
        let mut runner = bench.open(Limits::default()).await;
        let ready = began.elapsed();
        let code = "def merge(a, b):\n    out = sorted(a + b)\n    return out\n";
        for _ in 0..60 {
            let job = call(code, "merge([1, 3], [2])");
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            assert!(matches!(seen.outcome, Outcome::Value { .. }));
        }
        let ran = began.elapsed();
        runner.close().await;
        println!(
            "{}: ready {ready:?}, 60 runs {:?}, gone {:?}",
            bench.name(),
            ran.checked_sub(ready).unwrap(),
            began.elapsed().checked_sub(ran).unwrap()
        );
        assert!(ran < Duration::from_secs(30), "{ran:?}");
    }
}

/// Containers that were started ahead answer like any other, whatever their seed, and go with `settle`.
#[tokio::test(flavor = "multi_thread")]
async fn containers_that_were_started_ahead_are_as_good_as_new() {
    let namespace = "dreamer-it-ahead";
    let Some(docker) = docker_of(namespace).await else {
        return;
    };
    let docker = docker.starting_ahead();
    let (permit, _holder) = new_permit(namespace);
    let mut hashes = Vec::new();
    for hash_seed in [1, 1, 1, 2, 3, 1] {
        let spec = RunnerSpec {
            hash_seed,
            ..spec()
        };
        let mut runner = docker.open(&permit, &spec).await.expect("it opens");
        let code = "import os\ndef f():\n    open('/tmp/mark', 'x').close()\n    return hash('x')";
        let seen = runner
            .run(&permit, &call(code, "f()"))
            .await
            .expect("it runs");
        hashes.push(value(&seen).clone());
        runner.close().await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert!(!containers_of(namespace).is_empty(), "some wait");
    assert!(hashes[..3].iter().all(|h| *h == hashes[0]) && hashes[5] == hashes[0]);
    assert_ne!(hashes[3], hashes[0]);
    assert_ne!(hashes[4], hashes[3]);
    docker.settle().await;
    assert_eq!(containers_of(namespace), [] as [String; 0]);
    assert_eq!(permit.tree().processes(), [] as [u32; 0]);
}
