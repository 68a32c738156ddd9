//! A run whose time decides: what it waits for a processor is told apart, and nothing else of ours runs beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dreamer::clock;
use dreamer::sandbox::Limits;

use super::bench::{benches, call};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_waits_for_a_processor_is_told_apart() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let busy =
            "def f():\n    n = 0\n    for i in range(6_000_000):\n        n += i\n    return n";
        let over = Arc::new(AtomicBool::new(false));
        let burners = std::thread::available_parallelism().map_or(2, |n| n.get() * 2);
        let burners: Vec<_> = (0..burners)
            .map(|_| {
                let over = Arc::clone(&over);
                std::thread::spawn(move || {
                    let since = clock::monotonic();
                    let burn = Duration::from_secs(1);
                    while !over.load(Ordering::Relaxed) && since.elapsed() < burn {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        let seen = runner.run(&bench.permit, &call(busy, "f()")).await.unwrap();
        over.store(true, Ordering::Relaxed);
        for burner in burners {
            burner.join().unwrap();
        }
        let own = seen.wall_ms - seen.waited_ms;
        assert!(seen.waited_ms > 30.0, "{}: {seen:?}", bench.name());
        // Beside what it computes it only starts and ends.
        assert!(own < seen.cpu_ms + 150.0, "{}: {seen:?}", bench.name());

        let sleeps = call("import time\ndef f(): time.sleep(0.3)", "f()");
        let seen = runner.run(&bench.permit, &sleeps).await.unwrap();
        let own = seen.wall_ms - seen.waited_ms;
        assert!(own >= 290.0, "sleep is its own: {seen:?}");
        let excuse = "import os, time\ndef f():\n    for _ in range(16):\n        if os.fork() == 0:\n            \
            since = time.monotonic()\n            while time.monotonic() - since < 0.6: pass\n            os._exit(0)\n    \
            since = time.monotonic()\n    while time.monotonic() - since < 0.6: pass";
        let seen = runner.run(&bench.permit, &call(excuse, "f()")).await;
        let seen = seen.unwrap();
        let own = seen.wall_ms - seen.waited_ms;
        // What its own processes ran, it did not wait for.
        assert!(own > seen.cpu_ms * 0.8 - 20.0, "{}: {seen:?}", bench.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_runs_beside_a_run_alone() {
    for bench in benches().await {
        let (mut one, mut other) = (
            bench.open(Limits::default()).await,
            bench.open(Limits::default()).await,
        );
        let limits = Limits::default();
        let sleeps = call("import time\ndef f(): time.sleep(0.4)", "f()");
        let since = clock::monotonic();
        let at = || since.elapsed().as_secs_f64();
        // Whichever is first, the other begins after its end.
        let usual = async {
            one.run(&bench.permit, &sleeps).await.unwrap();
            at()
        };
        let alone = async {
            let run = other.run_alone(&bench.permit, &sleeps, None, &limits);
            run.await.unwrap();
            at()
        };
        let (first, second) = tokio::join!(usual, alone);
        assert!((first - second).abs() >= 0.4, "{first} {second}");
        let alone = async {
            let run = other.run_alone(&bench.permit, &sleeps, None, &limits);
            run.await.unwrap();
            at()
        };
        let usual = async {
            one.run(&bench.permit, &sleeps).await.unwrap();
            at()
        };
        let (first, second) = tokio::join!(alone, usual);
        assert!((first - second).abs() >= 0.4, "{first} {second}");
    }
}
