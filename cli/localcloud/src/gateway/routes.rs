//! Which route of an API a request takes: the most specific one. Pure: a method and a path in, a route out.

use std::cmp::Ordering;

/// The methods that a route may name.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// `METHOD /path`, `ANY /path` or `$default`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteKey {
    Default,
    Path {
        /// `None` is `ANY`.
        method: Option<String>,
        parts: Vec<Part>,
    },
}

/// One segment of a route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(String),
    /// `{name}`
    One(String),
    /// `{name+}`, always the last
    Rest(String),
}

/// Why a route key cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRouteKey {
    #[error("it is neither $default nor a method and a path")]
    Shape,
    #[error("it has no such method")]
    Method,
    #[error("a {{name}} fills a whole segment, and {{name+}} the last one")]
    Part,
}

/// The parameters that a route took from a path.
pub(super) type Parameters = Vec<(String, String)>;

impl RouteKey {
    /// Reads a route key.
    pub(crate) fn parse(key: &str) -> Result<Self, BadRouteKey> {
        if key == "$default" {
            return Ok(Self::Default);
        }
        let (method, path) = key.split_once(' ').ok_or(BadRouteKey::Shape)?;
        let method = match method {
            "ANY" => None,
            method if METHODS.contains(&method) => Some(method.to_owned()),
            _ => return Err(BadRouteKey::Method),
        };
        let path = path.strip_prefix('/').ok_or(BadRouteKey::Shape)?;
        let names: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        let last = names.len().saturating_sub(1);
        let parts = names.iter().enumerate().map(|(at, name)| Part::parse(name, at == last));
        Ok(Self::Path { method, parts: parts.collect::<Result<_, _>>()? })
    }

    /// The path of the route as a permission's source names it.
    pub(super) fn resource(&self) -> String {
        match self {
            Self::Default => "$default".to_owned(),
            Self::Path { parts, .. } => parts.iter().fold(String::new(), |mut path, part| {
                path.push('/');
                match part {
                    Part::Literal(text) => path.push_str(text),
                    Part::One(name) => path.push_str(&format!("{{{name}}}")),
                    Part::Rest(name) => path.push_str(&format!("{{{name}+}}")),
                }
                path
            }),
        }
    }

    /// The parameters of a request that this route takes; `None` when it does not.
    fn takes(&self, asked: &str, path: &[String]) -> Option<Parameters> {
        let Self::Path { method, parts } = self else { return Some(Vec::new()) };
        if method.as_ref().is_some_and(|method| method != asked) {
            return None;
        }
        let mut taken = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(text) if path.get(at) == Some(text) => {}
                Part::Literal(_) => return None,
                Part::One(name) => {
                    taken.push((name.clone(), path.get(at).filter(|value| !value.is_empty())?.clone()));
                }
                Part::Rest(name) => {
                    let rest = path.get(at..)?.join("/");
                    return (!rest.is_empty()).then(|| {
                        taken.push((name.clone(), rest));
                        taken
                    });
                }
            }
        }
        (parts.len() == path.len()).then_some(taken)
    }

    /// The more specific of two routes that take the same request comes first.
    fn specific(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Default, Self::Default) => Ordering::Equal,
            (Self::Default, _) => Ordering::Greater,
            (_, Self::Default) => Ordering::Less,
            (Self::Path { method, parts }, Self::Path { method: other, parts: others }) => {
                let ranks = |parts: &[Part]| parts.iter().map(Part::rank).collect::<Vec<_>>();
                ranks(parts).cmp(&ranks(others)).then(method.is_none().cmp(&other.is_none()))
            }
        }
    }
}

impl Part {
    fn parse(text: &str, last: bool) -> Result<Self, BadRouteKey> {
        let named = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
            !name.is_empty() && name.bytes().all(allowed)
        };
        match text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(inner) => match inner.strip_suffix('+') {
                Some(name) if last && named(name) => Ok(Self::Rest(name.to_owned())),
                None if named(inner) => Ok(Self::One(inner.to_owned())),
                _ => Err(BadRouteKey::Part),
            },
            None if text.contains(['{', '}', ' ', '?', '#']) => Err(BadRouteKey::Part),
            None => Ok(Self::Literal(text.to_owned())),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::One(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

/// The route that a request takes, with the parameters of its path.
pub(super) fn pick<'a, T>(
    routes: &'a [(RouteKey, T)],
    method: &str,
    path: &[String],
) -> Option<(&'a RouteKey, &'a T, Parameters)> {
    let taking = routes.iter().filter_map(|(key, to)| key.takes(method, path).map(|taken| (key, to, taken)));
    taking.min_by(|(one, ..), (other, ..)| one.specific(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(keys: &[&str], method: &str, path: &str) -> Option<(String, Parameters)> {
        let routes: Vec<_> = keys.iter().map(|key| (RouteKey::parse(key).unwrap(), (*key).to_owned())).collect();
        let path = path.strip_prefix('/').unwrap();
        let path: Vec<String> = if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
        pick(&routes, method, &path).map(|(_, key, taken)| (key.clone(), taken))
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        let keys =
            ["$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1", "GET /"];
        let took = |method, path| picked(&keys, method, path).map(|(key, _)| key).unwrap();
        assert_eq!(took("GET", "/pets/dog/1"), "GET /pets/dog/1");
        assert_eq!(took("GET", "/pets/dog/2"), "GET /pets/dog/{id}");
        assert_eq!(took("GET", "/pets/cat/1"), "GET /pets/{proxy+}");
        assert_eq!(took("GET", "/birds"), "ANY /{proxy+}");
        assert_eq!(took("POST", "/pets/dog/1"), "ANY /{proxy+}");
        assert_eq!(took("GET", "/"), "GET /");
        assert_eq!(took("POST", "/"), "$default");
        assert_eq!(picked(&keys[4..], "HEAD", "/pets/dog/1"), None);
        assert_eq!(picked(&["ANY /a", "GET /a"], "GET", "/a").unwrap().0, "GET /a");
    }

    #[test]
    fn parameters_are_taken_from_the_path() {
        let taken = |key: &str, path: &str| picked(&[key], "GET", path).map(|(_, taken)| taken);
        assert_eq!(taken("GET /a/{b}/{c}", "/a/1/2"), Some(vec![("b".into(), "1".into()), ("c".into(), "2".into())]));
        assert_eq!(taken("GET /{proxy+}", "/a/b/"), Some(vec![("proxy".into(), "a/b/".into())]));
        assert_eq!(taken("GET /{proxy+}", "/"), None);
        assert_eq!(taken("GET /a/{b}", "/a/"), None);
        assert_eq!(taken("GET /a/{b}", "/a/b/c"), None);
    }

    #[test]
    fn a_key_that_cannot_be_is_refused() {
        for (key, why) in [
            ("/a", BadRouteKey::Shape),
            ("GET a", BadRouteKey::Shape),
            ("FETCH /a", BadRouteKey::Method),
            ("GET /{a+}/b", BadRouteKey::Part),
            ("GET /a{b}", BadRouteKey::Part),
            ("GET /{}", BadRouteKey::Part),
        ] {
            assert_eq!(RouteKey::parse(key), Err(why), "{key}");
        }
        assert_eq!(RouteKey::parse("ANY /{proxy+}").unwrap().resource(), "/{proxy+}");
    }
}
