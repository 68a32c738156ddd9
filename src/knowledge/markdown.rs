//! Markdown: sections at headings. Called by `read`; pure.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::chunk::{HeadingPath, Section, between};

pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut cuts = Vec::new();
    let mut path = HeadingPath::default();
    let mut open: Option<(usize, usize, String)> = None;
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                open = Some((range.start, level as usize, String::new()));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, _, title)) = &mut open {
                    title.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((at, level, title)) = open.take() {
                    // A heading inside a quote or a list starts at its mark, not at the line's first byte.
                    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                    cuts.push((line, path.open(level, &title)));
                }
            }
            _ => {}
        }
    }
    between(cuts, "", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_make_sections_with_their_path_and_fences_do_not() {
        let text = "intro\n\n# Heap `q`\n\na\n\n```\n# not a heading\n```\n\n## Use\n\nb\n\nOther\n=====\n\nc\n";
        let got = sections(text);
        let headings: Vec<&str> = got.iter().map(|s| s.heading.as_str()).collect();
        assert_eq!(headings, ["", "Heap q", "Heap q > Use", "Other"]);
        assert!(text[got[2].start..].starts_with("## Use"));
        assert_eq!(got[3].end, text.len());
    }
}
