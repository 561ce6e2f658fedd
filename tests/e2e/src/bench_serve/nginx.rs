//! Debian's nginx on a folder, with `sendfile` and a token that it compares.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tureen_e2e::wait;

/// A server that ends when it is dropped.
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nginx {
    /// Serves `folder` to requests with `?token=`; its own files go to `own`.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(folder: &Path, own: &Path, token: &str) -> Result<Self> {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = free.local_addr()?;
        drop(free);
        let own_text = own.display();
        let config = format!(
            "daemon off;\nworker_processes auto;\npid {own_text}/nginx.pid;\nerror_log {own_text}/error.log;\n\
             {user}events {{ worker_connections 512; }}\n\
             http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000;\n\
               client_body_temp_path {own_text}/b; proxy_temp_path {own_text}/p; fastcgi_temp_path {own_text}/f;\n\
               uwsgi_temp_path {own_text}/u; scgi_temp_path {own_text}/s;\n\
               types {{ video/mp4 mp4; }}\n\
               server {{\n    listen {address};\n    root {root};\n\
                 if ($arg_token != \"{token}\") {{ return 401; }}\n  }}\n}}\n",
            root = folder.display(),
            // Started as root its workers would be another user's, who may not read the recordings.
            user = if is_root() { "user root;\n" } else { "" },
        );
        let path = own.join("nginx.conf");
        std::fs::write(&path, config)?;
        // Debian keeps it where only root's PATH leads.
        let debian = Path::new("/usr/sbin/nginx");
        let child = Command::new(if debian.exists() { debian } else { Path::new("nginx") })
            .args(["-e", "error.log", "-p"])
            .arg(own)
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("nginx does not start: apt-get install nginx-light")?;
        wait::until("nginx listens", Duration::from_secs(10), || async {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Ok(Self { child, address })
    }

    /// Master and workers.
    ///
    /// # Errors
    /// If it has ended.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let master = self.child.id().context("nginx runs")?;
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        Ok(std::iter::once(master).chain(children).collect())
    }

    /// Ends it; its workers with it.
    ///
    /// # Errors
    /// If it cannot be told to.
    pub async fn end(mut self) -> Result<()> {
        let pid = self.child.id().context("nginx runs")?.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
