//! The image: whether it is there, and how it comes there. Called by the Docker backend and by `sandbox prepare`.

use std::process::Stdio;

use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{connect, places, timed};
use crate::sandbox::SandboxError;

/// Builds the image out of the distribution's packages; the same text as the script in the sources.
const BUILD: &str = include_str!("../../../scripts/sandbox-image");
/// Lines of the builder that an error repeats.
const LAST_LINES: usize = 12;

/// How the image came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    Present,
    Pulled,
    Built,
}

/// The image, or `None` where the engine does not have it.
async fn look(engine: &bollard::Docker, image: &str) -> Result<Option<ImageInspect>, SandboxError> {
    use bollard::errors::Error::DockerResponseServerError;
    match engine.inspect_image(image).await {
        Ok(found) => Ok(Some(found)),
        Err(DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(None),
        Err(error) => Err(SandboxError::Infra(format!("docker image: {error}"))),
    }
}

/// The digest of an image that this machine can run.
///
/// # Errors
/// `Unavailable` where it is missing or made for another processor, with what to do.
pub(super) async fn runnable(
    engine: &bollard::Docker,
    image: &str,
) -> Result<String, SandboxError> {
    let advice = "run `dreamer sandbox prepare`";
    let Some(found) = look(engine, image).await? else {
        return Err(SandboxError::Unavailable(format!(
            "docker: no image {image}; {advice}"
        )));
    };
    let (theirs, ours) = (found.architecture.unwrap_or_default(), architecture());
    if !theirs.is_empty() && theirs != ours {
        return Err(SandboxError::Unavailable(format!(
            "docker: the image {image} is made for {theirs} and this machine is {ours}; remove it and {advice}"
        )));
    }
    found.id.ok_or_else(|| {
        SandboxError::Infra(format!("docker image: {image} is there without a digest"))
    })
}

/// This processor's name among container engines.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Makes sure that the image is there: as it is, pulled if its name says where from, else built here.
///
/// # Errors
/// `Unavailable` without an engine or where the image can neither be pulled nor built, with the reasons.
pub async fn prepare(image: &str) -> Result<Prepared, SandboxError> {
    let engine = connect(&places()).await?;
    if look(&engine, image).await?.is_some() {
        return Ok(Prepared::Present);
    }
    let mut why = String::new();
    if names_registry(image) {
        match pull(&engine, image).await {
            Ok(()) => return Ok(Prepared::Pulled),
            Err(error) => why = format!("; pulling it failed too: {error}"),
        }
    }
    build(image).await.map_err(|error| {
        SandboxError::Unavailable(format!("docker: {image} could not be built: {error}{why}"))
    })?;
    // The name that the script imported must be the one that runs.
    timed("image", engine.inspect_image(image)).await?;
    Ok(Prepared::Built)
}

/// `host/name`, `host:port/name` or `owner/name`; a bare name is only ever local.
fn names_registry(image: &str) -> bool {
    image.contains('/')
}

async fn pull(engine: &bollard::Docker, image: &str) -> Result<(), String> {
    let options = CreateImageOptionsBuilder::new().from_image(image).build();
    let mut progress = engine.create_image(Some(options), None, None);
    while let Some(step) = progress.next().await {
        step.map_err(|e| e.to_string())?;
    }
    Ok(())
}

async fn build(image: &str) -> Result<(), String> {
    let mut child = tokio::process::Command::new("/bin/sh")
        .args(["-s", "--", image])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| e.to_string())?;
    let (Some(mut input), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
        return Err("the shell has no pipes".to_owned());
    };
    input
        .write_all(BUILD.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    drop(input);
    let mut said = Vec::new();
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!("{line}");
        said.push(line);
    }
    let status = child.wait().await.map_err(|e| e.to_string())?;
    if status.success() {
        return Ok(());
    }
    let last = said.len().saturating_sub(LAST_LINES);
    Err(said[last..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::names_registry;

    #[test]
    fn only_a_name_with_a_place_is_pulled() {
        assert!(!names_registry("dreamer-sandbox:1"));
        assert!(names_registry("registry.example/dreamer/sandbox:1"));
    }
}
