//! What can be told of the machine while a session gathers what it works with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dreamer::app::App;
use dreamer::clock::{self, Instant};
use dreamer::config::SandboxChoice;
use dreamer::energy::{Hear, Listening, Reading, Sensed, Senses};
use dreamer::supervisor::{Purpose, Supervisor};

use crate::session::{TOOLS, backends, know, request};
use crate::support::World;
use crate::support::senses::Script;

/// A model server that takes its time to come up, as one with a large model does.
const SLOW: &str = r#"#!/usr/bin/env python3
import http.server, os, sys, time
open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "began"), "w").close()
began = time.monotonic()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() - began > 20 else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"#;

type Shares = Arc<Mutex<Vec<(Instant, Sensed<f64>)>>>;

/// A calm machine to the supervisor; what the real senses say of its load is kept.
struct Recorder {
    real: Box<dyn Senses>,
    calm: Box<dyn Senses>,
    shares: Shares,
}

impl Senses for Recorder {
    fn read(&mut self, now: Instant) -> Reading {
        let share = self.real.read(now).load_of_others;
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.push((now, share));
        self.calm.read(now)
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        self.calm.listen(hear)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_model_server_comes_up_the_load_of_others_is_known() {
    if !cfg!(target_os = "linux") || !backends().await.contains(&SandboxChoice::Bubblewrap) {
        return;
    }
    let world = World::new();
    let mut settings = world.settings_with_server(SLOW, "{port}");
    // An engine is asked first, in vain: it may be what works for us until a sandbox is chosen, and no longer.
    settings.sandbox.choice = SandboxChoice::Auto;
    settings.sandbox.image = "dreamer-no-such-image:1".to_owned();
    settings.sandbox.namespace = "dreamer-it-gathering".to_owned();
    settings.output_dir = world.path().join("out");
    settings.dreaming.strict = false;
    know(&world, &settings, "tools.py", TOOLS);
    let app = App::open(&settings).expect("the parts join");
    let mut parts = app.parts(Purpose::Requests);
    let script = Script::calm();
    let real = std::mem::replace(&mut parts.senses, script.senses());
    let shares = Shares::default();
    parts.senses = Box::new(Recorder {
        real,
        calm: script.senses(),
        shares: Arc::clone(&shares),
    });
    let supervisor = Supervisor::start(parts);
    supervisor
        .request(request(1))
        .await
        .expect("it is accepted");
    let began = clock::monotonic();
    while !world.path().join("began").exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "no server");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The first look from here on still covers what went before.
    let since = clock::monotonic() + Duration::from_secs(1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let shares = std::mem::take(&mut *shares.lock().unwrap_or_else(PoisonError::into_inner));
    supervisor.shutdown().await;
    let mut later = shares.iter().filter(|(at, _)| *at > since);
    assert!(
        later.any(|(_, share)| share.known().is_some()),
        "{shares:?}"
    );
}
