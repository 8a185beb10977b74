//! Answers the page, its assets, the configuration and the health: everything that is the same for
//! everybody. It must not know rooms, tables or the environment.

use chat::message::{NAME_CHARS, TEXT_BYTES};
use chat::problem::{Code, Problem};
use chat_aws::http::{Answer, Call};
use chat_aws::layout::LAYOUT_VERSION;
use chat_aws::routes;
use serde_json::json;

/// One file of the page.
pub(crate) struct Asset {
    path: &'static str,
    kind: &'static str,
    etag: &'static str,
    lasting: bool,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Nothing but our own files, no inline code, no frames, and one Trusted Types policy, which the page needs to
/// name its worker: without a policy, registering a worker throws in Chromium and in Firefox.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
    img-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sw";
/// An address under the hash never changes what it holds.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Two years, as the preload list asks; only said over https, where a browser listens.
const STRICT_TRANSPORT: &str = "max-age=63072000";

/// What the deployment tells the page.
pub(crate) struct Facts {
    /// The deployed version.
    pub(crate) version: String,
    /// The key that a page subscribes with.
    pub(crate) vapid_public: String,
}

/// Answers one request.
///
/// Every method comes here, where no other function has the route: what is only read is only read.
pub(crate) fn answer(call: &Call, facts: &Facts) -> Result<Answer, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.path == call.path());
    if !matches!(call.method(), "GET" | "HEAD") {
        return if asset.is_some() { wrong_method("GET") } else { unknown(call.path()) };
    }
    match call.path() {
        "/api/config" => Ok(config(facts).tagged(call)),
        "/api/health" => Ok(health(facts)),
        path => match asset {
            Some(asset) => Ok(file(asset, call)),
            None => unknown(path),
        },
    }
}

fn config(facts: &Facts) -> Answer {
    Answer::json(
        200,
        &json!({
            "version": facts.version,
            "page": HASH,
            "layout": LAYOUT_VERSION,
            "vapid_public_key": facts.vapid_public,
            "limits": { "text_bytes": TEXT_BYTES, "name_chars": NAME_CHARS },
        }),
    )
    .with("cache-control", "no-cache")
}

fn health(facts: &Facts) -> Answer {
    Answer::json(200, &json!({ "status": "ok", "version": facts.version }))
}

fn file(asset: &Asset, call: &Call) -> Answer {
    let answer = Answer::bytes(200, asset.kind, asset.bytes)
        .with("cache-control", if asset.lasting { FOR_EVER } else { "no-cache" })
        .with("content-security-policy", CONTENT_SECURITY_POLICY)
        .with("cross-origin-opener-policy", "same-origin")
        .with("referrer-policy", "no-referrer");
    let answer = match asset.path {
        "/service-worker.js" => answer.with("service-worker-allowed", "/"),
        _ => answer,
    };
    let answer = if call.came_by_https() { answer.with("strict-transport-security", STRICT_TRANSPORT) } else { answer };
    answer.with_etag(asset.etag, call)
}

fn unknown(path: &str) -> Result<Answer, Problem> {
    let methods = routes::methods_of(path).join(", ");
    if methods.is_empty() {
        return Err(Problem::new(Code::NotFound, "there is nothing at this address"));
    }
    wrong_method(&methods)
}

fn wrong_method(methods: &str) -> Result<Answer, Problem> {
    let problem = Problem::new(Code::MethodNotAllowed, format!("this address takes {methods} only"));
    Ok(Answer::from(&problem).with("allow", methods))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts { version: "1.2.3".into(), vapid_public: "BPub".into() }
    }

    fn get(path: &str) -> Result<Answer, Problem> {
        answer(&Call::get(path), &facts())
    }

    #[test]
    fn the_page_comes_with_its_security_headers_and_is_never_stale() {
        let page = get("/").unwrap();
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("strict-transport-security"), None);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("require-trusted-types-for 'script'") && policy.ends_with("trusted-types sw"),
            "{policy}"
        );
    }

    #[test]
    fn https_is_remembered_by_the_browser_only_over_https() {
        let page = answer(&Call::get("/").with("x-forwarded-proto", "https"), &facts()).unwrap();
        assert_eq!(page.header("strict-transport-security"), Some(STRICT_TRANSPORT));
    }

    #[test]
    fn a_page_that_has_not_changed_is_not_sent_again() {
        let etag = get("/").unwrap().header("etag").unwrap().to_owned();
        let again = answer(&Call::get("/").with("if-none-match", &etag), &facts()).unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0));
    }

    #[test]
    fn what_the_root_files_name_under_the_hash_is_there_for_ever() {
        let prefix = format!("/a/{HASH}/");
        for root in ASSETS.iter().filter(|asset| !asset.lasting) {
            let text = std::str::from_utf8(root.bytes).unwrap();
            assert!(!text.contains("/a/_/"), "{} still has the placeholder", root.path);
            for named in text.split(&prefix).skip(1) {
                let end =
                    named.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))).unwrap_or(named.len());
                let name = named[..end].trim_end_matches('.');
                if name.is_empty() {
                    continue;
                }
                let asset = get(&format!("{prefix}{name}")).unwrap_or_else(|_| panic!("{} names {name}", root.path));
                assert_eq!(asset.header("cache-control"), Some(FOR_EVER));
            }
        }
    }

    #[test]
    fn nothing_of_the_tests_and_tools_is_served() {
        for asset in ASSETS {
            assert!(!asset.path.contains("test") && !asset.path.contains("package"), "{}", asset.path);
        }
    }

    #[test]
    fn the_configuration_names_the_key_and_the_limits() {
        let answer = get("/api/config").unwrap();
        let config: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(config["vapid_public_key"], "BPub");
        assert_eq!(config["version"], "1.2.3");
        assert_eq!(config["limits"], json!({ "text_bytes": 8192, "name_chars": 64 }));
    }

    #[test]
    fn health_is_never_cached() {
        let answer = get("/api/health").unwrap();
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    #[test]
    fn an_unknown_path_is_not_found_and_a_known_one_is_a_wrong_method() {
        assert_eq!(get("/api/nothing").unwrap_err().status(), 404);
        assert_eq!(get("/a/0000000000000000/app.js").unwrap_err().status(), 404);
        let wrong = get("/api/clients").unwrap();
        assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST, DELETE")));
        for path in ["/", "/api/config", "/service-worker.js"] {
            let wrong = answer(&Call::new("PUT", path), &facts()).unwrap();
            assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET")), "{path}");
        }
        assert_eq!(answer(&Call::new("HEAD", "/api/health"), &facts()).unwrap().status, 200);
    }
}
