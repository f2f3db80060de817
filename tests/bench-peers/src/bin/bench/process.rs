//! One measurement: a fresh server on core 0, a fresh contestant on core 1.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use bench_peers::Measured;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::conditions::foreign_ticks;
use crate::plan::{Contestant, Row, Server};

/// No measurement takes longer; a contestant that does is stuck.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize)]
pub(crate) struct Measurement {
    pub(crate) round: usize,
    pub(crate) row: usize,
    pub(crate) case: &'static str,
    pub(crate) contestant: &'static str,
    pub(crate) count: u64,
    pub(crate) measured: Measured,
    /// Cores that other programs used meanwhile.
    pub(crate) foreign_cores: f64,
}

pub(crate) struct Runner {
    directory: PathBuf,
    pin: bool,
}

impl Runner {
    pub(crate) fn new() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| e.to_string())?;
        let directory = own.parent().ok_or("no directory")?.to_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            eprintln!("one core only: server and contestant share it, and nothing is pinned");
        }
        Ok(Self { directory, pin: cores >= 2 })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, program: &str) -> PathBuf {
        if program.ends_with(".mjs") {
            Path::new(env!("CARGO_MANIFEST_DIR")).join(program)
        } else {
            self.directory.join(program)
        }
    }

    pub(crate) fn has(&self, contestant: &Contestant) -> bool {
        // The script leaves our client out by this, a binary from before notwithstanding.
        let left_out = contestant.name == "ours" && std::env::var_os("BENCH_WITHOUT_OURS").is_some();
        !left_out && self.path(contestant.program).exists()
    }

    fn command(&self, core: &str, program: &str) -> Command {
        let path = self.path(program);
        let mut line = Vec::new();
        if self.pin {
            line.extend(["taskset", "-c", core].map(Into::into));
        }
        if program.ends_with(".mjs") {
            line.push("node".into());
        }
        line.push(path.into_os_string());
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub(crate) async fn measure(
        &self,
        round: usize,
        index: usize,
        row: &Row,
        contestant: &Contestant,
    ) -> Result<Measurement, String> {
        let started = Instant::now();
        let foreign = foreign_ticks();
        let (mut server, port) = self.serve(row.server).await?;
        let (warmup, count) = row.counts(contestant);
        let mut command = self.command("1", contestant.program);
        command.args([row.case.name(), &format!("http://127.0.0.1:{port}")]);
        command.args([warmup.to_string(), count.to_string()]).stderr(Stdio::piped());
        command.envs(contestant.env);
        let measured = match tokio::time::timeout(LIMIT, command.output()).await {
            Ok(output) => outcome(&output.map_err(|e| format!("{}: {e}", contestant.program))?),
            Err(_) => failed(format!("stuck for {} s", LIMIT.as_secs())),
        };
        server.kill().await.map_err(|e| e.to_string())?;
        let ticks = foreign_ticks().saturating_sub(foreign);
        let foreign_cores = ticks as f64 / 100.0 / started.elapsed().as_secs_f64();
        Ok(Measurement {
            round,
            row: index,
            case: row.name,
            contestant: contestant.name,
            count,
            measured,
            foreign_cores,
        })
    }

    async fn serve(&self, server: Server) -> Result<(Child, u16), String> {
        let program = match server {
            Server::Bare => "server",
            Server::Node => "node/server.mjs",
        };
        let mut child = self.command("0", program).spawn().map_err(|e| format!("{program}: {e}"))?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await.map_err(|e| e.to_string())?;
        let port = line.trim().parse().map_err(|_| format!("{program} did not print its port"))?;
        Ok((child, port))
    }
}

fn failed(error: String) -> Measured {
    Measured { error: Some(error), ..Measured::default() }
}

/// The line that a contestant printed; with its panic, if it failed by one.
fn outcome(output: &Output) -> Measured {
    let line = String::from_utf8_lossy(&output.stdout);
    let mut measured: Measured = serde_json::from_str(line.trim())
        .unwrap_or_else(|_| failed(format!("ended with {} and no result", output.status)));
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(error) = &mut measured.error
        && let Some(at) = stderr.find("panicked at ")
    {
        let panic = stderr[at + "panicked at ".len()..].lines().take(2).collect::<Vec<_>>().join(" ");
        // From the package's name on; the registry's place on this machine says nothing.
        let panic = panic
            .split_once("/registry/src/")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map_or(&*panic, |p| p.1);
        *error = format!("{error}; panicked at {panic}");
    }
    measured
}
