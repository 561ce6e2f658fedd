//! Just enough of XML 1.0 to write a document: elements, attributes, text. Whatever is put in, what comes out is well
//! formed.

use std::fmt::{Display, Write};

/// A document that is being written. Elements are closed in the order that [`Xml::end`] asks for.
#[derive(Debug)]
pub(super) struct Xml {
    out: String,
    /// Names of the elements that are open.
    open: Vec<&'static str>,
    /// The start tag of the innermost one still lacks its bracket.
    in_tag: bool,
    /// The innermost one holds text: its end tag follows at once.
    has_text: bool,
}

impl Xml {
    /// An empty document with room for `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        let mut out = String::with_capacity(capacity);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { out, open: Vec::new(), in_tag: false, has_text: false }
    }

    /// Begins an element.
    pub(super) fn start(&mut self, name: &'static str) -> &mut Self {
        self.close_tag();
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// An attribute of the element that was just begun.
    pub(super) fn attribute(&mut self, name: &str, value: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.out, " {name}=\"");
        escape(&mut self.out, &value.to_string());
        self.out.push('"');
        self
    }

    /// The same, if there is a value.
    pub(super) fn optional(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// The text of the element that was just begun.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
        escape(&mut self.out, text);
        self.has_text = true;
        self
    }

    /// Ends the innermost element.
    pub(super) fn end(&mut self) -> &mut Self {
        let Some(name) = self.open.pop() else { return self };
        if self.in_tag {
            self.out.push_str("/>\n");
        } else {
            if !self.has_text {
                self.indent();
            }
            let _ = writeln!(self.out, "</{name}>");
        }
        (self.in_tag, self.has_text) = (false, false);
        self
    }

    /// The document, with everything that is open ended.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.out.push_str(">\n");
            self.in_tag = false;
        }
    }

    fn indent(&mut self) {
        let _ = write!(self.out, "{:width$}", "", width = 2 * self.open.len());
    }
}

/// Text without what a document must not hold (XML 1.0 2.2), and with what has a meaning (2.4) or would be made a space
/// in an attribute (3.3.3) as references.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_text_stays_as_it_is() {
        let mut xml = Xml::new(0);
        xml.start("a").attribute("n", 1).start("b").text("x & y").end().start("c").end();
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a n=\"1\">\n  <b>x &amp; y</b>\n  <c/>\n</a>\n"
        );
    }

    #[test]
    fn nothing_breaks_out() {
        let mut out = String::new();
        escape(&mut out, "\"><x y='1'>&\u{0}\u{8}\n\u{ffff}\u{1f600}");
        assert_eq!(out, "&quot;&gt;&lt;x y=&apos;1&apos;&gt;&amp;&#10;\u{1f600}");
    }
}
