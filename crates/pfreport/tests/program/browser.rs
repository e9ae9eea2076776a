//! A headless Chromium, driven as the W3C's WebDriver standard has it: plain HTTP to `chromedriver`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The key of an element in answers: a constant of the standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window. It ends with this value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// None, with a word on standard error, where there is no `chromedriver`.
    pub fn start() -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = driver else {
            eprintln!("skipped: no chromedriver (Debian: chromium-driver)");
            return None;
        };
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let port = line.split("started successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse().ok()
        });
        let profile = tempfile::tempdir().unwrap();
        let mut browser =
            Self { driver, port: port.unwrap(), session: String::new(), _profile: profile };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,1000",
            &format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = browser.post("/session", &capabilities);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        // What the browser's own first page asked for is of no interest.
        browser.send("url", &json!({"url": "about:blank"}));
        browser.requests();
        Some(browser)
    }

    /// Where the driver listens, which answers to anybody.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Opens a file.
    pub fn open(&self, path: &Path) {
        self.send("url", &json!({"url": format!("file://{}", path.display())}));
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.send("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same of a promise.
    pub fn promised(&self, expression: &str) -> Value {
        let script = format!("({expression}).then(arguments[arguments.length - 1]);");
        self.send("execute/async", &json!({"script": script, "args": []}))
    }

    /// The texts of all elements that a CSS selector finds.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let selector = json!(selector);
        let texts = self
            .value(&format!("[...document.querySelectorAll({selector})].map(e => e.textContent)"));
        serde_json::from_value(texts).unwrap()
    }

    /// Clicks the first element that a selector finds.
    pub fn click(&self, selector: &str) {
        self.send(&format!("element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types into it.
    pub fn keys(&self, selector: &str, text: &str) {
        self.send(&format!("element/{}/value", self.element(selector)), &json!({"text": text}));
    }

    /// Moves the mouse to these distances from the middle of an element, pressed from the first to the last
    /// if `drag` says so.
    pub fn mouse(&self, selector: &str, at: &[(i32, i32)], drag: bool) {
        let origin = json!({ELEMENT: self.element(selector)});
        let mut actions: Vec<Value> = at
            .iter()
            .map(|(x, y)| json!({"type": "pointerMove", "duration": 0, "origin": origin, "x": x, "y": y}))
            .collect();
        if drag {
            actions.insert(1, json!({"type": "pointerDown", "button": 0}));
            actions.push(json!({"type": "pointerUp", "button": 0}));
        }
        let mouse = json!({"type": "pointer", "id": "mouse", "actions": actions});
        self.send("actions", &json!({"actions": [mouse]}));
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) {
        self.send("goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// What the console said since the last time it was asked.
    pub fn console(&self) -> Vec<String> {
        let entries = self.send("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The addresses that were asked for since the last time.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.send("se/log", &json!({"type": "performance"}));
        let messages = entries.as_array().unwrap().iter().map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            message["message"].clone()
        });
        messages
            .filter(|message| message["method"] == "Network.requestWillBeSent")
            .map(|message| message["params"]["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.send("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn send(&self, command: &str, body: &Value) -> Value {
        self.post(&format!("{}/{command}", self.session), body)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.request("POST", path, &body.to_string());
        let value = answer["value"].clone();
        assert!(value.get("error").is_none(), "{path} {body}: {value}");
        value
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // A browser that hangs must not hang the tests.
        stream.set_read_timeout(Some(Duration::from_secs(180))).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.session.is_empty() {
            self.request("DELETE", &self.session, "");
        }
        // The driver ends its browser when it is asked to end.
        let _ = TcpStream::connect(("127.0.0.1", self.port)).map(|mut stream| {
            let _ = stream.write_all(
                b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            );
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
