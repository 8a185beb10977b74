//! AWS Query: a form with `Action` in, XML out; IAM and STS speak it.

use std::fmt::Write as _;

use super::{HttpAnswer, Refusal, answer, rest::pairs};

/// The parameters of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(pairs(&String::from_utf8_lossy(body)))
    }

    /// A call from inside the cloud, with these parameters.
    pub(crate) fn of<const N: usize>(parameters: [(&str, &str); N]) -> Self {
        Self(parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    /// Every parameter, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter, if given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that the call needs.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::new(400, "ValidationError", format!("{name} is missing")))
    }

    /// `Name.member.1`, `.2`, … in order.
    pub(crate) fn members(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|n| self.get(&format!("{name}.member.{n}"))).collect()
    }

    /// `Name.member.1.Key` and `.Value`, … in order.
    pub(crate) fn tags(&self, name: &str) -> Vec<(String, String)> {
        (1..)
            .map_while(|n| {
                let key = self.get(&format!("{name}.member.{n}.Key"))?;
                let value = self.get(&format!("{name}.member.{n}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }
}

/// XML being written: elements are closed by their scope, text is escaped.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(text));
        self
    }

    /// An element with elements.
    pub(crate) fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        content(self);
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// What was written so far.
    #[cfg(test)]
    pub(crate) fn written(&self) -> &str {
        &self.0
    }

    /// A list: `<name><member>…</member>…</name>`.
    pub(crate) fn list<T>(&mut self, name: &str, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.within(name, |xml| {
            for item in items {
                xml.within("member", |xml| each(xml, item));
            }
        })
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#13;")
}

/// The answer to a call: its result in `<ActionResult>`, or the error.
pub(crate) fn reply(namespace: &str, action: &str, outcome: Result<Xml, Refusal>) -> HttpAnswer {
    let id = crate::random::uuid();
    let (status, body) = match outcome {
        Ok(Xml(result)) => {
            let result = if result.is_empty() { result } else { format!("<{action}Result>{result}</{action}Result>") };
            let meta = format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
            (200, format!("<{action}Response xmlns=\"{namespace}\">{result}{meta}</{action}Response>"))
        }
        Err(refusal) => {
            let mut error = Xml::default();
            error.within("Error", |xml| {
                xml.text("Type", if refusal.status < 500 { "Sender" } else { "Receiver" });
                xml.text("Code", &refusal.code).text("Message", &refusal.message);
            });
            error.text("RequestId", &id);
            (refusal.status, format!("<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>", error.0))
        }
    };
    answer(status, &[("content-type", "text/xml"), ("x-amzn-requestid", &id)], body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forms_tags_are_read_in_order() {
        let form = Form::parse(b"Tags.member.1.Key=a&Tags.member.1.Value=1&Tags.member.2.Key=b&TagKeys.member.1=x");
        assert_eq!(form.tags("Tags"), vec![("a".into(), "1".into()), ("b".into(), String::new())]);
        assert_eq!(form.members("TagKeys"), vec!["x"]);
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let mut xml = Xml::default();
        xml.text("a", "</a><b>&\"");
        assert_eq!(xml.0, "<a>&lt;/a&gt;&lt;b&gt;&amp;&quot;</a>");
    }
}
