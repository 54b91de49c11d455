//! Plain HTTP: the office's pages as a browser without JavaScript asks for them, and raw requests.

use crate::harness::{SENHA, Site};
use std::fmt::Write;
use ureq::{Agent, http::Response};

/// An answer.
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: ureq::http::HeaderMap,
    /// Body, as text.
    pub body: String,
    /// Body, as it came.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// `codigo` of a problem.
    pub fn codigo(&self) -> String {
        self.json()["codigo"].as_str().unwrap().to_owned()
    }
}

/// Somebody who asks the server.
pub struct Pages {
    agent: Agent,
    base: String,
    /// Headers that every request carries.
    pub headers: Vec<(&'static str, String)>,
}

impl Pages {
    /// Nobody in particular.
    pub fn stranger(site: &Site) -> Self {
        Self::stranger_at(&site.url())
    }

    fn stranger_at(base: &str) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Pages { agent: agent.into(), base: base.to_owned(), headers: Vec::new() }
    }

    /// A person of the company in the office.
    pub fn enter(site: &Site, empresa: &str, login: &str) -> Self {
        Self::enter_at(&site.url(), empresa, login)
    }

    /// As [`Pages::enter`], of the server at that address.
    pub fn enter_at(base: &str, empresa: &str, login: &str) -> Self {
        let mut pages = Self::stranger_at(base);
        let form = [("empresa", empresa), ("login", login), ("senha", SENHA)];
        let answer = pages.form("/entrar", &form);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookies = answer.headers.get_all("set-cookie").iter();
        let cookies: Vec<_> =
            cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
        pages.headers.push(("cookie", cookies.join("; ")));
        pages.headers.push(("accept", "text/html".into()));
        pages
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        answer(request.call().unwrap())
    }

    /// A page that must be there.
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// `POST` with any body.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.post_with(path, content_type, &[], body)
    }

    /// `POST` with further headers.
    pub fn post_with(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        request = request.header("content-type", content_type);
        for (name, value) in self.headers.iter().chain(headers) {
            request = request.header(*name, value);
        }
        answer(request.send(body).unwrap())
    }

    /// `POST` of a form.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = String::new();
        for (name, value) in fields {
            let _ = write!(body, "{}={}&", escape(name), escape(value));
        }
        self.post(path, "application/x-www-form-urlencoded", body.trim_end_matches('&').as_bytes())
    }

    /// A form of our own page, with its token.
    pub fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page("/assistencias");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut fields = fields.to_vec();
        fields.push(("csrf", csrf));
        self.form(path, &fields)
    }
}

fn answer(response: Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.into_body().into_with_config().limit(64 << 20).read_to_vec().unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    Answer { status, headers, body: text, bytes: body }
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
