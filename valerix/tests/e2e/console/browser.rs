//! One Chromium with an empty profile, and what a person does with it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;
use tokio::time::sleep;

use super::PATIENCE;
use super::chromium::program;
use crate::support::{Api, free_port};

const POLL: Duration = Duration::from_millis(50);
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];
/// More presses of Tab than any page has stops.
const TABS_MAX: usize = 150;

/// A browser that looks at one console. Ended when dropped.
pub(super) struct Browser {
    pub(super) driver: WebDriver,
    base: String,
    process: Child,
    _profile: TempDir,
}

impl Browser {
    pub(super) async fn open(console: &Api) -> Browser {
        let port = free_port();
        let process = Command::new(program("chromedriver"))
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started");
        let profile = tempfile::tempdir().expect("a directory");
        let mut wanted = DesiredCapabilities::chrome();
        for flag in FLAGS {
            wanted.add_arg(flag).expect("a flag is text");
        }
        let directory = format!("--user-data-dir={}", profile.path().display());
        wanted.add_arg(&directory).expect("a flag is text");
        let chromium = program("chromium").to_string_lossy().into_owned();
        wanted.set_binary(&chromium).expect("a path is text");
        let driver = connect(port, wanted).await;
        let base = format!("http://{}", console.address);
        let browser = Browser { driver, base, process, _profile: profile };
        browser.resize(1280, 900).await;
        browser
    }

    pub(super) async fn close(self) {
        self.driver.clone().quit().await.expect("it ends");
    }

    pub(super) async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.expect("the page comes");
    }

    /// The address without the host.
    pub(super) async fn path(&self) -> String {
        let url = self.driver.current_url().await.expect("it is somewhere").to_string();
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    /// Width and height of what is shown, whatever the window's frame takes.
    pub(super) async fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// `light` or `dark`, on `screen` or in `print`.
    pub(super) async fn emulate(&self, scheme: &str, media: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", json!({"media": media, "features": features}))
            .await;
    }

    pub(super) async fn without_scripts(&self) {
        self.tell("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// A command of Chromium's own protocol.
    pub(super) async fn tell(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.expect("Chromium obeys")
    }

    pub(super) async fn script(&self, text: &str) -> Value {
        let ran = self.driver.execute(text, Vec::new()).await.expect("the script runs");
        ran.json().clone()
    }

    pub(super) async fn one(&self, css: &str) -> WebElement {
        let found = self.driver.find(By::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css} is not on the page: {error}"))
    }

    pub(super) async fn click(&self, css: &str) {
        self.one(css).await.click().await.expect("it can be clicked");
    }

    pub(super) async fn type_into(&self, css: &str, text: &str) {
        let field = self.one(css).await;
        field.clear().await.expect("it can be emptied");
        field.send_keys(text).await.expect("it can be typed into");
    }

    /// Presses keys wherever the focus is.
    pub(super) async fn press(&self, keys: impl AsRef<str>) {
        let chain = self.driver.action_chain().send_keys(keys.as_ref());
        chain.perform().await.expect("keys can be pressed");
    }

    /// Tabs on until the focus is there, as somebody does who has no mouse.
    pub(super) async fn tab_to(&self, css: &str) {
        for _ in 0..TABS_MAX {
            self.press(Key::Tab.value().to_string()).await;
            let there = format!("return document.activeElement.matches({})", json!(css));
            if self.script(&there).await == json!(true) {
                return;
            }
        }
        panic!("the keyboard does not reach {css}");
    }

    /// Waits until the text of an element holds this, however it is broken into lines, without ever loading
    /// the page anew.
    pub(super) async fn sees(&self, css: &str, text: &str) -> Duration {
        self.sees_within(PATIENCE, css, text).await
    }

    pub(super) async fn sees_within(&self, bound: Duration, css: &str, text: &str) -> Duration {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < bound {
            if let Ok(element) = self.driver.find(By::Css(css)).await
                && let Ok(seen) = element.text().await
            {
                last = seen.split_whitespace().collect::<Vec<_>>().join(" ");
                if last.contains(text) {
                    return began.elapsed();
                }
            }
            sleep(POLL).await;
        }
        panic!("{css} does not come to say {text:?} within {bound:?}; it says {last:?}");
    }

    pub(super) async fn is_shown(&self, css: &str) -> bool {
        match self.driver.find(By::Css(css)).await {
            Ok(element) => element.is_displayed().await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// Waits until it is shown, or until it is not.
    pub(super) async fn comes_to_be(&self, is_shown: bool, css: &str) {
        let began = Instant::now();
        while self.is_shown(css).await != is_shown {
            assert!(began.elapsed() < PATIENCE, "{css}: shown is not {is_shown}");
            sleep(POLL).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // a test that fails has not closed the session: nobody is to wait for a driver that is gone
        let _ = self.driver.clone().leak();
        // the driver ends its browser when it is asked to
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.process.wait();
    }
}

async fn connect(port: u16, wanted: ChromeCapabilities) -> WebDriver {
    let began = Instant::now();
    loop {
        match WebDriver::new(format!("http://127.0.0.1:{port}"), wanted.clone()).await {
            Ok(driver) => return driver,
            Err(error) => assert!(began.elapsed() < PATIENCE, "Chromium does not start: {error}"),
        }
        sleep(POLL).await;
    }
}
