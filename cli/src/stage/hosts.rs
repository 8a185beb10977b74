//! Which hosts of push services a stage may name: each one that can be an endpoint's, and among them the one that
//! chatctl's own endpoint is at. Must not know where the settings were said.

use chat::client::{Endpoint, PushServices};

/// Where Mozilla's push clients connect; chatctl too, for a stage on AWS that names no other.
pub const MOZILLAS_PUSH: &str = "wss://push.services.mozilla.com/";
/// The hosts where clients connect whose endpoints are known to be at another one.
const ENDPOINTS: [(&str, &str); 1] = [("push.services.mozilla.com", "updates.push.services.mozilla.com")];
/// The push services of today's browsers.
pub(super) const USUAL: [&str; 5] = [
    "fcm.googleapis.com",
    "jmt17.google.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
];

/// Hosts that cannot be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Why.
    pub(super) rule: String,
    /// What to write in their place.
    pub(super) meant: String,
}

/// Whether these hosts can be, where chatctl listens at this push service. Of one that is not known nobody can tell
/// where its endpoints are before it has given one: then only the proof says it.
pub(super) fn check(hosts: &[String], service: Option<&str>) -> Result<(), Refused> {
    let refused = |rule: String, meant: &[String]| Err(Refused { rule, meant: format!("push_hosts = {meant:?}") });
    if hosts.is_empty() {
        return refused("without a push service nobody can be told".to_owned(), &USUAL.map(str::to_owned));
    }
    if let Some(wrong) = hosts.iter().find(|host| !can_be(host)) {
        let mended: Vec<String> = hosts.iter().filter_map(|host| bare(host)).collect();
        let meant = if mended.is_empty() { USUAL.map(str::to_owned).to_vec() } else { mended };
        let rule =
            format!("{wrong:?} is not the host of a push service: a host, such as fcm.googleapis.com, or *.host");
        return refused(rule, &meant);
    }
    let known = service.and_then(|service| Some((service, endpoints_of(service)?)));
    if let Some((service, endpoints)) = known.filter(|(_, endpoints)| !covers(hosts, endpoints)) {
        let rule = format!(
            "it leaves out {endpoints}, where the endpoints of push_service are ({service}, at which chatctl itself \
             listens): no deploy could be proved"
        );
        let meant: Vec<String> = hosts.iter().cloned().chain([endpoints.to_owned()]).collect();
        return refused(rule, &meant);
    }
    Ok(())
}

/// Whether the functions would send to an endpoint at this host: their own check, so that it can't differ.
fn covers(hosts: &[String], host: &str) -> bool {
    let services = PushServices::from_list(&hosts.join(","), None);
    Endpoint::check(&format!("https://{host}/"), &services).is_ok()
}

/// Whether any endpoint is at such a host. `*.x` is every host below x.
fn can_be(host: &str) -> bool {
    covers(&[host.to_owned()], &host.to_ascii_lowercase().replacen('*', "any", 1))
}

/// The host of an address that was given in its place.
fn bare(host: &str) -> Option<String> {
    let rest = host.trim().split_once("://").map_or(host.trim(), |(_, rest)| rest);
    let found = rest.split(['/', ':', '?']).next().unwrap_or_default();
    can_be(found).then(|| found.to_owned())
}

/// At which host a push service's endpoints are, where that is known.
fn endpoints_of(service: &str) -> Option<&'static str> {
    let rest = service.strip_prefix("wss://")?;
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    ENDPOINTS.into_iter().find(|(connect, _)| host.eq_ignore_ascii_case(connect)).map(|(_, endpoints)| endpoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(hosts: &[&str], service: Option<&str>) -> Result<(), Refused> {
        check(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>(), service)
    }

    #[test]
    fn an_entry_that_no_endpoint_can_match_is_refused_with_the_host_that_was_meant() {
        for (entry, meant) in [
            ("https://fcm.googleapis.com", r#"["fcm.googleapis.com"]"#),
            ("https://fcm.googleapis.com/fcm/send", r#"["fcm.googleapis.com"]"#),
            ("fcm.googleapis.com:443", r#"["fcm.googleapis.com"]"#),
            (" fcm.googleapis.com", r#"["fcm.googleapis.com"]"#),
            ("wss://*.push.apple.com/", r#"["*.push.apple.com"]"#),
            ("*", r#"["fcm.googleapis.com", "jmt17"#),
            ("*apple.com", r#"["fcm.googleapis.com", "jmt17"#),
            ("a.example,b.example", r#"["fcm.googleapis.com", "jmt17"#),
            ("10.0.0.1", r#"["fcm.googleapis.com", "jmt17"#),
            ("", r#"["fcm.googleapis.com", "jmt17"#),
        ] {
            let refused = checked(&[entry], None).unwrap_err();
            assert!(refused.meant.starts_with(&format!("push_hosts = {meant}")), "{entry}: {refused:?}");
            assert!(refused.rule.starts_with(&format!("{entry:?} is not the host")), "{refused:?}");
        }
        for entry in USUAL.into_iter().chain(["FCM.googleapis.com", "push.example.org"]) {
            assert_eq!(checked(&[entry], None), Ok(()), "{entry}");
        }
    }

    #[test]
    fn the_endpoints_of_mozillas_push_service_must_be_covered_and_those_of_another_one_are_not_known() {
        for service in [MOZILLAS_PUSH, "wss://push.services.mozilla.com", "wss://PUSH.services.mozilla.com:443/"] {
            let refused = checked(&["fcm.googleapis.com"], Some(service)).unwrap_err();
            let meant = r#"push_hosts = ["fcm.googleapis.com", "updates.push.services.mozilla.com"]"#;
            assert_eq!(refused.meant, meant);
            assert!(refused.rule.contains(service), "{refused:?}");
            // Its host for connections is none of its endpoints'.
            assert!(checked(&["push.services.mozilla.com"], Some(service)).is_err());
            for covered in ["updates.push.services.mozilla.com", "*.push.services.mozilla.com", "*.mozilla.com"] {
                assert_eq!(checked(&[covered], Some(service)), Ok(()), "{covered}");
            }
        }
        for other in [None, Some("wss://push.example.org/"), Some("ws://127.0.0.1:9/")] {
            assert_eq!(checked(&["fcm.googleapis.com"], other), Ok(()), "{other:?}");
        }
        assert!(USUAL.iter().any(|usual| checked(&[usual], Some(MOZILLAS_PUSH)).is_ok()));
    }
}
