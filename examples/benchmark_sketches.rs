//! Makes the hashes of public benchmarks that ship with the program: `benchmark_sketches FILE.jsonl… > OUT`. Run by
//! `scripts/benchmark-sketches`, which says where the files come from.

use std::io::Write as _;

use dreamer::guardian::benchmarks::Sketch;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for path in std::env::args_os().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let mut made = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line = serde_json::from_str(line)?;
            let sketch = Sketch::of_line(&line).ok_or("a line that is no task of a benchmark")?;
            out.write_all(&sketch.to_bytes())?;
            made += 1;
        }
        writeln!(std::io::stderr(), "{}: {made} tasks", path.display())?;
    }
    Ok(())
}
